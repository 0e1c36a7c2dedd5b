"""Where a run works, and its hold on that place (H-78).

There is one place, the host of the runner that claimed the run, so the claim is the lease: the transaction that
claims a run acquires it, and the one that ends the run lets go of it, however the run ends. No row of its own could
outlive the run, or be forgotten by a crash.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from heartbeat.choices import RunStatus
from heartbeat.models import Run


class LeaseStatus(StrEnum):
    """What became of a run's hold on its place."""

    ACTIVE = "active"
    RELEASED = "released"
    FAILED = "failed"


@dataclass(frozen=True)
class Environment:
    """A place where runs work."""

    name: str
    driver: str


@dataclass(frozen=True)
class Lease:
    """A run's hold on its place; `failure_reason` is the error code of a run that went wrong."""

    run_id: UUID
    status: LeaseStatus
    acquired_at: datetime
    released_at: datetime | None
    failure_reason: str | None


LOCAL = Environment(name="Local", driver="local")


def lease_of(run: Run) -> Lease | None:
    """Return the hold of `run` on its host, None when no runner ever claimed it."""
    if run.started_at is None:
        return None
    failed = run.status in (RunStatus.FAILED, RunStatus.TIMED_OUT)
    status = LeaseStatus.FAILED if failed else LeaseStatus.RELEASED
    if run.status == RunStatus.RUNNING:
        status = LeaseStatus.ACTIVE
    return Lease(run.pk, status, run.started_at, run.finished_at, run.error_code if failed else None)
