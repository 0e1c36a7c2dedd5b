"""Shortnames: how agents and projects are named in addresses, and are kept apart (C-40, C-42)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

from paperclip.core import naming
from paperclip.core.errors import Conflict, NotFound

_LAST_NUMBER = 100


class Named(Protocol):
    """A row with a shortname."""

    @property
    def url_key(self) -> str:
        """The shortname."""
        ...


_Row = TypeVar("_Row", bound=Named)


def free_name(name: str, taken: Iterable[str]) -> str:
    """Return `name`, or the first of `name 2` … `name 100` whose shortname is not in `taken`.

    A name without a single letter of a-z or digit has no shortname and cannot collide. Raises Conflict when
    all are taken.
    """
    used = set(taken)
    if not naming.slug(name) or naming.slug(name) not in used:
        return name
    for number in range(2, _LAST_NUMBER + 1):
        candidate = f"{name} {number}"
        if naming.slug(candidate) not in used:
            return candidate
    raise Conflict(
        f"Every shortname from '{naming.slug(name)}' to '{naming.slug(name)}-{_LAST_NUMBER}' is in use"
    )


def find(rows: Iterable[_Row], reference: str, *, what: str, ambiguous: str) -> _Row:
    """Return the one row whose shortname is `reference`, in any letter case.

    Raises NotFound `<what> not found`, or Conflict with the text `ambiguous` when several match.
    """
    wanted = reference.strip().lower()
    found = [row for row in rows if row.url_key == wanted]
    if not found:
        raise NotFound(f"{what} not found")
    if len(found) > 1:
        raise Conflict(ambiguous)
    return found[0]
