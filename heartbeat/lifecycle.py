"""How a run ends: finished by its program, lost with it, or cancelled (H-30 to H-36, H-95 to H-100, section 8).

Everything that follows from an end commits with it: outcome, wakeup request, issue lock, waiting wakes, the one
follow-up, cost, session and the agent's status. Every write is fenced by the claim token, so a runner that lost a
run cannot end it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from heartbeat import (
    accounting,
    breaker,
    comment_policy,
    drops,
    endings,
    events,
    followups,
    liveness,
    outcomes,
    providers,
    summaries,
    totals,
    wakeups,
)
from heartbeat.adapters.base import Result
from heartbeat.choices import RUN_LIVE, EventLevel, RunStatus, WakeupStatus
from heartbeat.endings import Ending
from heartbeat.gates import NOBODY, Requester
from heartbeat.models import Run
from heartbeat.outcomes import Remains, Verdict
from heartbeat.retries import diagnosis
from issues.models import Issue
from paperclip.companies import activity
from paperclip.companies.actors import Actor
from paperclip.companies.choices import AGENT_NOT_INVOKABLE, AgentStatus
from paperclip.companies.models import Agent
from paperclip.core import redaction

CANCEL_CHANNEL = "paperclip_cancel"


@transaction.atomic
def finish(*, run_id: UUID, claim_token: UUID, result: Result, remains: Remains, now: datetime) -> Run | None:
    """End a running run by what its program left behind; return it, or None when the claim is no longer valid.

    `now` is the time of the end. Repeating the call changes nothing.
    """
    accounting.hold_ledger(run_id, result)
    run = _locked(run_id)
    if run is None or run.status != RunStatus.RUNNING or run.claim_token != claim_token:
        return None
    result = outcomes.storable(result)
    verdict = outcomes.decide(result=result, remains=remains, cancel_reason=_cancel_reason(run))
    _end(run, verdict, result, remains, now=now)
    return run


@transaction.atomic
def lose(*, run_id: UUID, message: str, remains: Remains, now: datetime) -> Run | None:
    """End a running run whose program or runner is gone (H-140); return it, or None when it is not running."""
    run = _locked(run_id)
    if run is None or run.status != RunStatus.RUNNING:
        return None
    result = Result(error_message=message, error_code=endings.PROCESS_LOST)
    verdict = outcomes.decide(result=result, remains=remains, cancel_reason=_cancel_reason(run))
    _end(run, verdict, result, remains, now=now)
    return run


@transaction.atomic
def cancel(*, run_id: UUID, reason: str, actor: Actor, now: datetime) -> Run | None:
    """Stop a live run for good; a person's cancel is never tried again (beats HW-2).

    A run that waits ends at once. A running one is marked, its runner is told, and it ends as `cancelled` when its
    program is gone: nothing may start on the issue before. Returns the run, None when there is none.
    """
    run = _locked(run_id)
    if run is None or run.status not in RUN_LIVE:
        return run
    stop = {"cancel_requested_at": now, "cancel_reason": reason, "updated_at": now}
    if run.status != RunStatus.RUNNING:
        Run.objects.filter(pk=run.pk).update(**stop)
        if drops.end(run, code="cancelled", message=reason, now=now) and run.issue_id is not None:
            wakeups.promote_deferred(issue_id=run.issue_id, now=now)
    elif run.cancel_requested_at is None:
        Run.objects.filter(pk=run.pk).update(**stop)
        payload = {"actorType": actor.type, "actorId": actor.id}
        events.append(run, f"Stop requested: {reason}", now=now, level=EventLevel.WARN, payload=payload)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [CANCEL_CHANNEL, str(run.pk)])
    run.refresh_from_db()
    return run


def record_cancel(run: Run, *, actor: Actor, source: str | None, now: datetime) -> None:
    """Write to the activity log that somebody cancelled `run`."""
    details = {"agentId": run.agent_id, "source": source, "issueId": run.issue_id}
    activity.record(
        company_id=run.company_id,
        actor=actor,
        action="heartbeat.cancelled",
        entity_type="heartbeat_run",
        entity_id=run.pk,
        details={key: value for key, value in details.items() if value is not None},
        now=now,
    )


def _locked(run_id: UUID) -> Run | None:
    """Lock agent, issue and run, in that order, and return the run with its agent and issue."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT agent_id, issue_id FROM heartbeat_runs WHERE id = %s", [run_id])
        found = cursor.fetchone()
    if found is None:
        return None
    agent_id, issue_id = found
    agent = (
        Agent.objects.select_for_update(no_key=True, of=("self",)).select_related("company").get(pk=agent_id)
    )
    issues = Issue.objects.select_for_update(no_key=True, of=("self",)).select_related("project")
    issue = issues.filter(pk=issue_id).first() if issue_id is not None else None
    run = Run.objects.select_for_update(no_key=True).get(pk=run_id)
    run.agent, run.issue = agent, issue
    return run


def _end(run: Run, verdict: Verdict, result: Result, remains: Remains, *, now: datetime) -> None:
    """Write the end and everything that follows from it, in the order of H-100; the caller holds the locks."""
    outcome = {
        "status": verdict.status,
        "error": redaction.text(verdict.error) if verdict.error else None,
        "error_code": verdict.error_code,
        "finished_at": now,
        "updated_at": now,
        "usage_json": accounting.usage_json(run, result),
        "result_json": outcomes.result_json(run, verdict, result, remains),
        "session_id_after": result.session_display_id,
        **outcomes.columns(run, remains),
    }
    ending = Ending(run=run, issue=run.issue, now=now)
    _reflect(run, outcome)
    _write(run, {**outcome, **diagnosis.columns(run), **liveness.columns(ending)})
    requester = _tell_end(run, now=now)
    accounting.charge(run, result, now=now)
    totals.keep(run, result, now=now)
    last_word = summaries.post_last_word(ending)
    providers.heard(run=run, now=now)
    is_stopped = breaker.look(run, requester=requester, now=now)
    left = _leave_on_issue(ending, last_word)
    decision = followups.settle(ending, is_stopped=is_stopped)
    _write(run, {**left, **followups.columns(decision)})
    _settle_agent(run, now=now)


def _leave_on_issue(ending: Ending, last_word: UUID | None) -> dict[str, Any]:
    """Leave on the issue how its work stands; return what the comment policy has to say of the run."""
    if ending.issue is None:
        return {}
    judgement = comment_policy.judge(ending, last_word=last_word)
    if judgement.message is not None:
        events.append(ending.run, judgement.message, now=ending.now, level=judgement.level)
    summaries.refresh(ending)
    left = comment_policy.columns(judgement, now=ending.now)
    _reflect(ending.run, left)
    return left


def _write(run: Run, values: Mapping[str, Any]) -> None:
    Run.objects.filter(pk=run.pk).update(**values)
    _reflect(run, values)


def _reflect(run: Run, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(run, name, value)


def _tell_end(run: Run, *, now: datetime) -> Requester:
    """End the request of the run, tell the end on the run, and return who had made the request (H-36)."""
    succeeded = run.status == RunStatus.SUCCEEDED
    lost = run.error_code == endings.PROCESS_LOST
    payload = {
        "status": run.status,
        "exitCode": run.exit_code,
        "signal": run.signal,
        **({"processPid": run.process_pid, "processGroupId": run.process_group_id} if lost else {}),
    }
    values = events.values_of(
        run,
        "Run succeeded" if succeeded else f"Run {run.get_status_display().lower()}: {run.error}",
        now=now,
        level=EventLevel.INFO if succeeded else EventLevel.ERROR,
        payload=payload,
    )
    ended = {
        "request": run.wakeup_request_id,
        "status": WakeupStatus.COMPLETED if succeeded else run.status,
        "error": run.error,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TELL_END, {**values, **ended})
        return cursor.fetchone() or NOBODY


_TELL_END = f"""
WITH {events.APPEND}, called AS (
  UPDATE agent_wakeup_requests SET status = %(status)s, finished_at = %(now)s, error = %(error)s, updated_at = %(now)s
  WHERE id = %(request)s RETURNING requested_by_actor_type, requested_by_actor_id
)
SELECT * FROM called
"""  # noqa: S608 - put together of constants


def _settle_agent(run: Run, *, now: datetime) -> None:
    """Set the agent's status by what is left running; a pause, approval or end of it is never overwritten (H-35)."""
    went_well = run.status in (RunStatus.SUCCEEDED, RunStatus.CANCELLED)
    with connection.cursor() as cursor:
        cursor.execute(
            _SETTLE,
            {
                "agent": run.agent_id,
                "kept": [status.value for status in AGENT_NOT_INVOKABLE],
                "idle": AgentStatus.IDLE if went_well else AgentStatus.ERROR,
                "now": now,
            },
        )


_SETTLE = """
UPDATE agents SET last_heartbeat_at = %(now)s, updated_at = %(now)s, status = CASE
  WHEN status = ANY(%(kept)s) THEN status
  WHEN EXISTS (SELECT FROM heartbeat_runs WHERE agent_id = agents.id AND status = 'running') THEN 'running'
  ELSE %(idle)s END
WHERE id = %(agent)s
"""


def _cancel_reason(run: Run) -> str | None:
    return None if run.cancel_requested_at is None else run.cancel_reason or "Cancelled"
