"""One dispatch of a routine makes one issue, or folds into work that goes on (section 9 of the contract).

The caller holds the routine's row lock and the transaction. Run, issue and wake commit with whatever set the
routine off, so a crash leaves either all of it or nothing. A dispatch that fails is a row with its reason.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import InterfaceError, OperationalError, transaction

from heartbeat import gates
from heartbeat.choices import InvocationSource
from heartbeat.context import WakeContext
from heartbeat.gates import Facts
from issues import lifecycle as issue_lifecycle
from issues import reading
from issues.choices import IssueStatus, OriginKind
from issues.fields import Fields
from issues.models import InboxArchive, Issue
from paperclip.companies import actors
from paperclip.companies.actors import Actor
from paperclip.companies.models import Agent, Project
from paperclip.core import naming, redaction
from paperclip.core.errors import Refusal
from routines import executions, templates, trail
from routines.choices import ConcurrencyPolicy, RunSource, RunStatus
from routines.models import Routine, RoutineRun, Trigger

log = logging.getLogger(__name__)

WAKE_SOURCE = "routine.dispatch"
_NO_AGENT = "Default agent required"


@dataclass(frozen=True)
class Order:
    """What set a routine off, and what differs from its recipe this time.

    `scheduled_at` is the occurrence of a schedule. `project_id` and `agent_id` override the routine's.
    """

    source: str
    trigger: Trigger | None = None
    scheduled_at: datetime | None = None
    payload: dict[str, Any] | None = None
    project_id: UUID | None = None
    agent_id: UUID | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a dispatch. `said` is the sentence its trigger shows."""

    status: str
    said: str
    issue: Issue | None = None
    coalesced_into: UUID | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes of it."""
        return self.status != RunStatus.ISSUE_CREATED


def dispatch(*, routine: Routine, order: Order, actor: Actor, now: datetime) -> RoutineRun:
    """Carry out `order` and return its run: an issue was made, or the run says why not (R-76 to R-91).

    Raises only what undoes the whole transaction: then nothing has happened.
    """
    mark = fingerprint(routine, order)
    run = _new_run(routine, order, mark, now)
    outcome = _fold(routine, mark, order, actor, now) or _execute(routine, run, order, actor, now)
    return _finish(routine, run, outcome, actor=actor, now=now)


def fail(*, routine: Routine, order: Order, reason: str, actor: Actor, now: datetime) -> RoutineRun:
    """Keep an order that cannot be carried out at all, with its reason, and return its run."""
    run = _new_run(routine, order, None, now)
    return _finish(routine, run, Outcome(RunStatus.FAILED, reason), actor=actor, now=now)


def fingerprint(routine: Routine, order: Order) -> str:
    """Return what tells dispatches of a routine apart that ask for different work (R-77).

    Title and description count as they are written, so that a date in them does not make every day different
    work (RW-12). The three workspace values are null until a run can choose its workspace.
    """
    values = {
        "payload": order.payload,
        "projectId": _text(order.project_id or routine.project_id),
        "assigneeAgentId": _text(order.agent_id or routine.assignee_agent_id),
        "executionWorkspaceId": None,
        "executionWorkspacePreference": None,
        "executionWorkspaceSettings": None,
        "title": routine.title,
        "description": routine.description,
    }
    return hashlib.sha256(orjson.dumps(values, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _new_run(routine: Routine, order: Order, mark: str | None, now: datetime) -> RoutineRun:
    """Return the run to be stored once it is known what becomes of it; its id is known now."""
    return RoutineRun(
        company_id=routine.company_id,
        routine=routine,
        trigger=order.trigger,
        source=order.source,
        triggered_at=now,
        scheduled_at=order.scheduled_at,
        idempotency_key=order.idempotency_key,
        trigger_payload=order.payload,
        dispatch_fingerprint=mark,
        created_at=now,
        updated_at=now,
    )


# --- Fold ------------------------------------------------------------------------------------------------


def _fold(routine: Routine, mark: str, order: Order, actor: Actor, now: datetime) -> Outcome | None:
    """R-82, R-83: work of the same kind goes on, and the routine does not want it twice."""
    if routine.concurrency_policy == ConcurrencyPolicy.ALWAYS_ENQUEUE:
        return None
    issue = executions.live_of_kind(routine, mark)
    if issue is None:
        return None
    if order.source == RunSource.MANUAL and actor.user_id is not None:
        _bring_to_notice(issue, actor.user_id, actor=actor, now=now)
    into = naming.as_field_uuid(issue.origin_run_id or "")
    if routine.concurrency_policy == ConcurrencyPolicy.SKIP_IF_ACTIVE:
        return Outcome(
            RunStatus.SKIPPED, f"Left out: {issue.identifier} is still being worked on", issue, into
        )
    return Outcome(
        RunStatus.COALESCED, f"Folded into {issue.identifier}, which is still being worked on", issue, into
    )


def _bring_to_notice(issue: Issue, user_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Who asks for work that goes on already has seen it, and has it in the inbox again."""
    reading.mark_read(issue=issue, user_id=user_id, actor=actor, now=now)
    if InboxArchive.objects.filter(issue=issue, user_id=user_id).exists():
        reading.unarchive(issue=issue, user_id=user_id, actor=actor, now=now)


# --- Execute ---------------------------------------------------------------------------------------------


def _execute(routine: Routine, run: RoutineRun, order: Order, actor: Actor, now: datetime) -> Outcome:
    """Make the issue and wake its agent; what stands against it is the reason of a failure (R-85 to R-90)."""
    against = _stands_against(routine, order)
    if against is not None:
        return Outcome(RunStatus.FAILED, against)
    try:
        with transaction.atomic():
            issue = issue_lifecycle.create(
                company_id=routine.company_id,
                fields=_fields(routine, run, order, now),
                actor=_maker(order, actor),
                now=now,
                wake_source=WAKE_SOURCE,
            )
    except Refusal as error:
        return Outcome(RunStatus.FAILED, error.message)
    except (OperationalError, InterfaceError):
        # The database is away, or gave way to another transaction: nothing has happened, and it comes again.
        raise
    except Exception as error:
        log.exception("routine %s: run %s failed", routine.pk, run.pk)
        return Outcome(RunStatus.FAILED, redaction.text(str(error)) or type(error).__name__)
    return Outcome(RunStatus.ISSUE_CREATED, f"Created {issue.identifier}", issue)


def _stands_against(routine: Routine, order: Order) -> str | None:
    """Return why no run could follow, by the gates every wake must pass, before a thing is made (RW-18)."""
    agent_id = order.agent_id or routine.assignee_agent_id
    if agent_id is None:
        return _NO_AGENT
    agent = Agent.objects.select_related("company").get(pk=agent_id)
    project_id = order.project_id or routine.project_id
    project = Project.objects.get(pk=project_id) if project_id is not None else None
    facts = Facts(agent, agent.company, WakeContext(), InvocationSource.ASSIGNMENT, project=project)
    refused = gates.at_enqueue(facts)
    return refused.message if refused is not None and refused.is_error else None


def _fields(routine: Routine, run: RoutineRun, order: Order, now: datetime) -> Fields:
    return Fields(
        title=templates.render(routine.title, now=now),
        description=templates.render(routine.description, now=now)
        if routine.description is not None
        else None,
        status=IssueStatus.TODO,
        priority=routine.priority,
        project_id=order.project_id or routine.project_id,
        goal_id=routine.goal_id,
        parent_id=routine.parent_issue_id,
        assignee_agent_id=order.agent_id or routine.assignee_agent_id,
        origin_kind=OriginKind.ROUTINE_EXECUTION,
        origin_id=str(routine.pk),
        origin_run_id=str(run.pk),
        origin_fingerprint=run.dispatch_fingerprint or executions.UNMARKED,
    )


def _maker(order: Order, actor: Actor) -> Actor:
    """Only who starts a routine by hand is the creator of its issue (R-85)."""
    return (
        actor
        if order.source in (RunSource.MANUAL, RunSource.SCHEDULE)
        else actors.system(f"routine-{order.source}")
    )


# --- Finish ----------------------------------------------------------------------------------------------


def _finish(
    routine: Routine, run: RoutineRun, outcome: Outcome, *, actor: Actor, now: datetime
) -> RoutineRun:
    """Store the run, write the outcome to routine and trigger, and log it (R-90, R-91)."""
    run.status = outcome.status
    run.reason = outcome.said if outcome.is_over else None
    run.linked_issue = outcome.issue
    run.coalesced_into_run_id = outcome.coalesced_into
    run.completed_at = now if outcome.is_over else None
    run.save(force_insert=True)
    routine.last_triggered_at = routine.updated_at = now
    if outcome.issue is not None:
        routine.last_enqueued_at = now
    routine.save(update_fields=["last_triggered_at", "last_enqueued_at", "updated_at"])
    if run.trigger is not None:
        said = f"Failed: {outcome.said}" if outcome.status == RunStatus.FAILED else outcome.said
        run.trigger.last_fired_at, run.trigger.last_result, run.trigger.updated_at = now, said, now
        run.trigger.save(update_fields=["last_fired_at", "last_result", "updated_at"])
    trail.of_run(run, actor=actor, now=now)
    return run


def _text(value: UUID | None) -> str | None:
    return str(value) if value is not None else None
