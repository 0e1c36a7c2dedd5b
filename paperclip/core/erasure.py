"""Deleting one row with everything that belongs to it, table by table, whatever apps there are.

The models say what belongs to what. Foreign keys are checked when the transaction commits, so the tables may be
emptied in any order, without reading what is in them: Django's own deletion would load every row first.
"""

# ruff: noqa: S608  (these statements are made of the names of tables and columns; values go in as parameters)

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.models import ForeignKey, Model

_MODELS = tuple[type[Model], ...]


def erase(root: type[Model], pk: Any) -> dict[str, int]:
    """Delete the row `pk` of `root` and all rows that point to it, directly or at one remove.

    Rows of others that merely may point there are let go of. Returns how many rows went, by table. Call within a
    transaction; the commit raises IntegrityError should something be left that cannot be without them.
    """
    owned = tuple(model for model in _models() if model is not root and _keys(model, (root,)))
    gone: dict[str, int] = {}
    for model in (model for model in _models() if model is not root and model not in owned):
        for key in _keys(model, owned):
            for owner in owned:
                if key.related_model is owner:
                    count = _cut(model, key, owner, _keys(owner, (root,))[0], pk)
                    gone[model._meta.db_table] = gone.get(model._meta.db_table, 0) + count
    for model in owned:
        where = " OR ".join(f"{_name(key.column)} = %s" for key in _keys(model, (root,)))
        count = _run(f"DELETE FROM {_table(model)} WHERE {where}", [pk] * len(_keys(model, (root,))))
        gone[model._meta.db_table] = gone.get(model._meta.db_table, 0) + count
    gone[root._meta.db_table] = _run(f"DELETE FROM {_table(root)} WHERE {_name(_pk(root))} = %s", [pk])
    return {table: count for table, count in gone.items() if count}


def _cut(model: type[Model], key: ForeignKey, owner: type[Model], to_root: ForeignKey, pk: Any) -> int:
    """Delete the rows that cannot be without what they point to, and let the others point nowhere."""
    those = f"SELECT {_name(_pk(owner))} FROM {_table(owner)} WHERE {_name(to_root.column)} = %s"
    where = f"{_name(key.column)} IN ({those})"
    if key.null:
        _run(f"UPDATE {_table(model)} SET {_name(key.column)} = NULL WHERE {where}", [pk])
        return 0
    return _run(f"DELETE FROM {_table(model)} WHERE {where}", [pk])


def _models() -> _MODELS:
    return tuple(model for model in apps.get_models(include_auto_created=True) if model._meta.managed)


def _keys(model: type[Model], to: _MODELS) -> list[ForeignKey]:
    return list(_foreign_keys(model, to))


def _foreign_keys(model: type[Model], to: _MODELS) -> Iterator[ForeignKey]:
    for field in model._meta.concrete_fields:
        if isinstance(field, ForeignKey) and field.related_model in to:
            yield field


def _run(statement: str, values: list[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)


def _pk(model: type[Model]) -> str:
    return str(model._meta.pk.column)


def _table(model: type[Model]) -> str:
    return _name(model._meta.db_table)


def _name(name: str) -> str:
    return str(connection.ops.quote_name(name))
