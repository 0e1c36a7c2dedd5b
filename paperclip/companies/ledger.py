"""The lock under which a company's money is counted and its budgets are set."""

from __future__ import annotations

from uuid import UUID

from django.db import connection


def lock(company_id: UUID) -> None:
    """Let one writer at a time count or limit what a company spends, until the transaction ends.

    Of reports that come in at once each sees what the one before added, so exactly one crosses a budget (C-89). It
    comes before every row in the order of locks, and no row is held up by it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 4))", [str(company_id)])
