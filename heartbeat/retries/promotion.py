"""Retries whose time has come are queued, or dropped when something stands against them by now (H-25, H-26, H-130).

Due runs are taken in small transactions. Whatever is locked by somebody else is passed over and looked at again, so
that promoters on several hosts never wait for each other and never take the same run: a run is queued by one
conditional update. What the gates look at is read once per batch, not once per run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from heartbeat import context as contexts
from heartbeat import gates, wakeups
from heartbeat.choices import EventLevel, EventType, RunStatus, Stream
from heartbeat.gates import Facts, Refused
from heartbeat.models import LoopStop, Run
from heartbeat.retries import requeue
from issues import blockers, holds
from issues.models import Issue
from paperclip.companies.models import Agent
from paperclip.core import clock
from paperclip.governance import policies

NAME = "heartbeat.retries"
# A transaction this large takes some hundredths of a second; smaller ones cost more per run.
BATCH = 200
MOST_AT_ONCE = 1000


@dataclass(frozen=True)
class Pass:
    """What one pass did."""

    promoted: int = 0
    dropped: int = 0
    run_ids: list[str] = field(default_factory=list)


def promote_due(*, now: datetime, limit: int = BATCH, most: int = MOST_AT_ONCE) -> Pass:
    """Queue the retries that are due at `now`, the longest due first; anybody may call this at any time.

    Each transaction takes `limit` runs, each call at most `most`; the next call goes on.
    """
    promoted: list[UUID] = []
    dropped = 0
    passed_over: list[UUID] = []
    while len(promoted) + dropped + len(passed_over) < most:
        batch = _promote_batch(passed_over, now=now, limit=limit)
        promoted += batch.promoted
        dropped += batch.dropped
        passed_over += batch.passed_over
        if batch.is_last:
            break
    return Pass(len(promoted), dropped, [str(run_id) for run_id in promoted])


def next_due(now: datetime) -> datetime | None:
    """Return when the next waiting retry is due, None when none waits; `now` plays no part."""
    waiting = Run.objects.filter(status=RunStatus.SCHEDULED_RETRY).order_by(
        "scheduled_retry_at", "created_at"
    )
    return waiting.values_list("scheduled_retry_at", flat=True).first()


def promote(run: Run, facts: Facts, *, now: datetime) -> Refused | None:
    """Queue one waiting run, or drop it and return why (H-131).

    The caller holds the locks of its agent, issue and row, and has made sure that it waits and is due.
    """
    refused = gates.at_promotion(facts)
    if refused is not None:
        _drop(run, refused, now=now)
        return refused
    _queue([run.pk], now=now)
    wakeups.announce()
    return None


# --- A batch ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Batch:
    promoted: Sequence[UUID]
    dropped: int
    passed_over: Sequence[UUID]
    is_last: bool


@transaction.atomic
def _promote_batch(passed_over: Sequence[UUID], *, now: datetime, limit: int) -> _Batch:
    candidates = _candidates(passed_over, now=now, limit=limit)
    runs = _read(candidates)
    facts = _look(runs, now=now)
    refusals = {run.pk: gates.at_promotion(facts[run.pk]) for run in runs}
    promoted = _queue([run.pk for run in runs if refusals[run.pk] is None], now=now)
    if promoted:
        wakeups.announce()
    dropped = 0
    for run in runs:
        if (refused := refusals[run.pk]) is not None:
            dropped += _drop(run, refused, now=now)
    taken = {run.pk for run in runs}
    return _Batch(
        promoted=promoted,
        dropped=dropped,
        passed_over=[run_id for run_id, _, _ in candidates if run_id not in taken],
        is_last=len(candidates) < limit,
    )


# The order of waiting is kept; what somebody else has locked is theirs for the moment. Nobody is waited for, so the
# run may be locked here, before its issue.
_DUE = """
SELECT run.id, run.agent_id, run.issue_id
FROM heartbeat_runs AS run JOIN agents AS agent ON agent.id = run.agent_id
WHERE run.status = 'scheduled_retry' AND run.scheduled_retry_at <= %(now)s AND run.id <> ALL(%(passed_over)s::uuid[])
ORDER BY run.scheduled_retry_at, run.created_at, run.id
LIMIT %(limit)s
FOR SHARE OF agent SKIP LOCKED FOR NO KEY UPDATE OF run SKIP LOCKED
"""
# What the gates look at; rows are many and wide.
_RUN = (
    "id", "company_id", "agent_id", "issue_id", "status", "wakeup_request_id", "invocation_source",
    "context_snapshot", "scheduled_retry_at", "scheduled_retry_attempt", "scheduled_retry_reason", "created_at",
)  # fmt: skip
_ISSUE = (
    "id", "company_id", "status", "parent_id", "assignee_agent_id", "assignee_user_id", "execution_run_id",
    "project__id", "project__paused_at", "project__pause_reason",
)  # fmt: skip
_AGENT = (
    "id", "name", "status", "pause_reason", "runtime_config", "company__id", "company__status",
    "company__pause_reason",
)  # fmt: skip


def _candidates(
    passed_over: Sequence[UUID], *, now: datetime, limit: int
) -> list[tuple[UUID, UUID, UUID | None]]:
    """Lock due runs and their agents, and return them as (run, agent, issue), the longest due first."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"now": now, "passed_over": list(passed_over), "limit": limit})
        return [(run_id, agent_id, issue_id) for run_id, agent_id, issue_id in cursor.fetchall()]


def _read(found: Sequence[tuple[UUID, UUID, UUID | None]]) -> list[Run]:
    """Lock the issues that can be had, and return the runs of these, and those without one, with what is asked."""
    if not found:
        return []
    named = {issue_id for _, _, issue_id in found if issue_id is not None}
    rows = Issue.objects.select_for_update(no_key=True, of=("self",), skip_locked=True)
    issues = {issue.pk: issue for issue in rows.select_related("project").only(*_ISSUE).filter(pk__in=named)}
    held = named - issues.keys()
    agents = (
        Agent.objects.select_related("company").only(*_AGENT).in_bulk({agent_id for _, agent_id, _ in found})
    )
    free = [run_id for run_id, _, issue_id in found if issue_id not in held]
    runs = Run.objects.only(*_RUN).in_bulk(free)
    for run in runs.values():
        run.agent = agents[run.agent_id]
        run.issue = issues[run.issue_id] if run.issue_id is not None else None
    return [runs[run_id] for run_id in free]


def _look(runs: Sequence[Run], *, now: datetime) -> dict[UUID, Facts]:
    """Return what the gates look at for each run, read for all at once.

    The few that a pause or a loop stop may concern are looked at one by one, for more than their rows counts.
    """
    issue_ids = [run.issue_id for run in runs if run.issue_id is not None]
    ready = blockers.readiness_of(issue_ids)
    held = holds.gates_of(issue_ids) if issue_ids else {}
    stops = LoopStop.objects.filter(agent_id__in={run.agent_id for run in runs}, closed_at__isnull=True)
    stopped = set(stops.values_list("agent_id", "issue_id"))
    spent = policies.spent_scopes({run.company_id for run in runs}) if runs else frozenset()
    facts: dict[UUID, Facts] = {}
    for run in runs:
        context = contexts.read(run.context_snapshot)
        if run.issue_id in held or (run.agent_id, run.issue_id) in stopped:
            facts[run.pk] = gates.look(
                agent=run.agent,
                context=context,
                source=run.invocation_source,
                issue=run.issue,
                requester=(requeue.ACTOR.type, requeue.ACTOR.id),
                run=run,
                now=now,
            )
            continue
        facts[run.pk] = Facts(
            agent=run.agent,
            company=run.agent.company,
            context=context,
            source=run.invocation_source,
            issue=run.issue,
            project=run.issue.project if run.issue is not None else None,
            unresolved_blockers=ready[run.issue_id].unresolved_blocker_issue_ids if run.issue_id else (),
            run=run,
            spent=spent,
        )
    return facts


# --- What becomes of a due run ---------------------------------------------------------------------------

# One statement queues the runs and tells it on each: the condition decides, so nobody queues a run twice.
_QUEUE = """
WITH queued AS (
  UPDATE heartbeat_runs
  SET status = 'queued', updated_at = %(now)s, next_event_seq = next_event_seq + 1
  WHERE id = ANY(%(ids)s::uuid[]) AND status = 'scheduled_retry' AND scheduled_retry_at <= %(now)s
  RETURNING id, company_id, agent_id, next_event_seq - 1 AS seq,
            scheduled_retry_attempt, scheduled_retry_at, scheduled_retry_reason
), told AS (
  INSERT INTO heartbeat_run_events
    (company_id, run_id, agent_id, seq, event_type, stream, level, message, payload, created_at)
  SELECT company_id, id, agent_id, seq, %(type)s, %(stream)s, %(level)s, %(message)s,
         jsonb_build_object(
           'scheduledRetryAttempt', scheduled_retry_attempt,
           'scheduledRetryAt',
             to_char(scheduled_retry_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
           'scheduledRetryReason', scheduled_retry_reason),
         %(now)s
  FROM queued
)
SELECT id FROM queued
"""


def _queue(run_ids: Sequence[UUID], *, now: datetime) -> list[UUID]:
    if not run_ids:
        return []
    words: Mapping[str, Any] = {
        "ids": list(run_ids),
        "now": now,
        "type": EventType.LIFECYCLE.value,
        "stream": Stream.SYSTEM.value,
        "level": EventLevel.INFO.value,
        "message": "The retry is due and queued",
    }
    with connection.cursor() as cursor:
        cursor.execute(_QUEUE, words)
        return [run_id for (run_id,) in cursor.fetchall()]


def _drop(run: Run, refused: Refused, *, now: datetime) -> bool:
    told = {
        **refused.details,
        "scheduledRetryAttempt": run.scheduled_retry_attempt,
        "scheduledRetryAt": clock.iso(run.scheduled_retry_at) if run.scheduled_retry_at else None,
        "scheduledRetryReason": run.scheduled_retry_reason,
    }
    return wakeups.drop_waiting(run, replace(refused, details=told), now=now)
