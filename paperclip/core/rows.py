"""Reading a row."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import QuerySet

_Row = TypeVar("_Row")


def one(rows: QuerySet[Any, _Row]) -> _Row | None:
    """Return the row of `rows`, which hold one at most, or None; `first()` would have them put in order before."""
    return next(iter(rows[:1]), None)
