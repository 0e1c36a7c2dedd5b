"""Saying that something has become due, so that whoever does due work looks at once and not at its next look."""

from __future__ import annotations

from django.db import connection

CHANNEL = "paperclip_due"


def announce() -> None:
    """Tell every runner, when the transaction around this commits, to ask again what is due next."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])
