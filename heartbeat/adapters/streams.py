"""Programs that print one JSON object to a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

Event = dict[str, Any]


def events(lines: Iterable[str]) -> Iterator[Event]:
    """Yield the objects among `lines`; whatever else a program prints is passed over (A-51)."""
    for line in lines:
        stripped = line.strip()
        if not stripped.startswith("{"):
            continue
        try:
            found = json.loads(stripped)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            yield found


def part(event: Event, key: str) -> Event:
    """Return the object under `key`; anything else is an empty one."""
    found = event.get(key)
    return found if isinstance(found, dict) else {}


def text(event: Event, key: str) -> str | None:
    """Return the text with something in it under `key`."""
    found = event.get(key)
    return found if isinstance(found, str) and found.strip() else None


def count(event: Event, key: str) -> int:
    """Return the count under `key`; anything else is 0."""
    found = event.get(key)
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else 0
