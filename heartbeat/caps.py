"""How many runs a company may have at work at once, over all its agents and all hosts (field note 15)."""

from __future__ import annotations

from uuid import UUID

from django.db import connection

from heartbeat.choices import RunStatus
from heartbeat.models import Run
from paperclip.companies.models import Company


def has_room(company_id: UUID) -> bool:
    """Whether the company may have one more run at work. Until the transaction ends nobody else may ask.

    So of runners on several hosts that claim side by side, each counts what the one before has taken.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 3))", [str(company_id)])
    cap = Company.objects.filter(pk=company_id).values_list("max_concurrent_runs", flat=True).first()
    if cap is None:
        return True
    return Run.objects.filter(company_id=company_id, status=RunStatus.RUNNING).count() < cap
