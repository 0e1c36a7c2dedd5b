"""Names: the interface's camelCase, shortnames, and references in paths."""

from __future__ import annotations

import re
from functools import lru_cache
from uuid import UUID

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
_ANY_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_IDENTIFIER = re.compile(r"[A-Z][A-Z0-9]*-\d{1,10}")


@lru_cache(maxsize=4096)  # names may be a caller's own
def camel(name: str) -> str:
    """Return `started_at` as `startedAt`."""
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


def slug(name: str) -> str:
    """Return the shortname of `name`: lower-cased, runs of anything but a-z0-9 turned into `-` (C-40)."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def as_uuid(text: str) -> UUID | None:
    """Return the UUID that a path reference names, or None when it must be read as a shortname (C-7)."""
    return UUID(text) if _UUID.fullmatch(text) else None


def as_field_uuid(text: str) -> UUID | None:
    """Return the UUID of a body or query field: any 8-4-4-4-12 hex (C-7), or None."""
    return UUID(text) if _ANY_UUID.fullmatch(text) else None


def as_identifier(text: str) -> str | None:
    """Return `text` as an issue identifier such as `PAP-12`, or None when it is none (I-6)."""
    candidate = text.strip().upper()
    return candidate if _IDENTIFIER.fullmatch(candidate) else None
