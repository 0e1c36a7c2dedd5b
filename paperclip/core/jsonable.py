"""Values as JSON columns hold them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from paperclip.core import clock

# What PostgreSQL keeps in no text: NUL, and halves of a character that stand alone.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def plain(value: Any) -> Any:
    """Return `value` with ids and times as text, so that it may be given as it is at hand."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return clock.iso(value) if isinstance(value, datetime) else str(value)


def storable(value: Any) -> Any:
    """Return a copy of `value` in which every text can be stored; what cannot becomes the sign for the unreadable."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, Mapping):
        return {storable(key): storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    return value
