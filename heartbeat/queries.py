"""What others ask about runs, wakes and runners."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db.models import Count, F, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import TruncDate

from heartbeat import policy
from heartbeat.choices import RUN_LIVE, EventLevel, RunStatus
from heartbeat.models import Run, RunEvent, Runner, Tick
from heartbeat.runner.logs import LogPage
from heartbeat.runner.rundir import RunDir
from issues.models import Issue
from paperclip.companies.choices import AGENT_NOT_INVOKABLE, AgentStatus
from paperclip.companies.models import Activity, Agent
from paperclip.core import clock

EXHAUSTED_PREFIX = "Bounded retry exhausted"
DASHBOARD_DAYS = 14
_ACTIVE = (RunStatus.QUEUED, RunStatus.RUNNING)
_FAILED = (RunStatus.FAILED, RunStatus.TIMED_OUT)


def run_identity(*, run_id: UUID, agent_id: UUID) -> bool:
    """Return whether `run_id` is a running run of `agent_id`: what a run token or run header must name (C-14)."""
    return Run.objects.filter(pk=run_id, agent_id=agent_id, status=RunStatus.RUNNING).exists()


def last_tick_age_seconds(now: datetime | None = None) -> float | None:
    """Return how long ago the scheduler last committed a tick, in seconds; None when it never did."""
    newest = Tick.objects.filter(name="scheduler").aggregate(newest=Max("committed_at"))["newest"]
    return None if newest is None else ((now or clock.now()) - newest).total_seconds()


def company_runs(company_id: UUID, *, agent_id: UUID | None = None) -> QuerySet[Run]:
    """Return a company's runs, newest first, without the columns a list does not show."""
    runs = Run.objects.filter(company_id=company_id).order_by("-created_at", "-id")
    runs = runs.defer("stdout_excerpt", "stderr_excerpt")
    return runs if agent_id is None else runs.filter(agent_id=agent_id)


def live_runs(company_id: UUID, *, least: int, most: int) -> list[Run]:
    """Return queued and running runs, newest first, filled up with recent others to `least` (H-169)."""
    runs = (
        company_runs(company_id)
        .select_related("agent")
        .defer("result_json", "stdout_excerpt", "stderr_excerpt")
    )
    live = list(runs.filter(status__in=_ACTIVE)[:most])
    missing = min(least, most) - len(live)
    if missing > 0:
        live += list(runs.exclude(status__in=_ACTIVE)[:missing])
    return live


def issue_runs(issue: Issue) -> list[Run]:
    """Return every run that worked on an issue or touched it, newest first (H-178)."""
    touched = (
        Activity.objects.filter(entity_type="issue", entity_id=str(issue.pk), run__isnull=False)
        .values_list("run_id", flat=True)
        .distinct()
    )
    runs = Run.objects.filter(Q(issue=issue) | Q(pk__in=touched), company_id=issue.company_id)
    return list(
        runs.select_related("agent").defer("stdout_excerpt", "stderr_excerpt").order_by("-created_at", "-id")
    )


def issue_live_runs(issue: Issue) -> list[Run]:
    """Return the issue's queued and running runs."""
    runs = Run.objects.filter(issue=issue, status__in=_ACTIVE).select_related("agent")
    return list(runs.defer("stdout_excerpt", "stderr_excerpt", "result_json").order_by("-created_at"))


def active_run(issue: Issue) -> Run | None:
    """Return the run that works on the issue: the lock's, else the assignee's running one (H-181)."""
    runs = Run.objects.select_related("agent").filter(issue=issue)
    if issue.execution_run_id is not None:
        holder = runs.filter(pk=issue.execution_run_id, status__in=_ACTIVE).first()
        if holder is not None:
            return holder
    if issue.status != "in_progress":
        return None
    return runs.filter(agent_id__in=[issue.assignee_agent_id], status=RunStatus.RUNNING).first()


def run_issues(run: Run) -> list[dict[str, Any]]:
    """Return the issues a run worked on or touched, its own first, hidden ones left out (H-176)."""
    touched = (
        Activity.objects.filter(run=run, entity_type="issue").values_list("entity_id", flat=True).distinct()
    )
    rows = Issue.objects.filter(
        Q(pk=run.issue_id) | Q(pk__in=list(touched)), company_id=run.company_id, hidden_at__isnull=True
    ).values("id", "identifier", "title", "status", "priority", "issue_number")
    ordered = sorted(rows, key=lambda row: (row["id"] != run.issue_id, row["issue_number"]))
    return [{**row, "issue_id": row["id"]} for row in ordered]


def events(run: Run, *, after: int, limit: int) -> list[RunEvent]:
    """Return up to `limit` events after number `after`, in order (H-174)."""
    return list(RunEvent.objects.filter(run=run, seq__gt=after).order_by("seq")[:limit])


def exhausted_reasons(run_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return for each run whose bounded retries ended the message that says so (H-11)."""
    rows = RunEvent.objects.filter(
        run_id__in=list(run_ids), level=EventLevel.WARN, message__startswith=EXHAUSTED_PREFIX
    ).order_by("seq")
    return {event.run_id: str(event.message) for event in rows}


def read_log(run: Run, *, offset: int, limit_bytes: int) -> LogPage | None:
    """Return a piece of the run's log from `offset` in bytes, None when this host has none (H-175)."""
    directory = RunDir.open(settings.RUNS_ROOT, str(run.pk))
    if directory is None or directory.log_stat() is None:
        return None
    return directory.read_log(offset, limit_bytes)


def log_tail(run_id: UUID, most_bytes: int) -> str:
    """Return the text of the last `most_bytes` of a run's log, empty when this host has none."""
    directory = RunDir.open(settings.RUNS_ROOT, str(run_id))
    stat = directory.log_stat() if directory is not None else None
    if directory is None or stat is None:
        return ""
    page = directory.read_log(max(stat.bytes - most_bytes, 0), most_bytes)
    return "".join(_chunk(line) for line in page.content.splitlines())


def _chunk(line: str) -> str:
    """Return what one line of a log says; nothing of one that was cut off at its beginning."""
    try:
        entry = orjson.loads(line)
    except orjson.JSONDecodeError:
        return ""
    chunk = entry.get("chunk") if isinstance(entry, dict) else None
    return chunk if isinstance(chunk, str) else ""


def run_activity(company_id: UUID, now: datetime) -> list[dict[str, Any]]:
    """Return the dashboard's runs per day by outcome, the last 14 UTC days, oldest first (C-98)."""
    today = now.date()
    first = today - timedelta(days=DASHBOARD_DAYS - 1)
    start = datetime.combine(first, datetime.min.time(), tzinfo=now.tzinfo)
    rows = (
        Run.objects.filter(company_id=company_id, created_at__gte=start)
        .annotate(date=TruncDate("created_at"))
        .values("date")
        .annotate(
            succeeded=Count("id", filter=Q(status=RunStatus.SUCCEEDED)),
            failed=Count("id", filter=Q(status__in=_FAILED)),
            total=Count("id"),
        )
        .order_by("date")
    )
    counts = {row["date"]: row for row in rows}
    days = []
    for number in range(DASHBOARD_DAYS):
        date = first + timedelta(days=number)
        row = counts.get(date, {"succeeded": 0, "failed": 0, "total": 0})
        other = row["total"] - row["succeeded"] - row["failed"]
        days.append(
            {
                "date": date.isoformat(),
                "succeeded": row["succeeded"],
                "failed": row["failed"],
                "other": other,
                "total": row["total"],
            }
        )
    return days


def failed_runs(company_id: UUID, now: datetime) -> int:
    """Return how many agents' latest run failed (C-99); `now` plays no part."""
    latest = Run.objects.filter(agent=OuterRef("pk")).order_by("-created_at", "-id").values("status")[:1]
    agents = Agent.objects.filter(company_id=company_id).exclude(status=AgentStatus.TERMINATED)
    return agents.annotate(latest=Subquery(latest)).filter(latest__in=_FAILED).count()


def dismissed_failures(company_id: UUID, dismissed: Mapping[UUID, datetime]) -> int:
    """Return how many of the runs that `failed_runs` counts were dismissed after they ended (C-99)."""
    newest = Run.objects.filter(agent=OuterRef("agent")).order_by("-created_at", "-id").values("pk")[:1]
    rows = Run.objects.filter(company_id=company_id, pk__in=dismissed, status__in=_FAILED)
    rows = rows.exclude(agent__status=AgentStatus.TERMINATED).filter(pk=Subquery(newest))
    ends = rows.values_list("pk", "finished_at")
    return sum(ended is None or ended <= dismissed[pk] for pk, ended in ends)


def scheduler_heartbeats(company_ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """Return the agents that may run, with their timers; those whose timer ticks first (H-184)."""
    agents = (
        Agent.objects.filter(company_id__in=company_ids)
        .exclude(status__in=AGENT_NOT_INVOKABLE)
        .select_related("company")
    )
    rows = []
    for agent in agents:
        timer = policy.of(agent)
        rows.append(
            {
                "id": agent.pk,
                "company_id": agent.company_id,
                "company_name": agent.company.name,
                "company_issue_prefix": agent.company.issue_prefix,
                "agent_name": agent.name,
                "agent_url_key": agent.url_key,
                "role": agent.role,
                "title": agent.title,
                "status": agent.status,
                "adapter_type": agent.adapter_type,
                "interval_sec": timer.interval_seconds,
                "heartbeat_enabled": timer.timer_enabled,
                "scheduler_active": timer.timer_enabled and timer.interval_seconds > 0,
                "last_heartbeat_at": agent.last_heartbeat_at,
            }
        )
    return sorted(rows, key=lambda row: (not row["scheduler_active"], row["company_name"], row["agent_name"]))


def runners() -> QuerySet[Runner]:
    """Return every runner with the number of runs it follows, the latest seen first."""
    running = Count("runs", filter=Q(runs__status=RunStatus.RUNNING))
    return Runner.objects.annotate(live_runs=running).order_by(F("last_seen_at").desc())


def has_live_run(issue_id: UUID) -> bool:
    """Return whether any run of the issue waits or runs."""
    return Run.objects.filter(issue_id=issue_id, status__in=RUN_LIVE).exists()
