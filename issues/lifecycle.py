"""Make issues, change them, end them (sections 2 and 3 of the contract).

Every verb locks the issue, checks what the wanted state requires, writes, logs, and sends its wakes, all in one
transaction: the wake cannot be lost between the change and the queue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from issues import (
    assignment,
    authority,
    blockers,
    checkout,
    comments,
    interrupts,
    labels,
    locks,
    placement,
    reopening,
    statuses,
    trail,
    tree,
    wakes,
)
from issues.choices import CLOSED, MAX_REQUEST_DEPTH, IssueStatus
from issues.models import Comment, Document, Issue, Relation
from paperclip.companies.actors import Actor
from paperclip.companies.models import Company
from paperclip.core import naming
from paperclip.core.errors import BadRequest, Forbidden, NotFound, Unprocessable
from paperclip.governance.choices import APPROVAL_OPEN


class Fields(TypedDict, total=False):
    """What may be set on an issue. Absent is "leave it", None is "clear it"; origins are for the product itself."""

    title: str
    description: str | None
    status: str
    priority: str
    work_mode: str
    project_id: UUID | None
    project_workspace_id: UUID | None
    goal_id: UUID | None
    parent_id: UUID | None
    assignee_agent_id: UUID | str | None
    assignee_user_id: UUID | str | None
    label_ids: Sequence[UUID]
    blocked_by_issue_ids: Sequence[UUID]
    request_depth: int
    billing_code: str | None
    assignee_adapter_overrides: dict[str, Any] | None
    execution_policy: dict[str, Any] | None
    review_request: dict[str, Any] | None
    hidden_at: datetime | None
    inherit_execution_workspace_from_issue_id: UUID | None
    execution_workspace_id: UUID | None
    execution_workspace_preference: str | None
    execution_workspace_settings: dict[str, Any] | None
    origin_kind: str
    origin_id: str | None
    origin_run_id: str | None
    origin_fingerprint: str


# Columns that are stored as they come.
_PLAIN = (
    "title", "description", "priority", "work_mode", "billing_code", "assignee_adapter_overrides", "hidden_at",
    "origin_kind", "origin_id", "origin_run_id", "origin_fingerprint",
)  # fmt: skip
# I-57: dropped while isolated workspaces are off, in the log as well.
_DROPPED = frozenset(
    {
        "execution_workspace_id",
        "execution_workspace_preference",
        "execution_workspace_settings",
        "inherit_execution_workspace_from_issue_id",
        "execution_policy",
        "review_request",
    }
)
_REVIEW_PATHS = [
    "pending_issue_thread_interaction",
    "linked_pending_approval",
    "human_assignee_user_id",
    "typed_execution_state_current_participant",
    "scheduled_issue_monitor",
]


# --- Create ----------------------------------------------------------------------------------------------


def create(
    *, company_id: UUID, fields: Fields, actor: Actor, now: datetime, wake_source: str = "issue.create"
) -> Issue:
    """Create an issue (I-29 to I-60), wake whom it is given to, and return it.

    Raises Forbidden, NotFound, Conflict or Unprocessable, naming what does not fit.
    """
    with transaction.atomic():
        issue, start = _insert(company_id, fields, actor, now)
        details = {"title": issue.title, "identifier": issue.identifier} | _start_details(issue, start, fields)
        trail.record(issue, "issue.created", actor=actor, now=now, details=details)
        _call_assignee(issue, actor, now, source=wake_source)
    return issue


def create_child(
    *,
    parent_id: UUID,
    fields: Fields,
    actor: Actor,
    now: datetime,
    acceptance_criteria: Sequence[str] = (),
    block_parent_until_done: bool = False,
) -> Issue:
    """Create an issue below `parent_id` that inherits its project, goal and depth (I-55), and return it.

    `acceptance_criteria` are appended to the description; `block_parent_until_done` makes the parent wait for it.
    Raises NotFound, Unprocessable when the parent has 25 children, or what `create` raises.
    """
    with transaction.atomic():
        parent = _lock_parent(parent_id)
        tree.require_room(parent)
        inherited: Fields = {**fields, "parent_id": parent.pk}
        inherited["request_depth"] = tree.depth_below(parent, fields.get("request_depth") or 0)
        if fields.get("project_id") is None:
            inherited["project_id"] = parent.project_id
        if fields.get("goal_id") is None and parent.goal_id is not None:
            inherited["goal_id"] = parent.goal_id
        inherited["description"] = _with_criteria(fields.get("description"), acceptance_criteria)
        issue, start = _insert(parent.company_id, inherited, actor, now)
        details: dict[str, Any] = {"parentId": parent.pk, "identifier": issue.identifier, "title": issue.title}
        details |= _start_details(issue, start, fields)
        details["inheritedExecutionWorkspaceFromIssueId"] = parent.pk
        if block_parent_until_done:
            _block_parent(parent, issue, actor, now)
            details["parentBlockerAdded"] = True
        trail.record(issue, "issue.child_created", actor=actor, now=now, details=details)
        trail.touch(parent, now=now)
        _call_assignee(issue, actor, now, source="issue.child_create")
    return issue


def _insert(company_id: UUID, fields: Fields, actor: Actor, now: datetime) -> tuple[Issue, statuses.Default]:
    _refuse_unavailable(fields)
    agent_id, user_id = _assignees(company_id, fields)
    if agent_id is not None or user_id is not None:
        assignment.require_may_assign(actor, company_id)
    start = statuses.decide_default(fields.get("status"), assigned=agent_id is not None or user_id is not None)
    statuses.require_assignee(start.status, agent_id=agent_id, user_id=user_id)
    project_id, parent_id = fields.get("project_id"), fields.get("parent_id")
    parent = tree.require_parent(company_id, parent_id) if parent_id is not None else None
    source_id = fields.get("inherit_execution_workspace_from_issue_id")
    source = tree.require_parent(company_id, source_id) if source_id is not None else parent
    if project_id is not None:
        placement.require_project(company_id, project_id)
    label_ids = labels.wanted_set(company_id, fields.get("label_ids") or ())
    number, identifier = _next_number(company_id)
    issue = Issue(
        company_id=company_id,
        project_id=project_id,
        project_workspace_id=_workspace(company_id, fields, project_id, source),
        goal_id=_goal(company_id, fields, project_id),
        parent_id=parent_id,
        assignee_agent_id=agent_id,
        assignee_user_id=user_id,
        request_depth=min(fields.get("request_depth") or 0, MAX_REQUEST_DEPTH),
        created_by_agent_id=actor.agent_id,
        created_by_user_id=actor.user_id,
        issue_number=number,
        identifier=identifier,
        created_at=now,
        updated_at=now,
        last_activity_at=now,
        **_plain(fields),
        **statuses.stamps(start.status, now=now),
    )
    blocker_ids = blockers.wanted_set(issue, fields.get("blocked_by_issue_ids") or ())
    if start.status == IssueStatus.IN_PROGRESS:
        _require_ready(blocker_ids)
    issue.save(force_insert=True)
    blockers.replace(issue=issue, blocker_ids=blocker_ids, actor=actor, now=now)
    if label_ids:
        labels.replace(issue=issue, label_ids=label_ids, now=now)
    return issue, start


def _lock_parent(parent_id: UUID) -> Issue:
    """Lock in the agreed order: the company, for the number to be drawn; its relations; the parent."""
    company_id = Issue.objects.filter(pk=parent_id).values_list("company_id", flat=True).first()
    if company_id is None:
        raise NotFound("Parent issue not found")
    Company.objects.select_for_update(no_key=True).values_list("pk").get(pk=company_id)
    return locks.issue(parent_id, with_relations=True)


def _next_number(company_id: UUID) -> tuple[int, str]:
    """Draw the company's next issue number; concurrent draws wait for each other on the company row (I-48)."""
    company = Company.objects.select_for_update(no_key=True).only("issue_counter", "issue_prefix").get(pk=company_id)
    highest = Issue.objects.filter(company_id=company_id).aggregate(highest=Max("issue_number"))["highest"] or 0
    number = max(company.issue_counter, highest) + 1
    Company.objects.filter(pk=company_id).update(issue_counter=number)
    return number, f"{company.issue_prefix}-{number}"


def _workspace(company_id: UUID, fields: Fields, project_id: UUID | None, source: Issue | None) -> UUID | None:
    asked = fields.get("project_workspace_id")
    if asked is not None:
        placement.require_workspace(company_id, asked, project_id=project_id)
        return asked
    if source is not None and source.project_workspace_id is not None and source.project_id == project_id:
        return source.project_workspace_id
    return placement.default_workspace(project_id) if project_id is not None else None


def _goal(company_id: UUID, fields: Fields, project_id: UUID | None) -> UUID | None:
    asked = fields.get("goal_id")
    if asked is None:
        return placement.fallback_goal(company_id, project_id)
    placement.require_goal(company_id, asked)
    return asked


def _with_criteria(description: str | None, criteria: Sequence[str]) -> str | None:
    if not criteria:
        return description
    listed = "## Acceptance Criteria\n\n" + "\n".join(f"- {criterion}" for criterion in criteria)
    return f"{description.rstrip()}\n\n{listed}" if description and description.strip() else listed


def _block_parent(parent: Issue, child: Issue, actor: Actor, now: datetime) -> None:
    before = Relation.objects.filter(related_issue=parent, type="blocks").order_by("created_at", "id")
    wanted = blockers.wanted_set(parent, [*before.values_list("issue_id", flat=True), child.pk])
    change = blockers.replace(issue=parent, blocker_ids=wanted, actor=actor, now=now)
    _record_blockers(parent, change, actor, now)


def _start_details(issue: Issue, start: statuses.Default, fields: Fields) -> dict[str, Any]:
    skipped = _assignment_skip_reason(issue)
    details: dict[str, Any] = {
        "status": issue.status,
        "statusDefaulted": start.defaulted,
        "statusDefaultReason": start.reason,
        "assignmentWakeSkipped": skipped is not None,
        "assignmentWakeSkipReason": skipped,
    }
    if fields.get("blocked_by_issue_ids"):
        details["blockedByIssueIds"] = fields["blocked_by_issue_ids"]
    return details


def _assignment_skip_reason(issue: Issue) -> str | None:
    """Return why nobody is called for an assignment (I-92); closed work calls nobody either (IW-21)."""
    if issue.assignee_agent_id is None:
        return "no_agent_assignee"
    if issue.status == IssueStatus.BACKLOG:
        return "assigned_backlog"
    return "assigned_closed" if issue.status in CLOSED else None


def _call_assignee(issue: Issue, actor: Actor, now: datetime, *, source: str) -> None:
    if issue.assignee_agent_id is None or _assignment_skip_reason(issue):
        return
    batch = wakes.Batch()
    batch.add(wakes.assigned(issue_id=issue.pk, agent_id=issue.assignee_agent_id, source=source))
    batch.send(actor=actor, now=now)


# --- Change ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Updated:
    """What an edit did: the issue as it now is, and the comment that came with it."""

    issue: Issue
    comment: Comment | None = None
    reopened_from: str | None = None
    interrupted_run_id: UUID | None = None
    cancelled_run_id: UUID | None = None


@dataclass(frozen=True)
class _Word:
    """The comment of an edit and what it asks for."""

    body: str | None
    reopen: bool
    resume: bool
    interrupt: bool


def update(
    *,
    issue_id: UUID,
    fields: Fields,
    actor: Actor,
    now: datetime,
    comment: str | None = None,
    reopen: bool = False,
    resume: bool = False,
    interrupt: bool = False,
) -> Updated:
    """Change an issue, and perhaps say something about it, in one go (I-47).

    1. lock, and let the actor in; 2. weigh what a comment asks for; 3. work out the new columns and check them;
    4. stop what runs, if asked; 5. write; 6. log; 7. wake.
    Raises NotFound, BadRequest, Unauthorized, Forbidden, Conflict or Unprocessable, and then nothing is written.
    """
    word = _Word(comment, reopen and comment is not None, resume, interrupt)
    with transaction.atomic():
        issue = locks.issue(issue_id, with_relations=_reaches_others(fields))
        checkout.require_ownership(issue=issue, actor=actor, now=now)
        _refuse_unavailable(fields)
        assignees = _assignees_after(issue, fields)
        waiting = _weigh_word(issue, word, actor)
        reopened_from = _reopened_from(issue, fields, word, waiting, actor, has_agent=assignees[0] is not None)
        status = IssueStatus.TODO if reopened_from else fields.get("status")
        blocker_ids = _blockers_after(issue, fields)
        columns = _columns(issue, fields, assignees, status, actor, now)
        label_ids = labels.wanted_set(issue.company_id, fields["label_ids"]) if "label_ids" in fields else None
        _require_state(issue, fields, assignees, status, blocker_ids, actor)

        interrupted = _stop(issue, actor, now, interrupt=word.interrupt)
        before = _written(issue, columns, now)
        blocked = blockers.replace(issue=issue, blocker_ids=blocker_ids, actor=actor, now=now) if blocker_ids is not None else None
        if label_ids is not None:
            labels.replace(issue=issue, label_ids=label_ids, now=now)
        said = comments.insert(issue=issue, body=word.body, actor=actor, now=now) if word.body is not None else None
        cancelled = _stop_cancelled(issue, before, actor, now)

        trace = wakes.Trace(resumed=word.resume, interrupted_run_id=interrupted)
        result = Updated(issue, said, reopened_from, interrupted, cancelled)
        _log_edit(result, fields, columns, before, trace, actor, now)
        if blocked is not None and (blocked.added or blocked.removed):
            _record_blockers(issue, blocked, actor, now)
        _call_after_edit(result, fields, before, blocked, trace, actor, now)
    return result


def _reaches_others(fields: Fields) -> bool:
    """Whether an edit concerns more issues than its own."""
    return "blocked_by_issue_ids" in fields or fields.get("parent_id") is not None or fields.get("status") in CLOSED


def _weigh_word(issue: Issue, word: _Word, actor: Actor) -> Sequence[UUID]:
    """Refuse what a comment may not ask for and return what a blocked issue waits for."""
    if word.resume and word.body is None:
        raise BadRequest("resume requires a comment")
    waiting = reopening.waits_for(issue) if word.body is not None else ()
    reopening.require_allowed(issue=issue, actor=actor, reopen=word.reopen, resume=word.resume, waiting=waiting)
    if word.interrupt and word.body is None:
        raise BadRequest("interrupt requires a comment")
    comments.require_may_interrupt(actor, word.interrupt)
    return waiting


def _reopened_from(
    issue: Issue, fields: Fields, word: _Word, waiting: Sequence[UUID], actor: Actor, *, has_agent: bool
) -> str | None:
    if word.body is None or "status" in fields:
        return None
    return reopening.decide(
        status=issue.status,
        waiting=waiting,
        by_person=actor.is_board,
        has_agent=has_agent,
        asked=word.reopen or word.resume,
    )


def _blockers_after(issue: Issue, fields: Fields) -> list[UUID] | None:
    if "blocked_by_issue_ids" not in fields:
        return None
    return blockers.wanted_set(issue, fields["blocked_by_issue_ids"])


def _columns(
    issue: Issue,
    fields: Fields,
    assignees: tuple[UUID | None, UUID | None],
    status: str | None,
    actor: Actor,
    now: datetime,
) -> dict[str, Any]:
    """Return the columns an edit writes, checked against each other and against the company."""
    columns = _plain(fields) | _placed(issue, fields)
    if fields.get("request_depth") is not None:
        columns["request_depth"] = min(fields["request_depth"], MAX_REQUEST_DEPTH)
    agent_id, user_id = assignees
    if (agent_id, user_id) != (issue.assignee_agent_id, issue.assignee_user_id):
        _require_may_reassign(issue, agent_id, user_id, actor)
        columns |= {"assignee_agent_id": agent_id, "assignee_user_id": user_id, **checkout.UNOWNED}
    if status is not None:
        columns |= statuses.stamps(
            status, now=now, started_at=issue.started_at, completed_at=issue.completed_at, cancelled_at=issue.cancelled_at
        )
        if status != IssueStatus.IN_PROGRESS:
            columns |= checkout.UNOWNED
        if issue.status in CLOSED and status not in CLOSED:
            columns["execution_state"] = None
    return columns


def _placed(issue: Issue, fields: Fields) -> dict[str, Any]:
    """Return project, workspace, goal and parent of an edited issue (I-52, I-60, IW-16)."""
    placed: dict[str, Any] = {}
    project_id = fields.get("project_id", issue.project_id)
    if project_id != issue.project_id:
        if project_id is not None:
            placement.require_project(issue.company_id, project_id)
        placed["project_id"] = project_id
    if fields.get("goal_id") is not None:
        placement.require_goal(issue.company_id, fields["goal_id"] or issue.pk)
        placed["goal_id"] = fields["goal_id"]
    elif "goal_id" in fields:
        placed["goal_id"] = placement.fallback_goal(issue.company_id, project_id)
    else:
        placed["goal_id"] = placement.goal_after_edit(
            company_id=issue.company_id, goal_id=issue.goal_id, old_project_id=issue.project_id, project_id=project_id
        )
    workspace_id = fields.get("project_workspace_id", issue.project_workspace_id)
    if "project_workspace_id" in fields or project_id != issue.project_id:
        if workspace_id is not None and "project_workspace_id" in fields:
            placement.require_workspace(issue.company_id, workspace_id, project_id=project_id)
        elif workspace_id is not None or project_id != issue.project_id:
            # The old project's workspace does not fit the new one.
            workspace_id = placement.default_workspace(project_id) if project_id is not None else None
        placed["project_workspace_id"] = workspace_id
    if "parent_id" in fields:
        if fields["parent_id"] is not None:
            tree.require_parent(issue.company_id, fields["parent_id"], child_id=issue.pk)
        placed["parent_id"] = fields["parent_id"]
    return placed


def _require_may_reassign(issue: Issue, agent_id: UUID | None, user_id: UUID | None, actor: Actor) -> None:
    """I-36; an agent may always hand its issue back to the person who made it."""
    hands_back = (
        actor.is_agent
        and issue.assignee_agent_id == actor.agent_id
        and agent_id is None
        and user_id is not None
        and user_id == issue.created_by_user_id
    )
    if not hands_back:
        assignment.require_may_assign(actor, issue.company_id)


def _require_state(
    issue: Issue,
    fields: Fields,
    assignees: tuple[UUID | None, UUID | None],
    status: str | None,
    blocker_ids: Sequence[UUID] | None,
    actor: Actor,
) -> None:
    """Raise Unprocessable when the wanted status lacks what it needs (I-30)."""
    statuses.require_assignee(status or issue.status, agent_id=assignees[0], user_id=assignees[1])
    if status == IssueStatus.IN_PROGRESS:
        _require_ready(blocker_ids if blocker_ids is not None else blockers.readiness(issue.pk).blocker_issue_ids)
    if status == IssueStatus.IN_REVIEW and issue.status != IssueStatus.IN_REVIEW and actor.is_agent:
        _require_review_path(issue, assignees[1])


def _require_ready(blocker_ids: Sequence[UUID]) -> None:
    waiting = blockers.unresolved_among(blocker_ids)
    if waiting:
        raise blockers.refusal(waiting)


def _require_review_path(issue: Issue, user_id: UUID | None) -> None:
    """Somebody must be there to judge (I-45)."""
    if user_id is not None or issue.approval_links.filter(approval__status__in=APPROVAL_OPEN).exists():
        return
    raise Unprocessable(
        "Issue cannot move to in_review: nobody would be asked to review it",
        details={"code": "invalid_issue_disposition", "missing": "review_path", "validReviewPaths": _REVIEW_PATHS},
    )


def _written(issue: Issue, columns: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Write `columns` to the locked row and return what those that changed held before."""
    before = {column: getattr(issue, column) for column, value in columns.items() if getattr(issue, column) != value}
    stamped = columns | {"updated_at": now, "last_activity_at": now}
    Issue.objects.filter(pk=issue.pk).update(**stamped)
    for column, value in stamped.items():
        setattr(issue, column, value)
    return before


def _stop(issue: Issue, actor: Actor, now: datetime, *, interrupt: bool) -> UUID | None:
    if not interrupt:
        return None
    return interrupts.stop_work(
        issue=issue, actor=actor, source="issue_comment_interrupt", reason="Interrupted by a comment", now=now
    )


def _stop_cancelled(issue: Issue, before: Mapping[str, Any], actor: Actor, now: datetime) -> UUID | None:
    """Stop the run of an issue that was just cancelled (I-46)."""
    if issue.status != IssueStatus.CANCELLED or "status" not in before:
        return None
    return interrupts.stop_work(
        issue=issue, actor=actor, source="issue_status_cancelled", reason="Issue was cancelled", now=now
    )


def _log_edit(
    result: Updated,
    fields: Fields,
    columns: Mapping[str, Any],
    before: Mapping[str, Any],
    trace: wakes.Trace,
    actor: Actor,
    now: datetime,
) -> None:
    issue, said = result.issue, result.comment
    sent = {name: value for name, value in fields.items() if name not in _DROPPED}
    if sent or said is not None:
        details: dict[str, Any] = {naming.camel(name): columns.get(name, value) for name, value in sent.items()}
        details |= {"identifier": issue.identifier, **trace.keys()}
        if result.reopened_from:
            details |= {"status": issue.status, "reopened": True, "reopenedFrom": result.reopened_from, "source": "comment"}
        if result.cancelled_run_id is not None:
            details["cancelledStatusRunId"] = result.cancelled_run_id
        details["_previous"] = {naming.camel(name): value for name, value in before.items() if name in sent or name == "status"}
        trail.record(issue, "issue.updated", actor=actor, now=now, details=details)
    if said is not None:
        comments.record(
            issue, said, actor=actor, now=now, reopened_from=result.reopened_from, trace=trace, with_changes=bool(sent)
        )


def _call_after_edit(
    result: Updated,
    fields: Fields,
    before: Mapping[str, Any],
    blocked: blockers.Change | None,
    trace: wakes.Trace,
    actor: Actor,
    now: datetime,
) -> None:
    """Send the wakes of an edit, one per agent and issue (I-94)."""
    issue, batch = result.issue, wakes.Batch()
    reassigned = before.get("assignee_agent_id", issue.assignee_agent_id) != issue.assignee_agent_id
    was_closed = before.get("status", issue.status) in CLOSED
    if reassigned and issue.assignee_agent_id is not None and _assignment_skip_reason(issue) is None:
        said_id = result.comment.pk if result.comment is not None else None
        batch.add(
            wakes.assigned(
                issue_id=issue.pk,
                agent_id=issue.assignee_agent_id,
                mutation="update",
                source="issue.update",
                comment_id=said_id,
                trace=trace,
            )
        )
    elif "status" in fields and _became_ready(before.get("status"), issue.status):
        batch.add(_status_wake(issue, trace, actor))
    if result.comment is not None:
        still_heard = result.reopened_from or not (was_closed or issue.status in CLOSED)
        if still_heard and not reassigned:
            batch.add(
                comments.wake_of_assignee(
                    issue, result.comment, actor=actor, reopened_from=result.reopened_from, trace=trace
                )
            )
        comments.add_mentions(batch, issue, result.comment, actor=actor)
    if blocked is not None and blocked.removed:
        _add_freed(batch, issue, blocked, actor)
    if "status" in before and issue.status in CLOSED:
        _add_closing(batch, issue, was_closed=was_closed)
    batch.send(actor=actor, now=now)


def _became_ready(before: str | None, after: str) -> bool:
    """Whether an explicit status calls the assignee (I-90): out of the backlog, or back to `todo`."""
    if before is None or before == after or after in CLOSED:
        return False
    if before == IssueStatus.BACKLOG:
        return True
    return after == IssueStatus.TODO and before in (IssueStatus.BLOCKED, *CLOSED)


def _status_wake(issue: Issue, trace: wakes.Trace, actor: Actor) -> wakes.Wake | None:
    if issue.assignee_agent_id is None or issue.assignee_agent_id == actor.agent_id:
        return None
    return wakes.status_changed(issue_id=issue.pk, agent_id=issue.assignee_agent_id, trace=trace)


def _add_freed(batch: wakes.Batch, issue: Issue, blocked: blockers.Change, actor: Actor) -> None:
    """Call the agent of an issue whose last open blocker was taken away (IW-19), unless it did so itself."""
    open_ones = blockers.unresolved_among(blocked.removed)
    if open_ones and issue.assignee_agent_id != actor.agent_id:
        for wake in blockers.called_when_ready([issue.pk], resolved=open_ones[-1]):
            batch.add(wake, keep_first=True)


def _add_closing(batch: wakes.Batch, issue: Issue, *, was_closed: bool) -> None:
    if issue.status == IssueStatus.DONE:
        for wake in blockers.called_by_resolution(issue):
            batch.add(wake)
    if not was_closed:
        batch.add(tree.called_by_closing(issue))


# --- End -------------------------------------------------------------------------------------------------


def delete(*, issue_id: UUID, actor: Actor, now: datetime) -> None:
    """Delete an issue with everything on it (I-165); Conflict while it has children.

    What runs for it is stopped, and whoever only waited for it is called. Of agents only its maker, its assignee
    and their managers may.
    """
    with transaction.atomic():
        issue = locks.issue(issue_id, with_relations=True)
        checkout.require_ownership(issue=issue, actor=actor, now=now)
        _require_may_delete(issue, actor)
        tree.require_childless(issue)
        interrupts.stop_work(issue=issue, actor=actor, source="issue_deleted", reason="Issue was deleted", now=now)
        waiting = list(Relation.objects.filter(issue=issue, type="blocks").values_list("related_issue_id", flat=True))
        trail.record(issue, "issue.deleted", actor=actor, now=now)
        Document.objects.filter(issue_link__issue=issue).delete()
        Issue.objects.filter(pk=issue.pk).delete()
        batch = wakes.Batch()
        if issue.status != IssueStatus.DONE:
            for wake in blockers.called_when_ready(waiting, resolved=issue.pk):
                batch.add(wake)
        if issue.status not in CLOSED:
            batch.add(tree.called_by_closing(issue))
        batch.send(actor=actor, now=now)


def _require_may_delete(issue: Issue, actor: Actor) -> None:
    if not actor.is_agent or actor.agent_id in (issue.created_by_agent_id, issue.assignee_agent_id):
        return
    if not authority.may_override(actor, company_id=issue.company_id, assignee_agent_id=issue.assignee_agent_id):
        raise Forbidden("Only the issue's creator, its assignee or their managers may delete it")


# --- Shared ----------------------------------------------------------------------------------------------


def _refuse_unavailable(fields: Fields) -> None:
    """Say so when something is asked for that would otherwise be lost silently."""
    if fields.get("execution_policy") is not None:
        raise Unprocessable("Execution policies are not available yet")
    if fields.get("review_request") is not None:
        raise Unprocessable("reviewRequest requires an active review or approval stage")


def _assignees(company_id: UUID, fields: Fields) -> tuple[UUID | None, UUID | None]:
    """Return the agent and the user a new issue is given to, checked."""
    agent, user = fields.get("assignee_agent_id"), fields.get("assignee_user_id")
    if agent is not None and user is not None:
        raise Unprocessable("Issue can only have one assignee")
    agent_id = _agent(company_id, agent) if agent is not None else None
    user_id = assignment.require_assignable_user(company_id, user) if user is not None else None
    return agent_id, user_id


def _assignees_after(issue: Issue, fields: Fields) -> tuple[UUID | None, UUID | None]:
    """Return the agent and the user after an edit; those that change are checked (I-33 to I-35)."""
    agent_id, user_id = issue.assignee_agent_id, issue.assignee_user_id
    if "assignee_agent_id" in fields:
        agent = fields["assignee_agent_id"]
        agent_id = assignment.find_agent(issue.company_id, str(agent)) if agent is not None else None
    if "assignee_user_id" in fields:
        user = fields["assignee_user_id"]
        user_id = assignment.require_assignable_user(issue.company_id, user) if user is not None else None
    if agent_id is not None and agent_id != issue.assignee_agent_id:
        assignment.require_assignable_agent(issue.company_id, agent_id)
    if agent_id is not None and user_id is not None:
        raise Unprocessable("Issue can only have one assignee")
    return agent_id, user_id


def _agent(company_id: UUID, reference: UUID | str) -> UUID:
    agent_id = reference if isinstance(reference, UUID) else assignment.find_agent(company_id, reference)
    return assignment.require_assignable_agent(company_id, agent_id).pk


def _plain(fields: Fields) -> dict[str, Any]:
    given: Mapping[str, Any] = fields
    return {column: given[column] for column in _PLAIN if column in given}


def _record_blockers(issue: Issue, change: blockers.Change, actor: Actor, now: datetime) -> None:
    """Write `issue.blockers_updated`."""
    listed = {row["id"]: {"id": row["id"], "identifier": row["identifier"], "title": row["title"]}
              for row in blockers.summaries({*change.now, *change.added, *change.removed})}  # fmt: skip

    def about(issue_ids: Sequence[UUID]) -> list[dict[str, Any]]:
        return [listed[issue_id] for issue_id in issue_ids if issue_id in listed]

    details = {
        "identifier": issue.identifier,
        "blockedByIssueIds": list(change.now),
        "addedBlockedByIssueIds": list(change.added),
        "removedBlockedByIssueIds": list(change.removed),
        "blockedByIssues": about(change.now),
        "addedBlockedByIssues": about(change.added),
        "removedBlockedByIssues": about(change.removed),
    }
    trail.record(issue, "issue.blockers_updated", actor=actor, now=now, details=details)
