"""Placeholders in a routine's title and description: `{{name}}` (R-29)."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z][A-Za-z0-9_]*)\s*\}\}")
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]  # the wording is interface and must not follow the host's language


def render(template: str, *, now: datetime) -> str:
    """Return `template` with the product's own placeholders filled in (R-30); all others stay as typed."""
    values = _builtins(now.astimezone(UTC))
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), template)


def _builtins(now: datetime) -> dict[str, str]:
    hour = now.hour % 12 or 12
    half = "AM" if now.hour < 12 else "PM"
    spoken = f"{_MONTHS[now.month - 1]} {now.day}, {now.year} at {hour}:{now:%M} {half} UTC"
    return {"date": now.date().isoformat(), "timestamp": spoken}
