"""What an edit of an issue comes to, worked out and checked before anything is written (I-30 to I-60)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from issues import (
    assignment,
    blockers,
    checkout,
    comments,
    fields,
    labels,
    placement,
    reopening,
    statuses,
    tree,
    workspace_links,
)
from issues.choices import CLOSED, MAX_REQUEST_DEPTH, InteractionStatus, IssueStatus
from issues.fields import Fields
from issues.models import Issue
from issues.policy import flow as flows
from issues.policy.flow import Flow
from paperclip.companies.actors import Actor
from paperclip.core.errors import BadRequest, Unprocessable
from paperclip.governance.choices import APPROVAL_OPEN

_REVIEW_PATHS = [
    "pending_issue_thread_interaction",
    "linked_pending_approval",
    "human_assignee_user_id",
    "typed_execution_state_current_participant",
    "scheduled_issue_monitor",
]


@dataclass(frozen=True)
class Word:
    """The comment that comes with an edit, and what it asks for."""

    body: str | None = None
    reopen: bool = False
    resume: bool = False
    interrupt: bool = False


@dataclass(frozen=True)
class Edit:
    """The outcome of a plan: the columns to write, the sets that are replaced (None: left alone), and what the
    issue's policy makes of it.
    """

    columns: dict[str, Any]
    reopened_from: str | None
    blocker_ids: list[UUID] | None
    label_ids: list[UUID] | None
    flow: Flow


def reaches_others(wanted: Fields) -> bool:
    """Whether an edit concerns more issues than its own, and so needs the relations lock."""
    return (
        "blocked_by_issue_ids" in wanted
        or wanted.get("parent_id") is not None
        or wanted.get("status") in CLOSED
    )


def plan(issue: Issue, wanted: Fields, word: Word, *, actor: Actor, now: datetime) -> Edit:
    """Return what `wanted` and `word` make of a locked `issue`, in the order of I-47.

    Raises BadRequest, Forbidden, NotFound, Conflict or Unprocessable, naming what stands against it.
    """
    if word.body is not None or actor.is_agent:
        workspace_links.require_open(issue)
    assignees = assignment.after_edit(issue, wanted)
    waiting = _weigh(issue, word, actor)
    reopened_from = _reopened_from(issue, wanted, word, waiting, actor, has_agent=assignees[0] is not None)
    status = IssueStatus.TODO if reopened_from else wanted.get("status")
    flow = flows.of_edit(
        issue, wanted, status=status, hands=assignees, comment=word.body, actor=actor, now=now
    )
    if status != flow.status:
        reopened_from = None
    status, assignees = flow.status, flow.hands
    if status == IssueStatus.IN_REVIEW and issue.status != IssueStatus.IN_REVIEW and actor.is_agent:
        _require_review_path(issue, flow)
    hands = _reassign(issue, flow, actor)
    blocker_ids = label_ids = None
    if "blocked_by_issue_ids" in wanted:
        blocker_ids = blockers.wanted_set(issue, wanted["blocked_by_issue_ids"])
    if "label_ids" in wanted:
        label_ids = labels.wanted_set(issue.company_id, wanted["label_ids"])
    columns = fields.plain(wanted) | _place(issue, wanted)
    if wanted.get("request_depth") is not None:
        columns["request_depth"] = min(wanted["request_depth"], MAX_REQUEST_DEPTH)
    statuses.require_assignee(status or issue.status, agent_id=assignees[0], user_id=assignees[1])
    if status == IssueStatus.IN_PROGRESS:
        blockers.require_done(
            blocker_ids if blocker_ids is not None else blockers.readiness(issue.pk).blocker_issue_ids
        )
    columns |= hands | _enter(issue, status, now) | flow.columns
    return Edit(columns, reopened_from, blocker_ids, label_ids, flow)


def _weigh(issue: Issue, word: Word, actor: Actor) -> Sequence[UUID]:
    """Refuse what a comment may not ask for and return what a blocked issue waits for."""
    if word.resume and word.body is None:
        raise BadRequest("resume requires a comment")
    waiting = reopening.waits_for(issue) if word.body is not None else ()
    reopen = word.reopen and word.body is not None
    reopening.require_allowed(issue=issue, actor=actor, reopen=reopen, resume=word.resume, waiting=waiting)
    if word.interrupt and word.body is None:
        raise BadRequest("interrupt requires a comment")
    comments.require_may_interrupt(actor, word.interrupt)
    return waiting


def _reopened_from(
    issue: Issue, wanted: Fields, word: Word, waiting: Sequence[UUID], actor: Actor, *, has_agent: bool
) -> str | None:
    if word.body is None or "status" in wanted:
        return None
    return reopening.decide(
        status=issue.status,
        waiting=waiting,
        by_person=actor.is_board,
        has_agent=has_agent,
        asked=word.reopen or word.resume,
    )


def _reassign(issue: Issue, flow: Flow, actor: Actor) -> dict[str, Any]:
    """Return the columns of a change of hands (I-32, I-36); what the stages choose needs no grant (I-109)."""
    agent_id, user_id = flow.hands
    if (agent_id, user_id) == (issue.assignee_agent_id, issue.assignee_user_id):
        return {}
    if not flow.is_forced:
        assignment.require_may_reassign(issue, agent_id=agent_id, user_id=user_id, actor=actor)
    return {"assignee_agent_id": agent_id, "assignee_user_id": user_id, **checkout.UNOWNED}


def _enter(issue: Issue, status: str | None, now: datetime) -> dict[str, Any]:
    """Return the columns of an explicit status (I-31)."""
    if status is None:
        return {}
    columns = statuses.stamps(
        status,
        now=now,
        started_at=issue.started_at,
        completed_at=issue.completed_at,
        cancelled_at=issue.cancelled_at,
    )
    if status != IssueStatus.IN_PROGRESS:
        columns |= checkout.UNOWNED
    return columns


def _place(issue: Issue, wanted: Fields) -> dict[str, Any]:
    """Return project, goal, workspace and parent after the edit (I-52, I-60, IW-16)."""
    company_id = issue.company_id
    project_id = wanted.get("project_id", issue.project_id)
    if project_id is not None and project_id != issue.project_id:
        placement.require_project(company_id, project_id)
    columns: dict[str, Any] = {"project_id": project_id, "goal_id": _goal(issue, wanted, project_id)}
    if "project_workspace_id" in wanted or project_id != issue.project_id:
        columns["project_workspace_id"] = _workspace(issue, wanted, project_id)
    columns |= workspace_links.of_edit(issue, wanted, project_id=project_id)
    if "parent_id" in wanted:
        if wanted["parent_id"] is not None:
            tree.require_parent(company_id, wanted["parent_id"], child_id=issue.pk)
        columns["parent_id"] = wanted["parent_id"]
    return columns


def _goal(issue: Issue, wanted: Fields, project_id: UUID | None) -> UUID | None:
    """I-52: the goal asked for; cleared, the fallback; unasked, a goal that was only the fallback follows
    along.
    """
    if "goal_id" not in wanted:
        return placement.goal_after_edit(
            company_id=issue.company_id,
            goal_id=issue.goal_id,
            old_project_id=issue.project_id,
            project_id=project_id,
        )
    goal_id = wanted["goal_id"]
    if goal_id is None:
        return placement.fallback_goal(issue.company_id, project_id)
    placement.require_goal(issue.company_id, goal_id)
    return goal_id


def _workspace(issue: Issue, wanted: Fields, project_id: UUID | None) -> UUID | None:
    """The workspace asked for; with a new project, else that project's own, for the old one does not fit."""
    if "project_workspace_id" in wanted:
        workspace_id = wanted["project_workspace_id"]
        if workspace_id is not None:
            placement.require_workspace(issue.company_id, workspace_id, project_id=project_id)
        return workspace_id
    return placement.default_workspace(project_id) if project_id is not None else None


def _require_review_path(issue: Issue, flow: Flow) -> None:
    """Raise Unprocessable unless somebody is there to judge, or something to look at it again (I-45)."""
    has_monitor = flow.after is not None and flow.after.monitor is not None
    if flow.hands[1] is not None or flow.is_asking or has_monitor:
        return
    if issue.interactions.filter(status=InteractionStatus.PENDING).exists():
        return
    if issue.approval_links.filter(approval__status__in=APPROVAL_OPEN).exists():
        return
    raise Unprocessable(
        "Issue cannot move to in_review: nobody would be asked to review it",
        details={
            "code": "invalid_issue_disposition",
            "missing": "review_path",
            "validReviewPaths": _REVIEW_PATHS,
        },
    )
