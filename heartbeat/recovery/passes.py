"""How a pass over many issues is done: alone, in pages, each issue for itself.

A pass opens no transaction around itself: what it does to one issue commits with it, so locks are held for
milliseconds and a failure costs one issue its turn, not the others theirs (beats HW-14).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection, transaction

from paperclip.core import locks

log = logging.getLogger(__name__)

PAGE = 500
_NO_ONE = UUID(int=0)
_Figures = TypeVar("_Figures", covariant=True)
_Done = TypeVar("_Done")
_Row = TypeVar("_Row", bound=tuple[Any, ...])


class Sweep(Protocol[_Figures]):
    """A pass: does what is due at `now` and returns its figures."""

    def __call__(self, *, now: datetime) -> _Figures: ...


def alone(name: str, sweep: Sweep[_Done]) -> Sweep[_Done | None]:
    """Return `sweep` as a duty that one host does at a time; others get None."""

    def do(*, now: datetime) -> _Done | None:
        with locks.held(name) as mine:
            return sweep(now=now) if mine else None

    return do


def each(name: str, row_id: UUID, step: Callable[[], _Done]) -> _Done | None:
    """Do `step` in a transaction of its own and return what it returns; None when it failed, which is logged.

    Raises when the database itself is away: then there is no use in going on.
    """
    try:
        with transaction.atomic():
            return step()
    except (OperationalError, InterfaceError) as error:
        if not connection.is_usable():
            raise
        # A deadlock or a lock that was not to be had: the next pass tries again.
        log.warning("%s: %s: %s", name, row_id, error)
    except Exception:
        log.exception("%s: %s failed; the next pass tries again", name, row_id)
    return None


def pages(find: Callable[[UUID], Sequence[_Row]]) -> Iterator[Sequence[_Row]]:
    """Yield pages of rows, each with its id first; `find` returns the next at most PAGE rows after an id, in order."""
    after = _NO_ONE
    while True:
        rows = find(after)
        if rows:
            yield rows
        if len(rows) < PAGE:
            return
        after = rows[-1][0]
