"""Patterns that operators write, matched by PostgreSQL within a bound of time.

A pattern is asked in the transaction that ends a run, so it must not be able to hang. Python's `re` backtracks and
cannot be interrupted; a subprocess per failed run would cost more than the rest of its end. PostgreSQL's engine is
an automaton without catastrophic backtracking once back references are refused, it can be interrupted, and
`statement_timeout` does so. The text is cut besides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import DataError, OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg.errors import QueryCanceled

from heartbeat.retries.classify import TEXT_CHARS
from paperclip.core.errors import Invalid

MATCH_MS = 250
TRY_MS = 3_000


class TooSlow(Exception):
    """Matching did not end in its time."""


def check(pattern: str) -> None:
    """Raise Invalid, naming `pattern`, unless it is a regular expression that can be matched in bounds."""
    if not pattern.strip():
        raise Invalid.at("pattern", message="A pattern must hold something")
    if "\0" in pattern:
        raise Invalid.at("pattern", message="A pattern must not hold null characters")
    try:
        first_match([pattern], "a" * 256)
    except TooSlow:
        raise Invalid.at("pattern", message="This pattern takes too long; write it more simply") from None
    except DataError as error:
        raise Invalid.at("pattern", message=f"Not a regular expression: {_reason(error)}") from None


def first_match(patterns: Sequence[str], text: str) -> int | None:
    """Return the index of the first of `patterns` that occurs in `text`, letter case ignored; None when none does.

    Raises TooSlow after MATCH_MS, and DataError for a pattern that `check` would refuse.
    """
    if not patterns:
        return None
    with _bounded(MATCH_MS) as cursor:
        cursor.execute(_FIRST, {"patterns": _translated(patterns), "text": text[:TEXT_CHARS]})
        found = cursor.fetchone()
    return found[0] - 1 if found else None


def first_matches(choices: Sequence[Sequence[str]], texts: dict[UUID, str]) -> list[dict[UUID, int]]:
    """Return for each list of patterns in `choices`, by the key of every text that matches, the first index.

    Raises TooSlow when all of it takes more than TRY_MS.
    """
    if not texts:
        return [{} for _ in choices]
    found = []
    with _bounded(TRY_MS) as cursor:
        for patterns in choices:
            values: dict[str, Any] = {
                "patterns": _translated(patterns),
                "keys": list(texts),
                "texts": [text[:TEXT_CHARS] for text in texts.values()],
            }
            cursor.execute(_FIRST_OF_EACH, values)
            found.append({key: place - 1 for key, place in cursor.fetchall()})
    return found


_FIRST = """
SELECT place FROM unnest(%(patterns)s::text[]) WITH ORDINALITY AS rule (expression, place)
WHERE %(text)s ~* expression ORDER BY place LIMIT 1
"""
_FIRST_OF_EACH = """
SELECT failure.key, min(rule.place)
FROM unnest(%(keys)s::uuid[], %(texts)s::text[]) AS failure (key, said)
JOIN unnest(%(patterns)s::text[]) WITH ORDINALITY AS rule (expression, place) ON failure.said ~* rule.expression
GROUP BY failure.key
"""


@contextmanager
def _bounded(milliseconds: int) -> Iterator[CursorWrapper]:
    """Give a cursor for reading whose statements end in time; the savepoint takes the limit back with it."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(milliseconds)])
            yield cursor
            transaction.set_rollback(True)
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
        raise TooSlow from error


def _translated(patterns: Sequence[str]) -> list[str]:
    return [_translate(pattern) for pattern in patterns]


def _translate(pattern: str) -> str:
    r"""Return `pattern` in PostgreSQL's dialect, where `\y` is what everybody else writes as `\b`.

    Raises Invalid for a back reference: it alone would need backtracking.
    """
    out: list[str] = []
    position, in_set = 0, False
    while position < len(pattern):
        piece = pattern[position : position + 2] if pattern[position] == "\\" else pattern[position]
        if len(piece) == 2 and not in_set:
            if piece[1] in "123456789":
                raise Invalid.at("pattern", message=r"Back references such as \1 are not possible here")
            piece = {r"\b": r"\y", r"\B": r"\Y"}.get(piece, piece)
        elif piece == "[" and not in_set:
            in_set = True
            # A bracket that opens a set is one of its characters.
            opening = pattern[position : position + 3]
            piece = opening if opening == "[^]" else "[]" if opening.startswith("[]") else piece
        elif piece == "]":
            in_set = False
        out.append(piece)
        position += len(piece)
    return "".join(out)


def _reason(error: DataError) -> str:
    line = str(error).splitlines()[0] if str(error) else ""
    return line.removeprefix("invalid regular expression: ") or "it cannot be read"
