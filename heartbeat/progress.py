"""What a runner notes of a run on its way. Every write is fenced by the claim token."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import F

from heartbeat.choices import RUN_TERMINAL, RunStatus
from heartbeat.models import Run


def mark_started(
    *, run_id: UUID, claim_token: UUID, pid: int, group_id: int, log_ref: str, started_at: datetime
) -> bool:
    """Keep which process carries the run; False when the claim is no longer valid."""
    return bool(
        Run.objects.filter(pk=run_id, claim_token=claim_token, status=RunStatus.RUNNING).update(
            process_pid=pid,
            process_group_id=group_id,
            process_started_at=started_at,
            log_store="local_file",
            log_ref=log_ref,
        )
    )


def mark_output(*, run_id: UUID, claim_token: UUID, log_bytes: int, at: datetime, now: datetime) -> bool:
    """Keep that the run has said something, and how long its log is in bytes (H-91)."""
    return bool(
        Run.objects.filter(pk=run_id, claim_token=claim_token, status=RunStatus.RUNNING).update(
            last_output_at=at,
            last_output_bytes=log_bytes,
            last_output_seq=F("last_output_seq") + 1,
            updated_at=now,
        )
    )


def is_over(status: str) -> bool:
    """Return whether a run of this status has ended."""
    return status in RUN_TERMINAL
