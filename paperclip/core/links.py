"""Links: how a row of any floor is named and reached on the board.

A page of a lower floor may have to name things of a higher one: the activity list names issues and runs. Each
floor registers how its rows are named; whoever shows an id asks here, for many ids at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from paperclip.core import naming


@dataclass(frozen=True)
class Link:
    """A name to show, the address behind it, and what to say when the pointer rests on it."""

    text: str
    url: str
    title: str = ""


Resolver = Callable[[UUID, Collection[UUID]], dict[UUID, Link]]
_resolvers: dict[str, Resolver] = {}


def register(kind: str, resolver: Resolver) -> None:
    """Let rows of `kind` (an activity's `entity_type`) be named by `resolver(company_id, ids)`."""
    _resolvers[kind] = resolver


def resolve(company_id: UUID, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Link]:
    """Return links for (kind, id) pairs of one company, one query per kind; unknown ones are left out."""
    ids: dict[str, dict[UUID, str]] = defaultdict(dict)
    for kind, text in wanted:
        row_id = naming.as_field_uuid(text)
        if row_id is not None and kind in _resolvers:
            ids[kind][row_id] = text
    return {
        (kind, texts[row_id]): link
        for kind, texts in ids.items()
        for row_id, link in _resolvers[kind](company_id, texts.keys()).items()
    }
