"""Columns read straight into the words of the interface.

A list of a thousand issues must not pay for making a thousand model instances, nor for turning times and ids
into objects and back into text. PostgreSQL writes them as text; the names come from the models.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
import psycopg
from django.core.exceptions import EmptyResultSet
from django.db import connection, models
from django.db.models import Expression, F, Func, QuerySet, TextField
from django.db.models.functions import Cast

from issues.models import Issue
from paperclip.core import naming, redaction

# Older client libraries know no chunks.
_AT_ONCE = 100 if psycopg.capabilities.has_stream_chunked() else 1
_MOMENT = "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"


def moment(column: str) -> str:
    """Return SQL for a time as the interface writes it."""
    return _MOMENT.format(column)


@cache
def names(model: type[models.Model], *, without: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the wire names of a model's columns, in order."""
    return tuple(naming.camel(field.attname) for field in _fields(model, without))


@cache
def select(model: type[models.Model], alias: str, *, without: tuple[str, ...] = ()) -> str:
    """Return the select list of those columns for hand-written SQL."""
    return ", ".join(_sql(field, f"{alias}.{field.column}") for field in _fields(model, without))


def expressions(model: type[models.Model], *, without: tuple[str, ...] = ()) -> list[Expression | F]:
    """Return the same select list for `QuerySet.values_list`."""
    return [_expression(field) for field in _fields(model, without)]


def json_object(pairs: dict[str, str]) -> str:
    """Return SQL for a JSON object of SQL values."""
    return "json_build_object(" + ", ".join(f"'{name}', {value}" for name, value in pairs.items()) + ")"


def rows(sql: str, params: dict[str, Any]) -> list[Sequence[Any]]:
    """Run hand-written SQL and return its rows."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def rows_prepared(sql: str, params: dict[str, Any]) -> list[Sequence[Any]]:
    """Run hand-written SQL that each connection plans once, for statements that take longer to plan than to run.

    Its plan must not depend on what is asked. Parameters are sent apart from the text, so each needs a type: a cast,
    or a column that it is compared with.
    """
    connection.ensure_connection()
    # Django's own wrapper, so that the driver's errors become Django's; its stubs leave it out.
    prepared = connection._prepare_cursor(psycopg.Cursor(connection.connection))  # type: ignore[attr-defined]
    with prepared as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


@dataclass(frozen=True)
class Sheet:
    """How the rows of a list are read.

    `columns` is SQL over a query named `page`. It gives the values of `names` and, last, a JSON object of what is
    seldom set, of which `documents` are JSON themselves. `blank` is a row that has nothing.
    """

    columns: str
    names: tuple[str, ...]
    documents: tuple[str, ...]
    blank: dict[str, Any]


def sheet(
    model: type[models.Model],
    *,
    instead: Mapping[str, str],
    seldom: Collection[str],
    never: Collection[str],
    made: Mapping[str, str],
    also: Mapping[str, Any],
) -> Sheet:
    """Return how to read rows of `model` with all its columns and what is in `also`.

    `instead` gives the SQL of fields that are not shown as they are; those in `never` are null. Those in `seldom` are
    set in few rows: they travel as one JSON object, and only if one of them is set, because a null takes as long to
    come as a value. JSON fields must be among the last two. `made` are further names with the SQL of their JSON, null
    in most rows too.
    """
    single = _fields(model, (*seldom, *never))
    rare = [field for field in _fields(model, tuple(never)) if field.name in seldom]
    columns = [instead.get(field.name) or _sql(field, f"page.{field.column}") for field in single]
    pairs = {naming.camel(field.attname): _json_sql(field, f"page.{field.column}") for field in rare}
    pairs |= made
    is_any = f"num_nonnulls({', '.join([*(f'page.{field.column}' for field in rare), *made.values()])}) > 0"
    columns.append(f"CASE WHEN {is_any} THEN {json_object(pairs)}::text END")
    return Sheet(
        columns=", ".join(columns),
        names=tuple(naming.camel(field.attname) for field in single),
        documents=tuple(naming.camel(field.attname) for field in rare if isinstance(field, models.JSONField)),
        blank=dict.fromkeys((*names(model), *made)) | dict(also),
    )


def page(rows: QuerySet[Any, Any], sheet: Sheet) -> list[dict[str, Any]]:
    """Return the objects of a sliced queryset, in order.

    Only the page is written out, by a query around the queryset's own: turning ten thousand rows into text in order to
    throw most of it away is what a list's time would otherwise grow by. Rows are taken as they come, which lets
    PostgreSQL write the next ones meanwhile and keeps few of them twice.
    """
    try:
        sql, params = rows.query.sql_with_params()
    except EmptyResultSet:
        return []
    found = []
    with connection.cursor() as cursor, connection.wrap_database_errors:
        wrapped = f"SELECT {sheet.columns} FROM ({sql}) AS page"  # noqa: S608  columns of the model
        for values in cursor.stream(wrapped, params, size=_AT_ONCE):
            row = sheet.blank.copy()
            row.update(zip(sheet.names, values, strict=False))
            if values[-1] is not None:
                row |= orjson.loads(values[-1])
                row |= {name: redaction.data(row[name]) for name in sheet.documents}
            found.append(row)
    return found


def array(texts: Iterable[str]) -> str:
    """Return ids as the text of an array, which is written faster than an array of a thousand parameters."""
    return "{" + ",".join(texts) + "}"


def fragment(text: str | None) -> Any:
    """Return JSON text that is written out as it is; nothing is parsed."""
    return None if text is None else orjson.Fragment(text)


def issue(values: Sequence[Any]) -> dict[str, Any]:
    """Return the object of an issue from its columns as `names(Issue)` lists them."""
    row = dict(zip(_ISSUE_NAMES, values, strict=False))
    for name in _ISSUE_JSON:
        if row[name] is not None:
            row[name] = redaction.data(orjson.loads(row[name]))
    return row


def _fields(model: type[models.Model], without: tuple[str, ...]) -> list[Any]:
    return [field for field in model._meta.concrete_fields if field.name not in without]


def _sql(field: Any, column: str) -> str:
    if isinstance(field, models.DateTimeField):
        return moment(column)
    return f"{column}::text" if _is_text_on_the_wire(field) else column


def _json_sql(field: Any, column: str) -> str:
    return column if isinstance(field, models.JSONField) else _sql(field, column)


def _expression(field: Any) -> Expression | F:
    if isinstance(field, models.DateTimeField):
        return Func(F(field.name), template=moment("%(expressions)s"), output_field=TextField())
    return Cast(F(field.attname), TextField()) if _is_text_on_the_wire(field) else F(field.attname)


def _is_text_on_the_wire(field: Any) -> bool:
    return isinstance(field, models.UUIDField | models.ForeignKey | models.JSONField)


_ISSUE_NAMES = names(Issue)
_ISSUE_JSON = tuple(
    naming.camel(field.attname) for field in _fields(Issue, ()) if isinstance(field, models.JSONField)
)
