"""What follows from an edit: the lines in the log, and the wakes, one per agent and issue (I-83 to I-94)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from issues import assignment, blockers, comments, fields, references, trail, tree, wakes, workspace_links
from issues.choices import CLOSED, IssueStatus
from issues.fields import Fields
from issues.models import Comment, Issue
from issues.policy import records, states
from issues.policy.flow import Call, Flow
from paperclip.companies.actors import Actor
from paperclip.core import naming

_HANDS = ("assignee_agent_id", "assignee_user_id")


@dataclass(frozen=True)
class Updated:
    """What an edit did: the issue as it is now, what changed columns held `before`, what the issue's policy made of
    it, and what came along.
    """

    issue: Issue
    before: Mapping[str, Any]
    flow: Flow
    comment: Comment | None = None
    reopened_from: str | None = None
    blocked: blockers.Change | None = None
    interrupted_run_id: UUID | None = None
    cancelled_run_id: UUID | None = None

    @property
    def was_closed(self) -> bool:
        """Whether the issue was done or cancelled before."""
        return self.before.get("status", self.issue.status) in CLOSED

    @property
    def is_reassigned(self) -> bool:
        """Whether another agent, or none, has the issue now."""
        return "assignee_agent_id" in self.before


def record(done: Updated, wanted: Fields, trace: wakes.Trace, *, actor: Actor, now: datetime) -> None:
    """Write the edit, its comment and its blockers to the log (I-157)."""
    issue = done.issue
    sent = fields.stored(wanted)
    if sent or done.comment is not None:
        details: dict[str, Any] = {
            naming.camel(name): getattr(issue, name, value) for name, value in sent.items()
        }
        details |= {"identifier": issue.identifier, **trace.keys()}
        if done.reopened_from:
            details |= {
                "status": issue.status,
                "reopened": True,
                "reopenedFrom": done.reopened_from,
                "source": "comment",
            }
        if done.cancelled_run_id is not None:
            details["cancelledStatusRunId"] = done.cancelled_run_id
        # What the stages of a policy chose was not sent, and is told all the same.
        told = {*sent, "status"} | ({*_HANDS} if done.flow.is_forced else set())
        details |= {naming.camel(name): getattr(issue, name) for name in done.before if name in told}
        details["_previous"] = {
            naming.camel(name): value for name, value in done.before.items() if name in told
        }
        details |= workspace_links.change(issue, done.before)
        details |= references.note_issue(issue, done.before, now=now)
        trail.record(issue, "issue.updated", actor=actor, now=now, details=details)
    records.edited(issue, done.flow, actor=actor, now=now)
    if done.comment is not None:
        comments.record(
            issue,
            done.comment,
            actor=actor,
            now=now,
            reopened_from=done.reopened_from,
            trace=trace,
            with_changes=bool(sent),
        )
    if done.blocked is not None and (done.blocked.added or done.blocked.removed):
        record_blockers(issue, done.blocked, actor=actor, now=now)


def record_blockers(issue: Issue, change: blockers.Change, *, actor: Actor, now: datetime) -> None:
    """Write `issue.blockers_updated`."""
    rows = blockers.summaries({*change.now, *change.removed})
    listed = {row["id"]: {name: row[name] for name in ("id", "identifier", "title")} for row in rows}

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


def call(done: Updated, wanted: Fields, trace: wakes.Trace, *, actor: Actor, now: datetime) -> None:
    """Send the wakes of an edit; a later kind replaces an earlier one for the same agent (I-94)."""
    issue, batch = done.issue, wakes.Batch()
    if done.flow.call is not None:
        batch.add(_stage_called(issue, done.flow.call, trace))
    elif done.is_reassigned:
        batch.add(_assigned(done, trace))
    elif "status" in wanted and _became_ready(done.before.get("status"), issue.status):
        batch.add(_status_changed(issue, trace, actor))
    if done.comment is not None:
        _add_comment(batch, done, done.comment, trace, actor)
    if done.blocked is not None:
        _add_freed(batch, issue, done.blocked, actor)
    if "status" in done.before and issue.status in CLOSED:
        add_closing(batch, issue, was_closed=done.was_closed)
    batch.send(actor=actor, now=now)


def call_assignee(
    issue: Issue, *, actor: Actor, now: datetime, source: str, mutation: str = "create"
) -> None:
    """Send the wake of a new issue's agent, unless there is none or the work is not for now (I-92)."""
    if issue.assignee_agent_id is None or assignment.reason_to_wake_nobody(issue):
        return
    batch = wakes.Batch()
    batch.add(
        wakes.assigned(issue_id=issue.pk, agent_id=issue.assignee_agent_id, mutation=mutation, source=source)
    )
    batch.send(actor=actor, now=now)


def add_closing(batch: wakes.Batch, issue: Issue, *, was_closed: bool) -> None:
    """Add the wakes of whoever waited for an issue that was just closed (I-83, I-84)."""
    if issue.status == IssueStatus.DONE:
        for wake in blockers.called_by_resolution(issue):
            batch.add(wake)
    if not was_closed:
        batch.add(tree.called_by_closing(issue))


def record_monitor(issue: Issue, *, actor: Actor, now: datetime, parent_id: UUID | None = None) -> None:
    """Write that a new issue is monitored, if it is."""
    policy = states.policy_of(issue)
    if policy is not None and policy.monitor is not None:
        records.scheduled(issue, policy.monitor, actor=actor, now=now, parent_id=parent_id)


def _stage_called(issue: Issue, call: Call, trace: wakes.Trace) -> wakes.Wake:
    return wakes.stage_called(
        issue_id=issue.pk, agent_id=call.agent_id, reason=call.reason, stage=call.stage, trace=trace
    )


def _assigned(done: Updated, trace: wakes.Trace) -> wakes.Wake | None:
    issue = done.issue
    if issue.assignee_agent_id is None or assignment.reason_to_wake_nobody(issue):
        return None
    return wakes.assigned(
        issue_id=issue.pk,
        agent_id=issue.assignee_agent_id,
        mutation="update",
        source="issue.update",
        comment_id=done.comment.pk if done.comment is not None else None,
        trace=trace,
    )


def _became_ready(before: str | None, after: str) -> bool:
    """Whether an explicit status calls the assignee (I-90): out of the backlog, or back to `todo`."""
    if before is None or before == after or after in CLOSED:
        return False
    if before == IssueStatus.BACKLOG:
        return True
    return after == IssueStatus.TODO and before in (IssueStatus.BLOCKED, *CLOSED)


def _status_changed(issue: Issue, trace: wakes.Trace, actor: Actor) -> wakes.Wake | None:
    if issue.assignee_agent_id is None or issue.assignee_agent_id == actor.agent_id:
        return None
    return wakes.status_changed(issue_id=issue.pk, agent_id=issue.assignee_agent_id, trace=trace)


def _add_comment(
    batch: wakes.Batch, done: Updated, comment: Comment, trace: wakes.Trace, actor: Actor
) -> None:
    """A word on finished work calls nobody (IW-22); with a new assignee, the assignment carries it (I-93)."""
    is_heard = done.reopened_from is not None or not (done.was_closed or done.issue.status in CLOSED)
    if is_heard and not done.is_reassigned:
        reopened_from = done.reopened_from
        batch.add(
            comments.wake_of_assignee(
                done.issue, comment, actor=actor, reopened_from=reopened_from, trace=trace
            )
        )
    comments.add_mentions(batch, done.issue, comment, actor=actor)


def _add_freed(batch: wakes.Batch, issue: Issue, blocked: blockers.Change, actor: Actor) -> None:
    """Call the agent of an issue whose last open blocker was taken away (IW-19), unless it did so itself."""
    was_open = blockers.unresolved_among(blocked.removed)
    if was_open and issue.assignee_agent_id != actor.agent_id:
        for wake in blockers.called_when_ready([issue.pk], resolved=was_open[-1]):
            batch.add(wake, keep_first=True)
