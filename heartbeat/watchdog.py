"""What people and agents decide about a run that has gone silent (H-153, H-173)."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from heartbeat import silence
from heartbeat.choices import WatchdogVerdict
from heartbeat.models import Run, WatchdogDecision
from issues.choices import CLOSED
from issues.models import Issue
from paperclip.companies import activity
from paperclip.companies.actors import Actor
from paperclip.core import redaction
from paperclip.core.errors import BadRequest, Forbidden

CONTINUE_FOR = timedelta(minutes=30)
MAX_REASON = 4000


def decide(
    *,
    run: Run,
    decision: str,
    actor: Actor,
    now: datetime,
    snoozed_until: datetime | None = None,
    reason: str | None = None,
    evaluation_issue_id: UUID | None = None,
    created_by_run_id: UUID | None = None,
) -> WatchdogDecision:
    """Store and return a decision about `run`; `snooze` and `continue` keep the watchdog quiet for a time.

    Raises BadRequest for a time that does not fit, and Forbidden for an issue that is not about the run, an agent
    that was not asked to look at it, or another's run as the maker.
    """
    until = _until(decision, snoozed_until, now)
    with transaction.atomic():
        evaluation = _evaluation(run, evaluation_issue_id, actor)
        maker = _maker(run, created_by_run_id, actor)
        made = WatchdogDecision.objects.create(
            company_id=run.company_id,
            run=run,
            evaluation_issue=evaluation,
            decision=decision,
            snoozed_until=until,
            reason=redaction.text(reason)[:MAX_REASON] if reason else None,
            created_by_agent_id=actor.agent_id,
            created_by_user_id=actor.user_id,
            created_by_run_id=maker,
            created_at=now,
        )
        snoozes = decision == WatchdogVerdict.SNOOZE
        activity.record(
            company_id=run.company_id,
            actor=actor,
            action="heartbeat.watchdog_snoozed" if snoozes else "heartbeat.watchdog_decision_recorded",
            entity_type="heartbeat_run",
            entity_id=run.pk,
            details={
                "decision": decision,
                "snoozedUntil": until,
                "evaluationIssueId": evaluation.pk if evaluation is not None else None,
                "reason": made.reason,
            },
            now=now,
        )
    return made


def _until(decision: str, asked: datetime | None, now: datetime) -> datetime | None:
    if decision == WatchdogVerdict.DISMISSED:
        if asked is not None:
            raise BadRequest("snoozedUntil: only with snooze or continue")
        return None
    if asked is None and decision == WatchdogVerdict.SNOOZE:
        raise BadRequest("snoozedUntil: required to snooze")
    if asked is not None and asked <= now:
        raise BadRequest("snoozedUntil must be in the future")
    return asked or now + CONTINUE_FOR


def _evaluation(run: Run, issue_id: UUID | None, actor: Actor) -> Issue | None:
    """Return the issue the decision is made in; an agent needs one that is open, about this run, and its own."""
    bound = Issue.objects.filter(company_id=run.company_id, origin_kind=silence.KIND, origin_id=str(run.pk))
    if issue_id is not None:
        found = bound.filter(pk=issue_id).first()
        if found is None:
            raise Forbidden("evaluationIssueId is not an evaluation of this run")
    else:
        found = bound.filter(hidden_at__isnull=True).exclude(status__in=CLOSED).first()
    if not actor.is_agent:
        return found
    if found is None or found.status in CLOSED or found.assignee_agent_id != actor.agent_id:
        raise Forbidden(
            "Only the board, or the agent that was asked to look at this run, may decide about it"
        )
    return found


def _maker(run: Run, named: UUID | None, actor: Actor) -> UUID | None:
    """Return the run that decides: the caller's own. One that is named must be it."""
    if named is None or named == actor.run_id:
        return actor.run_id
    runs = Run.objects.filter(pk=named, company_id=run.company_id)
    if actor.agent is not None:
        runs = runs.filter(agent=actor.agent) if actor.run_id is None else runs.none()
    if not runs.exists():
        raise Forbidden("createdByRunId is not a run of the caller")
    return named
