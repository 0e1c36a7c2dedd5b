"""Values as JSON columns hold them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from paperclip.core import clock


def plain(value: Any) -> Any:
    """Return `value` with ids and times as text, so that it may be given as it is at hand."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return clock.iso(value) if isinstance(value, datetime) else str(value)
