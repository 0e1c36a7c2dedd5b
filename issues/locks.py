"""Locks of the issues floor, taken in the order company, relations, issue.

`relations` makes everything that depends on more than one issue a one-at-a-time affair within a company:
edits of blockers and parents, and the closing of issues, whose last one wakes somebody. Two of them side by
side would each miss what the other is doing.
"""

from __future__ import annotations

from uuid import UUID

from django.db import connection

from issues.models import Issue
from paperclip.companies.models import Company
from paperclip.core.errors import NotFound


def issue(issue_id: UUID, *, with_relations: bool = False) -> Issue:
    """Lock one issue for the rest of the transaction and return it as it is now; NotFound when it is gone.

    `with_relations` takes the company's relations lock first. Rows that point at the issue may still be
    written.
    """
    if with_relations:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(company_id::text, 1))"
                " FROM issues WHERE id = %s",
                [issue_id],
            )
    row = Issue.objects.select_for_update(no_key=True).filter(pk=issue_id).first()
    if row is None:
        raise NotFound("Issue not found")
    return row


def relations(company_id: UUID) -> None:
    """Take the company's relations lock for the rest of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", [str(company_id)])


def try_company(company_id: UUID) -> bool:
    """Take the company's row and its relations lock if nobody holds them; whether they are taken.

    For a caller that holds an issue already and so must not wait for what comes before it in the order.
    """
    free = Company.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=company_id)
    if not list(free.values_list("pk")):
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 1))", [str(company_id)])
        row = cursor.fetchone()
    return bool(row and row[0])


def company(company_id: UUID) -> None:
    """Take the company's row, for numbers to be drawn, and then its relations lock."""
    Company.objects.select_for_update(no_key=True).values_list("pk").get(pk=company_id)
    relations(company_id)
