"""Panels: what a higher floor shows on the page of a lower one.

The issue page shows runs, and issues knows nothing of runs: heartbeat registers a panel for the issue's page,
and the page draws every panel registered for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Panel:
    """One section of a page: `template` is rendered with what `context(subject, request)` returns."""

    key: str
    title: str
    template: str
    context: Callable[[Any, Any], dict[str, Any]]
    order: int = 100


_panels: dict[str, list[Panel]] = defaultdict(list)


def register(page: str, panel: Panel) -> None:
    """Add `panel` to `page`, such as `issue` or `agent`. Registering a key again replaces the panel."""
    _panels[page] = sorted(
        [known for known in _panels[page] if known.key != panel.key] + [panel], key=lambda known: known.order
    )


def of(page: str) -> list[Panel]:
    """Return the panels of `page` in their order."""
    return list(_panels[page])
