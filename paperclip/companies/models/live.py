from __future__ import annotations

from django.db import models

from paperclip.companies.models.company import Company


class LiveEvent(models.Model):
    """News of a company, kept for minutes (K-48). Written by triggers, within the transaction of its cause.

    A column the ORM does not know, `xid`, names that transaction: by it a reader tells what it has not seen yet.
    """

    id = models.BigAutoField(primary_key=True)
    # No foreign key: nothing but a trigger writes here, and a row outlives a company by minutes at most.
    company_id = models.UUIDField()
    type = models.CharField(max_length=48)
    payload = models.JSONField()
    created_at = models.DateTimeField()

    class Meta:
        db_table = "live_events"

    def __str__(self) -> str:
        return f"{self.type} {self.pk}"


class LiveListener(models.Model):
    """That somebody listens to a company, or did minutes ago: without that, no output of runs is told."""

    company = models.OneToOneField(Company, on_delete=models.CASCADE, primary_key=True)
    until = models.DateTimeField()

    class Meta:
        db_table = "live_listeners"

    def __str__(self) -> str:
        return f"{self.company_id} until {self.until}"
