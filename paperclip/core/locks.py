"""Advisory locks: one sweep at a time across every host, without a table of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def only_one(name: str) -> Iterator[bool]:
    """Open a transaction and yield whether this caller holds the lock called `name`.

    The lock ends with the transaction, so a crashed holder can never keep it.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_key(name)])
        row = cursor.fetchone()
        yield bool(row and row[0])


@contextmanager
def held(name: str) -> Iterator[bool]:
    """Yield whether this caller holds the lock called `name`, without a transaction around what it does.

    The lock ends here, or with the connection, so a crashed holder can never keep it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_key(name)])
        row = cursor.fetchone()
    mine = bool(row and row[0])
    try:
        yield mine
    finally:
        if mine and connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_key(name)])


def _key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
