"""One dispatch of a routine makes one issue, or folds into work that goes on (section 9 of the contract).

The caller holds the routine's row lock and the transaction. Run, issue and wake commit with whatever set the
routine off, so a crash leaves either all of it or nothing. A dispatch that fails is a row with its reason.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import InterfaceError, OperationalError

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
from paperclip.core.errors import Refusal, Unprocessable
from routines import executions, templates, trail, variables
from routines.choices import ConcurrencyPolicy, RunSource, RunStatus
from routines.models import Routine, RoutineRun, Trigger
from routines.variables import Given
from workspaces.choices import WorkspaceMode
from workspaces.models import ExecutionWorkspace

log = logging.getLogger(__name__)

WAKE_SOURCE = "routine.dispatch"
# A title in which whole payloads were filled in is cut.
_TITLE_CHARS = 500


@dataclass(frozen=True)
class Order:
    """What set a routine off, and what differs from its recipe this time.

    `scheduled_at` is the occurrence of a schedule. `project_id` and `agent_id` override the routine's, `variables`
    were sent beside the payload, the three workspace values are for the issue.
    """

    source: str
    trigger: Trigger | None = None
    scheduled_at: datetime | None = None
    payload: dict[str, Any] | list[Any] | None = None
    variables: Mapping[str, Any] | None = None
    project_id: UUID | None = None
    agent_id: UUID | None = None
    idempotency_key: str | None = None
    workspace_id: UUID | None = None
    workspace_preference: str | None = None
    workspace_settings: dict[str, Any] | None = None


@dataclass(frozen=True)
class Work:
    """An order with everything filled in: what will be done, by whom, and the mark that tells it from other work."""

    order: Order
    agent_id: UUID
    project_id: UUID | None
    given: Given
    fingerprint: str


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


def prepare(*, routine: Routine, order: Order) -> Work:
    """Return what `order` asks of a routine (steps 1 to 3 of R-76).

    Raises Unprocessable when nobody is to do it, or variables lack values: then no run is kept, unless it is a
    schedule that asks (R-92).
    """
    agent_id = order.agent_id or routine.assignee_agent_id
    if agent_id is None:
        raise Unprocessable("Default agent required")
    project_id = order.project_id or routine.project_id
    given = variables.resolve(
        routine.variables,
        source=order.source,
        payload=order.payload,
        sent=order.variables,
        automatic=_automatic(routine, order),
    )
    return Work(order, agent_id, project_id, given, _fingerprint(routine, order, agent_id, project_id, given))


def dispatch(*, routine: Routine, work: Work, actor: Actor, now: datetime) -> RoutineRun:
    """Carry out `work` and return its run: an issue was made, or the run says why not (R-76 to R-91).

    Raises only what undoes the whole transaction: then nothing has happened.
    """
    run = _new_run(routine, work.order, now)
    run.trigger_payload, run.dispatch_fingerprint = work.given.payload, work.fingerprint
    outcome = _fold(routine, work, actor, now) or _execute(routine, run, work, actor, now)
    return _finish(routine, run, outcome, actor=actor, now=now)


def fail(*, routine: Routine, order: Order, reason: str, actor: Actor, now: datetime) -> RoutineRun:
    """Keep an order that cannot be carried out at all, with its reason, and return its run."""
    run = _new_run(routine, order, now)
    return _finish(routine, run, Outcome(RunStatus.FAILED, reason), actor=actor, now=now)


def leave_out(*, routine: Routine, order: Order, reason: str, actor: Actor, now: datetime) -> RoutineRun:
    """Keep an order that is not to be carried out any more, with its reason, and return its run."""
    run = _new_run(routine, order, now)
    return _finish(routine, run, Outcome(RunStatus.SKIPPED, reason), actor=actor, now=now)


def _automatic(routine: Routine, order: Order) -> dict[str, Any]:
    """Return the values nobody sends: the branch of the workspace the work is for (R-35)."""
    name = variables.WORKSPACE_BRANCH
    if order.workspace_id is None or all(variable["name"] != name for variable in routine.variables):
        return {}
    rows = ExecutionWorkspace.objects.filter(pk=order.workspace_id, company_id=routine.company_id)
    branch = rows.exclude(mode=WorkspaceMode.SHARED_WORKSPACE).values_list("branch_name", flat=True).first()
    return {name: branch} if branch and branch.strip() else {}


def _fingerprint(
    routine: Routine, order: Order, agent_id: UUID, project_id: UUID | None, given: Given
) -> str:
    """Return what tells dispatches of a routine apart that ask for different work (R-77).

    Title and description count as they are written, their variables with the payload, so that a date in them does
    not make every day different work (RW-12).
    """
    told = {
        "payload": given.payload,
        "projectId": _text(project_id),
        "assigneeAgentId": _text(agent_id),
        "executionWorkspaceId": _text(order.workspace_id),
        "executionWorkspacePreference": order.workspace_preference,
        "executionWorkspaceSettings": order.workspace_settings,
        "title": routine.title,
        "description": routine.description,
    }
    # Values of the interface, such as ids in the settings, are hashed as their text.
    written = orjson.dumps(told, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hashlib.sha256(written).hexdigest()


def _new_run(routine: Routine, order: Order, now: datetime) -> RoutineRun:
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
        created_at=now,
        updated_at=now,
    )


# --- Fold ------------------------------------------------------------------------------------------------


def _fold(routine: Routine, work: Work, actor: Actor, now: datetime) -> Outcome | None:
    """R-82, R-83: work of the same kind goes on, and the routine does not want it twice."""
    if routine.concurrency_policy == ConcurrencyPolicy.ALWAYS_ENQUEUE:
        return None
    issue = executions.live_of_kind(routine, work.fingerprint)
    if issue is None:
        return None
    # Held until the run is linked: whoever closes the issue meanwhile would not find the run to tell.
    if not executions.hold_open(issue):
        return None
    if work.order.source == RunSource.MANUAL and actor.user_id is not None:
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


def _execute(routine: Routine, run: RoutineRun, work: Work, actor: Actor, now: datetime) -> Outcome:
    """Make the issue and wake its agent; what stands against it is the reason of a failure (R-85 to R-90)."""
    against = _stands_against(routine, work)
    if against is not None:
        return Outcome(RunStatus.FAILED, against)
    try:
        # Atomic by itself: what it raises leaves nothing of the issue, and the transaction goes on.
        issue = issue_lifecycle.create(
            company_id=routine.company_id,
            fields=_fields(routine, run, work, now),
            actor=_maker(work.order, actor),
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


def _stands_against(routine: Routine, work: Work) -> str | None:
    """Return why no run could follow, by the gates every wake must pass, before a thing is made (RW-18)."""
    agent = routine.assignee_agent if Routine.assignee_agent.is_cached(routine) else None
    if agent is None or agent.pk != work.agent_id:
        agent = Agent.objects.select_related("company").get(pk=work.agent_id)
    project = Project.objects.get(pk=work.project_id) if work.project_id is not None else None
    facts = Facts(agent, agent.company, WakeContext(), InvocationSource.ASSIGNMENT, project=project)
    refused = gates.at_enqueue(facts)
    return refused.message if refused is not None and refused.is_error else None


def _fields(routine: Routine, run: RoutineRun, work: Work, now: datetime) -> Fields:
    given = work.given.values
    description = routine.description
    return Fields(
        title=templates.render(routine.title, given, now=now)[:_TITLE_CHARS],
        description=templates.render(description, given, now=now) if description is not None else None,
        status=IssueStatus.TODO,
        priority=routine.priority,
        project_id=work.project_id,
        goal_id=routine.goal_id,
        parent_id=routine.parent_issue_id,
        assignee_agent_id=work.agent_id,
        execution_workspace_id=work.order.workspace_id,
        execution_workspace_preference=work.order.workspace_preference,
        execution_workspace_settings=work.order.workspace_settings,
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
