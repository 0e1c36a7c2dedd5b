"""One failure, one follow-up: what comes after a run that ended, decided once and written on it (H-135).

The choice is a pure function; doing it is a few lines around it, in the transaction that ends the run. The unique
index on `retry_of_run` makes a second follow-up impossible even if this module were wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from heartbeat import context as contexts
from heartbeat import events, wakeups
from heartbeat.choices import (
    MAX_PROCESS_LOSS_RETRIES,
    RUN_UNSUCCESSFUL,
    EventLevel,
    InvocationSource,
    Mechanism,
    RunStatus,
    TriggerDetail,
    WakeupStatus,
)
from heartbeat.models import Run, WakeupRequest
from issues import checkout
from paperclip.companies import actors

PROCESS_LOST = "process_lost"
_ACTOR = actors.system("heartbeat_service")


@dataclass(frozen=True)
class Ending:
    """What the decision is made from."""

    status: str
    error_code: str | None
    cancelled_by_person: bool
    process_loss_retry_count: int


@dataclass(frozen=True)
class Decision:
    """What follows, why, and as which attempt."""

    mechanism: str
    reason: str
    attempt: int | None = None
    due_at: datetime | None = None


def decide(ending: Ending) -> Decision:
    """Return the one automatic follow-up of a run that ended."""
    if ending.status not in RUN_UNSUCCESSFUL:
        return Decision(Mechanism.NONE, "The run succeeded")
    if ending.cancelled_by_person:
        return Decision(Mechanism.NONE, "A person cancelled the run; it is not tried again")
    if ending.error_code == PROCESS_LOST:
        if ending.process_loss_retry_count >= MAX_PROCESS_LOSS_RETRIES:
            return Decision(Mechanism.NONE, "The program was lost again after its one retry")
        attempt = ending.process_loss_retry_count + 1
        return Decision(
            Mechanism.PROCESS_LOSS_RETRY, "The program was lost; it is started once more", attempt
        )
    return Decision(Mechanism.NONE, "Failures of this kind are not tried again by themselves")


def columns(decision: Decision) -> dict[str, Any]:
    """Return what of `decision` is written on the run it was made for."""
    return {
        "followup_mechanism": decision.mechanism,
        "followup_reason": decision.reason,
        "followup_attempt": decision.attempt,
        "followup_due_at": decision.due_at,
    }


def follow(run: Run, decision: Decision, *, now: datetime) -> Run | None:
    """Carry out the `decision` on the ended `run`; return the run that follows, None when there is none.

    The caller holds the locks of the run's agent and issue, and has ended the run in the same transaction.
    """
    if decision.mechanism == Mechanism.PROCESS_LOSS_RETRY:
        return _retry_lost(run, now=now)
    checkout.clear_lock(run_id=run.pk)
    return None if run.issue_id is None else wakeups.promote_deferred(issue_id=run.issue_id, now=now)


def _retry_lost(run: Run, *, now: datetime) -> Run:
    """Queue the run again with its task, session and all counters (H-113)."""
    context = replace(contexts.read(run.context_snapshot), wake_reason="process_lost_retry")
    context = context.with_more(retryOfRunId=str(run.pk), retryReason=PROCESS_LOST)
    request = WakeupRequest.objects.create(
        company_id=run.company_id,
        agent_id=run.agent_id,
        issue_id=run.issue_id,
        source=InvocationSource.AUTOMATION,
        trigger_detail=TriggerDetail.SYSTEM,
        reason="process_lost_retry",
        payload={"retryOfRunId": str(run.pk), **({"issueId": str(run.issue_id)} if run.issue_id else {})},
        status=WakeupStatus.QUEUED,
        requested_by_actor_type=_ACTOR.type,
        requested_by_actor_id=_ACTOR.id,
        requested_at=now,
        created_at=now,
        updated_at=now,
    )
    retry = Run.objects.create(
        **{**_carried(run), "process_loss_retry_count": run.process_loss_retry_count + 1},
        status=RunStatus.QUEUED,
        invocation_source=InvocationSource.AUTOMATION,
        trigger_detail=TriggerDetail.SYSTEM,
        wakeup_request=request,
        retry_of_run=run,
        context_snapshot=context.to_json(),
        created_at=now,
        updated_at=now,
    )
    WakeupRequest.objects.filter(pk=request.pk).update(run=retry)
    checkout.move_lock(from_run_id=run.pk, to_run_id=retry.pk, now=now)
    events.append(
        retry,
        "Queued again: the program of the run before was lost",
        now=now,
        level=EventLevel.WARN,
        payload={"retryOfRunId": run.pk},
    )
    wakeups.announce()
    return retry


def _carried(run: Run) -> dict[str, Any]:
    """What every follow-up takes over from the run before: whose it is, its task, session and counters."""
    return {
        "company_id": run.company_id,
        "agent_id": run.agent_id,
        "issue_id": run.issue_id,
        "project_id": run.project_id,
        "task_key": run.task_key,
        "session_id_before": run.session_id_before,
        "process_loss_retry_count": run.process_loss_retry_count,
        "diagnostic_retry_count": run.diagnostic_retry_count,
        "scheduled_retry_attempt": run.scheduled_retry_attempt,
        "scheduled_retry_reason": run.scheduled_retry_reason,
        "continuation_attempt": run.continuation_attempt,
    }
