"""How a run ends: finished by its program, lost with it, or cancelled (H-30 to H-36, H-95 to H-100, section 8).

Everything that follows from an end commits with it: outcome, wakeup request, issue lock, waiting wakes, the one
follow-up, cost, session and the agent's status. Every write is fenced by the claim token, so a runner that lost a
run cannot end it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F

from heartbeat import (
    accounting,
    breaker,
    comment_policy,
    drops,
    endings,
    events,
    followups,
    liveness,
    providers,
    sessions,
    stops,
    summaries,
    wakeups,
)
from heartbeat import context as contexts
from heartbeat.adapters.base import Result
from heartbeat.choices import RUN_LIVE, RUN_TERMINAL, EventLevel, EventType, RunStatus, WakeupStatus
from heartbeat.endings import Ending
from heartbeat.gates import NOBODY, Requester
from heartbeat.models import Run, RuntimeState
from heartbeat.retries import diagnosis
from issues.models import Issue
from paperclip.companies import activity
from paperclip.companies.actors import Actor
from paperclip.companies.choices import AGENT_NOT_INVOKABLE, AgentStatus
from paperclip.companies.models import Agent
from paperclip.core import jsonable, redaction

CANCEL_CHANNEL = "paperclip_cancel"
_PRINTED = ("stdout", "stderr")
_ERROR_CODE_CHARS = 96
_SESSION_CHARS = 128


@dataclass(frozen=True)
class Remains:
    """What the run directory says of a program's end; sizes in bytes."""

    exit_code: int | None = None
    signal: str | None = None
    timed_out: bool = False
    timeout_seconds: float = 0
    process_pid: int | None = None
    process_group_id: int | None = None
    process_started_at: datetime | None = None
    log_bytes: int | None = None
    log_sha256: str | None = None
    stdout_excerpt: str | None = None
    stderr_excerpt: str | None = None
    last_output_at: datetime | None = None
    last_output_stream: str | None = None
    output_chunks: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What a run came to. `stop_reason` is H-97's word for it."""

    status: str
    error: str | None
    error_code: str | None
    stop_reason: str


def decide_verdict(*, result: Result, remains: Remains, cancel_reason: str | None) -> Verdict:
    """Return the outcome of a run, in the order of H-95; unknown is never success."""
    if cancel_reason is not None:
        return Verdict(RunStatus.CANCELLED, cancel_reason, "cancelled", _cancel_word(cancel_reason))
    if remains.timed_out:
        return Verdict(RunStatus.TIMED_OUT, result.error_message or "Timed out", "timeout", "timeout")
    if remains.exit_code == 0 and result.error_message is None:
        return Verdict(RunStatus.SUCCEEDED, None, None, "completed")
    code = result.error_code or "adapter_failed"
    words = {"max_turns_exhausted": "max_turns_exhausted", "turn_limit_exhausted": "max_turns_exhausted"}
    stop = words.get(code) or ("process_lost" if code == endings.PROCESS_LOST else "adapter_failed")
    return Verdict(RunStatus.FAILED, result.error_message or "The program failed without a word", code, stop)


@transaction.atomic
def finish(*, run_id: UUID, claim_token: UUID, result: Result, remains: Remains, now: datetime) -> Run | None:
    """End a running run by what its program left behind; return it, or None when the claim is no longer valid.

    `now` is the time of the end. Repeating the call changes nothing.
    """
    run = _locked(run_id)
    if run is None or run.status != RunStatus.RUNNING or run.claim_token != claim_token:
        return None
    result = _storable(result)
    verdict = decide_verdict(result=result, remains=remains, cancel_reason=_cancel_reason(run))
    _end(run, verdict, result, remains, now=now)
    return run


@transaction.atomic
def lose(*, run_id: UUID, message: str, remains: Remains, now: datetime) -> Run | None:
    """End a running run whose program or runner is gone (H-140); return it, or None when it is not running."""
    run = _locked(run_id)
    if run is None or run.status != RunStatus.RUNNING:
        return None
    result = Result(error_message=message, error_code=endings.PROCESS_LOST)
    verdict = decide_verdict(result=result, remains=remains, cancel_reason=_cancel_reason(run))
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


def _storable(result: Result) -> Result:
    """Whatever an agent's program writes, its run can end: texts that cannot be stored are mended and cut."""
    mended = {each.name: jsonable.storable(getattr(result, each.name)) for each in fields(result)}
    mended["error_code"] = (mended["error_code"] or "")[:_ERROR_CODE_CHARS] or None
    mended["session_display_id"] = (mended["session_display_id"] or "")[:_SESSION_CHARS] or None
    return Result(**mended)


def _end(run: Run, verdict: Verdict, result: Result, remains: Remains, *, now: datetime) -> None:
    """Write the end and everything that follows from it, in the order of H-100; the caller holds the locks."""
    outcome = {
        "status": verdict.status,
        "error": redaction.text(verdict.error) if verdict.error else None,
        "error_code": verdict.error_code,
        "finished_at": now,
        "updated_at": now,
        "usage_json": accounting.usage_json(run, result),
        "result_json": _result_json(verdict, result, remains),
        "session_id_after": result.session_display_id,
        **_remains_columns(run, remains),
    }
    ending = Ending(run=run, issue=run.issue, now=now)
    _reflect(run, outcome)
    _write(run, {**outcome, **diagnosis.columns(run), **liveness.columns(ending)})
    requester = _end_request(run, now=now)
    _tell_end(run, now=now)
    accounting.charge(run, result, now=now)
    _remember(run, result, now=now)
    last_word = summaries.post_last_word(ending)
    providers.heard(run=run, now=now)
    # What somebody asked for closes no circle, and is by far the most: it is not looked at.
    is_stopped = stops.is_automatic(requester, run.agent) and breaker.look(run, now=now)
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


def _remains_columns(run: Run, remains: Remains) -> dict[str, Any]:
    """Return the columns that the run directory fills; what it does not say stays as it is."""
    return {
        "exit_code": remains.exit_code,
        "signal": remains.signal,
        "process_pid": remains.process_pid or run.process_pid,
        "process_group_id": remains.process_group_id or run.process_group_id,
        "process_started_at": remains.process_started_at or run.process_started_at,
        "log_store": "local_file",
        "log_ref": log_ref(run.pk),
        "log_bytes": remains.log_bytes,
        "log_sha256": remains.log_sha256,
        "stdout_excerpt": remains.stdout_excerpt,
        "stderr_excerpt": remains.stderr_excerpt,
        "last_output_at": remains.last_output_at or run.last_output_at,
        "last_output_stream": remains.last_output_stream or run.last_output_stream,
        "last_output_bytes": remains.log_bytes or run.last_output_bytes,
        "last_output_seq": max(remains.output_chunks, run.last_output_seq),
    }


def _end_request(run: Run, *, now: datetime) -> Requester:
    """End the request of the run and return who made it."""
    status = WakeupStatus.COMPLETED if run.status == RunStatus.SUCCEEDED else run.status
    values = {"id": run.wakeup_request_id, "status": status, "error": run.error, "now": now}
    with connection.cursor() as cursor:
        cursor.execute(_END_REQUEST, values)
        return cursor.fetchone() or NOBODY


_END_REQUEST = """
UPDATE agent_wakeup_requests SET status = %(status)s, finished_at = %(now)s, error = %(error)s, updated_at = %(now)s
WHERE id = %(id)s RETURNING requested_by_actor_type, requested_by_actor_id
"""


def _tell_end(run: Run, *, now: datetime) -> None:
    succeeded = run.status == RunStatus.SUCCEEDED
    lost = run.error_code == endings.PROCESS_LOST
    events.append(
        run,
        "Run succeeded" if succeeded else f"Run {run.get_status_display().lower()}: {run.error}",
        now=now,
        event_type=EventType.LIFECYCLE,
        level=EventLevel.INFO if succeeded else EventLevel.ERROR,
        payload={
            "status": run.status,
            "exitCode": run.exit_code,
            "signal": run.signal,
            **({"processPid": run.process_pid, "processGroupId": run.process_group_id} if lost else {}),
        },
    )


def _remember(run: Run, result: Result, *, now: datetime) -> None:
    """Keep the session and the agent's totals before anything else may start (beats HW-16)."""
    context = contexts.read(run.context_snapshot)
    own_session = sessions.keep(
        run=run,
        agent=run.agent,
        context=context,
        params=result.session_params,
        display_id=result.session_display_id,
        clear=result.clear_session,
        error=run.error,
        now=now,
        usage=result.usage,
    )
    tokens = accounting.used(run)
    totals = {
        "last_run_id": run.pk,
        "last_run_status": run.status,
        "last_error": run.error,
        "total_input_tokens": F("total_input_tokens") + tokens.input_tokens,
        "total_output_tokens": F("total_output_tokens") + tokens.output_tokens,
        "total_cached_input_tokens": F("total_cached_input_tokens") + tokens.cached_input_tokens,
        "total_cost_cents": F("total_cost_cents") + accounting.cents(result),
        "updated_at": now,
        **own_session,
    }
    if not RuntimeState.objects.filter(pk=run.agent_id).update(**totals):
        sessions.runtime_state(run.agent, now=now)
        RuntimeState.objects.filter(pk=run.agent_id).update(**totals)


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


def _cancel_word(reason: str) -> str:
    lowered = reason.lower()
    if "budget" in lowered:
        return "budget_paused"
    return "paused" if "pause" in lowered else "cancelled"


def _result_json(verdict: Verdict, result: Result, remains: Remains) -> dict[str, Any]:
    """Return the adapter's result with the facts of the stop laid on top (H-96)."""
    said = {key: value for key, value in result.result_json.items() if value is not None}
    # What a program printed was masked when it was read; the rest is the adapter's.
    kept = {key: value if key in _PRINTED else redaction.data(value, key=key) for key, value in said.items()}
    extra: dict[str, Any] = {
        "errorFamily": result.error_family,
        "retryNotBefore": result.retry_not_before.isoformat() if result.retry_not_before else None,
        "summary": kept.get("summary", redaction.text(result.summary) if result.summary else None),
        **remains.facts,
    }
    stop = {
        "stopReason": verdict.stop_reason,
        "effectiveTimeoutSec": remains.timeout_seconds,
        "timeoutConfigured": remains.timeout_seconds > 0,
        "timeoutSource": "config" if remains.timeout_seconds > 0 else "default",
        "timeoutFired": remains.timed_out,
    }
    return {**kept, **{key: value for key, value in extra.items() if value is not None}, **stop}


def log_ref(run_id: UUID) -> str:
    """Return where a run's log is kept, relative to the home folder."""
    return f"runs/{run_id}/log.ndjson"


def is_over(status: str) -> bool:
    """Return whether a run of this status has ended."""
    return status in RUN_TERMINAL
