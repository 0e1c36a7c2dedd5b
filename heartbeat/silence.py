"""How long runs have said nothing, and what was said about that (H-152 to H-154)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Coalesce

from heartbeat.choices import RunStatus, WatchdogVerdict
from heartbeat.models import Run, WatchdogDecision
from issues.choices import CLOSED, OriginKind
from issues.models import Issue

SUSPICIOUS = timedelta(hours=1)
CRITICAL = timedelta(hours=4)
KIND = OriginKind.STALE_ACTIVE_RUN_EVALUATION


@dataclass(frozen=True)
class Silence:
    """One run's silence; `since` is when it last said something or began. `level` is H-154's word."""

    run: Run
    since: datetime
    level: str
    age_ms: int | None = None
    snoozed_until: datetime | None = None
    evaluation: Issue | None = None

    def told(self) -> dict[str, Any]:
        """Return the silence as the interface shows it (H-154)."""
        found = self.evaluation
        return {
            "last_output_at": self.run.last_output_at,
            "last_output_seq": self.run.last_output_seq,
            "last_output_stream": self.run.last_output_stream,
            "silence_started_at": self.since if self.age_ms is not None else None,
            "silence_age_ms": self.age_ms,
            "level": self.level,
            "suspicion_threshold_ms": _ms(SUSPICIOUS),
            "critical_threshold_ms": _ms(CRITICAL),
            "snoozed_until": self.snoozed_until,
            "evaluation_issue_id": found.pk if found else None,
            "evaluation_issue_identifier": found.identifier if found else None,
            "evaluation_issue_assignee_agent_id": found.assignee_agent_id if found else None,
        }


def of(run: Run, *, now: datetime) -> Silence:
    """Return how silent `run` is."""
    return of_many([run], now=now)[run.pk]


def of_many(runs: Sequence[Run], *, now: datetime) -> dict[UUID, Silence]:
    """Return how silent each of `runs` is, in two queries; none when none of them is running."""
    running = [run.pk for run in runs if run.status == RunStatus.RUNNING]
    quiet = quiet_until(running, now=now)
    evaluations = open_evaluations(running)
    return {run.pk: _of(run, quiet.get(run.pk), evaluations.get(run.pk), now) for run in runs}


def silent_runs(*, now: datetime) -> QuerySet[Run]:
    """Return running runs that have said nothing for an hour or longer, the longest silent first (H-152)."""
    since = Coalesce("last_output_at", "process_started_at", "started_at", "created_at")
    rows = Run.objects.filter(status=RunStatus.RUNNING).annotate(silent_since=since)
    return rows.filter(silent_since__lte=now - SUSPICIOUS).order_by("silent_since", "id")


def silent_since(run: Run) -> datetime:
    """Return since when a run has said nothing."""
    return run.last_output_at or run.process_started_at or run.started_at or run.created_at


def quiet_until(run_ids: Sequence[UUID], *, now: datetime) -> dict[UUID, datetime]:
    """Return, for runs that somebody looked at, until when the watchdog leaves them alone (H-153)."""
    if not run_ids:
        return {}
    rows = WatchdogDecision.objects.filter(run_id__in=run_ids, snoozed_until__gt=now)
    rows = rows.exclude(decision=WatchdogVerdict.DISMISSED).order_by("created_at", "id")
    return {
        run_id: until for run_id, until in rows.values_list("run_id", "snoozed_until") if until is not None
    }


def open_evaluations(run_ids: Sequence[UUID]) -> dict[UUID, Issue]:
    """Return the open issues in which somebody looks at the runs."""
    if not run_ids:
        return {}
    rows = Issue.objects.filter(
        origin_kind=KIND, origin_id__in=[str(run_id) for run_id in run_ids], hidden_at__isnull=True
    ).exclude(status__in=CLOSED)
    wanted = rows.only("id", "identifier", "assignee_agent_id", "origin_id", "priority", "company_id")
    return {UUID(issue.origin_id): issue for issue in wanted if issue.origin_id}


def _of(run: Run, quiet: datetime | None, evaluation: Issue | None, now: datetime) -> Silence:
    since = silent_since(run)
    if run.status != RunStatus.RUNNING:
        return Silence(run, since, "not_applicable")
    age = now - since
    level = "critical" if age >= CRITICAL else "suspicious" if age >= SUSPICIOUS else "ok"
    if quiet is not None:
        level = "snoozed"
    return Silence(run, since, level, _ms(age), quiet, evaluation)


def _ms(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)
