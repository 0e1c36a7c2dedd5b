"""Long lists piece by piece: what lies behind an entry, in the list's order (IW-35)."""

from __future__ import annotations

from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet

_Row = TypeVar("_Row", bound=Model)


def behind(rows: QuerySet[_Row], anchor: UUID | None, *order: str) -> QuerySet[_Row]:
    """Return `rows` in an order; with an `anchor` only those behind the row of that id, none when it is not among them.

    `order` names columns, all ascending or all with a minus, that no two rows share.
    """
    rows = rows.order_by(*order)
    if anchor is None:
        return rows
    columns = [column.removeprefix("-") for column in order]
    values = rows.filter(pk=anchor).values_list(*columns).first()
    if values is None:
        return rows.none()
    side = "lt" if order[0].startswith("-") else "gt"
    beyond = Q()
    for depth, column in enumerate(columns):
        same: dict[str, Any] = dict(zip(columns[:depth], values, strict=False))
        beyond |= Q(**same, **{f"{column}__{side}": values[depth]})
    return rows.filter(beyond)
