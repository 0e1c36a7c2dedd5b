"""Who works on an issue (section 4 of the contract): claim, adopt, release.

The only writer of `checkout_run`, `execution_run`, `execution_agent_name_key` and `execution_locked_at`. A
claim is a conditional update under the issue's row lock: of many that race, one changes the row and the
others are told who holds it. Whether a run still lives is read through the lazy key; a run that is over holds
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q

from issues import (
    assignment,
    authority,
    blockers,
    changes,
    holds,
    locks,
    origins,
    statuses,
    trail,
    wakes,
    workspace_links,
)
from issues.choices import CLOSED, RUN_OVER, IssueStatus
from issues.models import Issue
from paperclip.companies import actors, auth
from paperclip.companies.actors import Actor
from paperclip.companies.models import Agent, Project
from paperclip.core.errors import Conflict, Forbidden, Unauthorized

UNLOCKED: dict[str, Any] = {
    "execution_run_id": None,
    "execution_agent_name_key": None,
    "execution_locked_at": None,
}
# I-31, I-32: what leaving `in_progress` or changing the assignee does to the row.
UNOWNED: dict[str, Any] = {"checkout_run_id": None, **UNLOCKED}

_STARTABLE = (IssueStatus.TODO, IssueStatus.BACKLOG, IssueStatus.BLOCKED)


def name_key(agent: Agent) -> str:
    """Return the agent's name as locks keep it (H-4)."""
    return agent.name.strip().lower()


# --- For callers of the interface ------------------------------------------------------------------------


def acquire(
    *, issue_id: UUID, agent_id: UUID, expected_statuses: Sequence[str], actor: Actor, now: datetime
) -> Issue:
    """Check the issue out for `agent_id` (I-61 to I-65) and return it.

    The checkout belongs to the actor's run; the board's belongs to none. Raises Forbidden, Unauthorized,
    NotFound, Unprocessable for open blockers, and Conflict naming the holder, or the pause, when the issue is
    not to be had.
    """
    run_id = actor.run_id if actor.is_agent else None
    with transaction.atomic():
        issue = locks.issue(issue_id)
        _require_project_active(issue)
        if actor.is_agent and actor.agent_id != agent_id:
            raise Forbidden("Agent can only checkout as itself")
        workspace_links.require_open(issue)
        if actor.is_agent and run_id is None:
            raise Unauthorized("Agent run id required")
        agent = assignment.require_assignable_agent(issue.company_id, agent_id)
        holds.require_free(issue, run_id=run_id)
        _drop_stale_lock(issue)
        waiting = blockers.readiness(issue.pk).unresolved_blocker_issue_ids
        if waiting:
            raise blockers.refusal(waiting)
        if _holds_already(issue, agent_id, run_id):
            return issue
        if issue.assignee_user_id is not None and not actor.is_board:
            raise _conflict(issue)
        taken = _take(issue, agent, run_id, expected_statuses, actor, now)
        if not (taken or _adopt(issue, agent, run_id, now)):
            raise _conflict(issue)
        trail.record(issue, "issue.checked_out", actor=actor, now=now, details={"agentId": agent_id})
        trail.touch(issue, now=now)
        _call_holder(issue, agent_id, actor, now)
    return issue


def release(*, issue_id: UUID, actor: Actor, now: datetime) -> Issue:
    """Give the issue back as `todo` without an agent (I-66) and return it.

    Closed issues stay closed: Conflict. So does an issue whose checkout belongs to another live run.
    """
    with transaction.atomic():
        issue = locks.issue(issue_id)
        require_ownership(issue=issue, actor=actor, now=now)
        if actor.is_agent and actor.run_id is None:
            raise Unauthorized("Agent run id required")
        if actor.is_agent and issue.assignee_agent_id != actor.agent_id:
            raise Conflict("Only assignee can release issue", details=_holding(issue))
        if issue.status in CLOSED:
            raise Conflict(
                f"Issue is {issue.status}; only open issues can be released", details=_holding(issue)
            )
        left = statuses.stamps(IssueStatus.TODO, now=now, started_at=issue.started_at)
        columns = {"assignee_agent_id": None, "updated_at": now, **left, **UNOWNED}
        changes.write(issue, columns, actor=actor, now=now)
        trail.record(issue, "issue.released", actor=actor, now=now)
        trail.touch(issue, now=now)
    return issue


@dataclass(frozen=True)
class Forced:
    """What a forced release took away."""

    issue: Issue
    previous_checkout_run_id: UUID | None
    previous_execution_run_id: UUID | None


def force_release(*, issue_id: UUID, clear_assignee: bool, actor: Actor, now: datetime) -> Forced:
    """Take the issue from whoever holds it, status untouched (I-67). Raises Forbidden unless a person asks.

    Work in progress needs somebody, so clearing the assignee also sends it back to `todo`.
    """
    auth.require_board(actor)
    with transaction.atomic():
        issue = locks.issue(issue_id)
        before = Forced(issue, issue.checkout_run_id, issue.execution_run_id)
        cleared: dict[str, Any] = {**UNOWNED, "updated_at": now}
        if clear_assignee:
            cleared["assignee_agent_id"] = None
            if issue.status == IssueStatus.IN_PROGRESS and issue.assignee_user_id is None:
                cleared |= statuses.stamps(IssueStatus.TODO, now=now, started_at=issue.started_at)
        changes.write(issue, cleared, actor=actor, now=now)
        details = {
            "issueId": issue.pk,
            "actorUserId": actor.user_id,
            "prevCheckoutRunId": before.previous_checkout_run_id,
            "prevExecutionRunId": before.previous_execution_run_id,
            "clearAssignee": clear_assignee,
        }
        trail.record(issue, "issue.admin_force_release", actor=actor, now=now, details=details)
        trail.touch(issue, now=now)
    return before


def require_ownership(*, issue: Issue, actor: Actor, now: datetime, commenting: bool = False) -> None:
    """Let an agent write to a locked `issue`, or raise why it may not (I-37 to I-41). The board passes.

    An agent at work must write from the run that holds the checkout; a checkout that nobody holds, or whose
    run is over, passes to its run here. An issue in a person's hands is theirs and its maker's to edit;
    commenting is free.
    """
    agent = actor.agent
    if agent is None:
        return
    if issue.assignee_agent_id is None:
        if issue.assignee_user_id is not None and not commenting:
            _require_part_in(issue, actor)
        return
    if issue.assignee_agent_id != agent.id:
        if not authority.may_override(
            actor, company_id=issue.company_id, assignee_agent_id=issue.assignee_agent_id
        ):
            raise _not_yours(issue, actor)
        return
    if issue.status != IssueStatus.IN_PROGRESS:
        return
    if actor.run_id is None:
        raise Unauthorized("Agent run id required")
    if issue.checkout_run_id == actor.run_id:
        return
    _drop_stale_lock(issue)
    previous = issue.checkout_run_id
    if not _adopt(issue, agent, actor.run_id, now):
        details = _holding(issue) | {"actorAgentId": str(agent.id), "actorRunId": str(actor.run_id)}
        raise Conflict("Issue run ownership conflict", details=details)
    if previous is not None:
        _record_adoption(issue, previous, actor, now)


# --- For whoever runs agents -----------------------------------------------------------------------------

# Steps of the caller's transaction, which a fault of theirs undoes as a whole: savepoints would cost every run.


def stamp_execution(
    *, issue_id: UUID, run_id: UUID, agent: Agent, now: datetime, locked: Issue | None = None
) -> bool:
    """Give the execution lock to a run that starts (H-22); whether it now holds it.

    Needs the agent to be the assignee and the lock to be free, its own already, or held by a run that is
    over. `locked` is the issue as it stands, where the caller holds it locked.
    """
    with transaction.atomic(savepoint=False):
        issue = _of_agent(issue_id, agent, locked)
        if issue is None or not _lock_is_free_for(issue, run_id):
            return False
        origins.make_way(issue)
        _write(issue, None, **_locked_by(run_id, agent, now))
    return True


def stamp_many(owners: Mapping[UUID, tuple[UUID, Agent]], *, now: datetime) -> None:
    """Give many issues' execution locks to runs at once: by issue, the run and its agent (see `stamp_execution`).

    For issues that the caller holds locked, which no live run holds and no routine made.
    """
    if not owners:
        return
    values: dict[str, Any] = {
        "issues": list(owners),
        "runs": [run_id for run_id, _ in owners.values()],
        "agents": [agent.pk for _, agent in owners.values()],
        "keys": [name_key(agent) for _, agent in owners.values()],
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_STAMP_MANY, values)


_STAMP_MANY = """
UPDATE issues SET execution_run_id = given.run_id, execution_agent_name_key = given.key,
                  execution_locked_at = %(now)s
FROM unnest(%(issues)s::uuid[], %(runs)s::uuid[], %(agents)s::uuid[], %(keys)s::text[])
  AS given (issue_id, run_id, agent_id, key)
WHERE issues.id = given.issue_id AND issues.assignee_agent_id = given.agent_id
"""


def take_for_run(
    *, issue_id: UUID, run_id: UUID, agent: Agent, now: datetime, locked: Issue | None = None
) -> bool:
    """Check the issue out for a run that is about to start its program (H-74); whether the run owns it now.

    Needs the agent to be the assignee and every blocker done. Open work becomes `in_progress`; work in
    progress is adopted when nobody, or a run that is over, holds it. `locked` is the issue as it stands, where the
    caller holds it locked.
    """
    with transaction.atomic(savepoint=False):
        issue = _of_agent(issue_id, agent, locked)
        if issue is None:
            return False
        if issue.status == IssueStatus.IN_PROGRESS and issue.checkout_run_id == run_id:
            return True
        if not blockers.readiness(issue.pk).is_dependency_ready:
            return False
        _drop_stale_lock(issue)
        actor = actors.for_agent(agent, run_id=run_id)
        taken = _take(issue, agent, run_id, _STARTABLE, actor, now)
        if not (taken or _adopt(issue, agent, run_id, now)):
            return False
        trail.record(issue, "issue.checked_out", actor=actor, now=now, details={"agentId": agent.id})
        trail.touch(issue, now=now)
    return True


def clear_lock(*, run_id: UUID) -> list[UUID]:
    """Drop the execution lock wherever `run_id` holds it and return those issues; ownership stays (H-59)."""
    with transaction.atomic(savepoint=False):
        held = Issue.objects.select_for_update(no_key=True).filter(execution_run_id=run_id).order_by("pk")
        issue_ids = list(held.values_list("pk", flat=True))
        if issue_ids:
            Issue.objects.filter(pk__in=issue_ids, execution_run_id=run_id).update(**UNLOCKED)
    return issue_ids


def move_lock(*, from_run_id: UUID, to_run_id: UUID, now: datetime) -> int:
    """Hand the execution lock of one run to the run that follows it; how many issues it held."""
    with transaction.atomic(savepoint=False):
        held = (
            Issue.objects.select_for_update(no_key=True).filter(execution_run_id=from_run_id).order_by("pk")
        )
        issue_ids = list(held.values_list("pk", flat=True))
        rows = Issue.objects.filter(pk__in=issue_ids, execution_run_id=from_run_id)
        return rows.update(execution_run_id=to_run_id, execution_locked_at=now)


# --- The moves, on a locked row --------------------------------------------------------------------------


def _of_agent(issue_id: UUID, agent: Agent, locked: Issue | None) -> Issue | None:
    """Return the issue, locked, None when it is not assigned to the agent."""
    if locked is not None:
        return locked if locked.assignee_agent_id == agent.pk else None
    return Issue.objects.select_for_update(no_key=True).filter(pk=issue_id, assignee_agent=agent).first()


def _take(
    issue: Issue,
    agent: Agent,
    run_id: UUID | None,
    expected: Sequence[str],
    actor: Actor,
    now: datetime,
) -> bool:
    """The conditional update of I-62 and I-63; whether it changed the row."""
    free_to_run = (
        Q(checkout_run__isnull=True) | Q(checkout_run_id=run_id) if run_id else Q(checkout_run__isnull=True)
    )
    lock_free = (
        Q(execution_run__isnull=True) | Q(execution_run_id=run_id)
        if run_id
        else Q(execution_run__isnull=True)
    )
    takers = Q(assignee_agent__isnull=True) | (Q(assignee_agent=agent) & free_to_run)
    free = Q(status__in=list(expected)) & takers & lock_free
    started = statuses.stamps(IssueStatus.IN_PROGRESS, now=now, started_at=issue.started_at)
    owner = _owned_by(run_id, agent, now) if run_id else dict(UNOWNED)
    if run_id:
        origins.make_way(issue)
    values = {"assignee_agent_id": agent.id, "assignee_user_id": None, "updated_at": now} | started | owner
    return changes.write(issue, values, actor=actor, now=now, only_if=free)


def _adopt(issue: Issue, agent: Agent, run_id: UUID | None, now: datetime) -> bool:
    """Take over work in progress whose checkout nobody holds, or a run that is over (I-40, I-64 a and b)."""
    if run_id is None or issue.assignee_agent_id != agent.id or issue.status != IssueStatus.IN_PROGRESS:
        return False
    if issue.checkout_run_id == run_id:
        return False
    if issue.checkout_run_id is not None and not _is_over(issue, "checkout_run"):
        return False
    if not _lock_is_free_for(issue, run_id):
        return False
    rows = Issue.objects.filter(
        pk=issue.pk, checkout_run_id=issue.checkout_run_id, execution_run_id=issue.execution_run_id
    )
    values = {"updated_at": now, **_owned_by(run_id, agent, now)}
    origins.make_way(issue)
    if not rows.update(**values):
        return False
    _reflect(issue, values)
    return True


def _holds_already(issue: Issue, agent_id: UUID, run_id: UUID | None) -> bool:
    """Whether a repeated checkout finds everything as it wants it (I-64 c)."""
    if issue.assignee_agent_id != agent_id or issue.status != IssueStatus.IN_PROGRESS:
        return False
    return issue.checkout_run_id == run_id and (run_id is not None or issue.execution_run_id is None)


def _drop_stale_lock(issue: Issue) -> None:
    """Clear an execution lock whose run is over (I-41)."""
    if issue.execution_run_id is not None and _is_over(issue, "execution_run"):
        _write(issue, None, **UNLOCKED)


def _lock_is_free_for(issue: Issue, run_id: UUID) -> bool:
    return issue.execution_run_id in (None, run_id) or _is_over(issue, "execution_run")


def _is_over(issue: Issue, key: str) -> bool:
    status = Issue.objects.filter(pk=issue.pk).values_list(f"{key}__status", flat=True).get()
    return status is None or status in RUN_OVER


def _locked_by(run_id: UUID, agent: Agent, now: datetime) -> dict[str, Any]:
    return {
        "execution_run_id": run_id,
        "execution_agent_name_key": name_key(agent),
        "execution_locked_at": now,
    }


def _owned_by(run_id: UUID, agent: Agent, now: datetime) -> dict[str, Any]:
    return {"checkout_run_id": run_id, **_locked_by(run_id, agent, now)}


def _write(issue: Issue, now: datetime | None, **values: Any) -> None:
    """Change a row that the caller holds locked; `now` moves `updated_at`."""
    if now is not None:
        values["updated_at"] = now
    Issue.objects.filter(pk=issue.pk).update(**values)
    _reflect(issue, values)


def _reflect(issue: Issue, values: dict[str, Any]) -> None:
    for column, value in values.items():
        setattr(issue, column, value)


# --- Refusals --------------------------------------------------------------------------------------------


def _require_project_active(issue: Issue) -> None:
    if issue.project_id is None:
        return
    project = Project.objects.filter(pk=issue.project_id).values("paused_at", "pause_reason").first()
    if project is None or project["paused_at"] is None:
        return
    by_budget = project["pause_reason"] == "budget"
    raise Conflict("Project is paused because its budget is used up" if by_budget else "Project is paused")


def _require_part_in(issue: Issue, actor: Actor) -> None:
    if issue.created_by_agent_id == actor.agent_id:
        return
    if not authority.may_override(actor, company_id=issue.company_id, assignee_agent_id=None):
        raise Forbidden(
            "Issue is in a person's hands; agents that did not create it may only comment",
            details={
                "issueId": str(issue.pk),
                "assigneeUserId": str(issue.assignee_user_id),
                "securityPrinciples": authority.PRINCIPLES,
            },
        )


def _not_yours(issue: Issue, actor: Actor) -> Conflict | Forbidden:
    details = {
        "issueId": str(issue.pk),
        "assigneeAgentId": str(issue.assignee_agent_id),
        "actorAgentId": str(actor.agent_id),
    }
    if issue.status == IssueStatus.IN_PROGRESS:
        return Conflict("Issue is checked out by another agent", details=details)
    details["status"] = issue.status
    return Forbidden(
        "Agent cannot mutate another agent's issue",
        details=details | {"securityPrinciples": authority.PRINCIPLES},
    )


def _conflict(issue: Issue) -> Conflict:
    return Conflict("Issue checkout conflict", details=_holding(issue))


def _holding(issue: Issue) -> dict[str, Any]:
    """Return who holds the issue, whether their run lives, and since when: what a refused caller needs to
    know.
    """
    facts = (
        Issue.objects.filter(pk=issue.pk)
        .values("assignee_agent__name", "checkout_run__status", "execution_run__status")
        .get()
    )
    return {
        "issueId": str(issue.pk),
        "status": issue.status,
        "assigneeAgentId": issue.assignee_agent_id,
        "assigneeUserId": issue.assignee_user_id,
        "assigneeAgentName": facts["assignee_agent__name"],
        "checkoutRunId": issue.checkout_run_id,
        "checkoutRunStatus": facts["checkout_run__status"],
        "executionRunId": issue.execution_run_id,
        "executionRunStatus": facts["execution_run__status"],
        "executionLockedAt": issue.execution_locked_at,
    }


def _record_adoption(issue: Issue, previous: UUID, actor: Actor, now: datetime) -> None:
    details = {
        "previousCheckoutRunId": previous,
        "checkoutRunId": actor.run_id,
        "reason": "stale_checkout_run",
    }
    trail.record(issue, "issue.checkout_lock_adopted", actor=actor, now=now, details=details)


def _call_holder(issue: Issue, agent_id: UUID, actor: Actor, now: datetime) -> None:
    if actor.agent_id == agent_id:
        return
    batch = wakes.Batch()
    batch.add(wakes.checked_out(issue_id=issue.pk, agent_id=agent_id))
    batch.send(actor=actor, now=now)
