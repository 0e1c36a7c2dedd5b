"""The scheduler's door: called by django-q2 by dotted path."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from paperclip.core import clock
from routines import firing


def tick() -> dict[str, Any]:
    """Fire what is due."""
    return asdict(firing.fire_due(now=clock.shared_now()))
