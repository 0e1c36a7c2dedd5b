"""Placeholders in a routine's title and description: `{{name}}` (R-29)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from routines import values

_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z][A-Za-z0-9_]*)\s*\}\}")
BUILTINS = ("date", "timestamp")
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


def names(title: str, description: str | None) -> list[str]:
    """Return the names that stand in a title and a description, each once, in order, builtins left out (R-24)."""
    found = dict.fromkeys(_PLACEHOLDER.findall(title) + _PLACEHOLDER.findall(description or ""))
    return [name for name in found if name not in BUILTINS]


def render(template: str, given: Mapping[str, Any] | None = None, *, now: datetime) -> str:
    """Return `template` with the product's own placeholders and those `given` filled in (R-30).

    A name without a value stays as typed; what is filled in is not read again.
    """
    known = {name: values.as_text(value) for name, value in (given or {}).items()} | _builtins(now)
    return _PLACEHOLDER.sub(lambda found: known.get(found[1], found[0]), template)


def _builtins(now: datetime) -> dict[str, str]:
    now = now.astimezone(UTC)
    hour = now.hour % 12 or 12
    half = "AM" if now.hour < 12 else "PM"
    spoken = f"{_MONTHS[now.month - 1]} {now.day}, {now.year} at {hour}:{now:%M} {half} UTC"
    return {"date": now.date().isoformat(), "timestamp": spoken}
