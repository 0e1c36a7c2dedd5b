"""The thread of an issue (section 5 of the contract): say something, and perhaps bring it back by that."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from issues import (
    checkout,
    confirmations,
    interrupts,
    locks,
    mentions,
    references,
    reopening,
    trail,
    wakes,
    workspace_links,
)
from issues.choices import CLOSED, AuthorType, ReferenceKind
from issues.models import Comment, Issue
from paperclip.companies import instance
from paperclip.companies.actors import Actor
from paperclip.core.errors import Conflict, Forbidden, NotFound, Unprocessable

_SNIPPET = 120


def add(
    *,
    issue_id: UUID,
    body: str,
    actor: Actor,
    now: datetime,
    author_type: str | None = None,
    presentation: dict[str, Any] | None = None,
    metadata: dict[str, Any] | None = None,
    reopen: bool = False,
    resume: bool = False,
    interrupt: bool = False,
) -> Comment:
    """Write a comment (I-69), with what follows from it, and return it.

    `reopen` and `resume` ask to bring a closed or blocked issue back; a person's comment on an agent's issue
    does so by itself. `interrupt` stops what runs for the issue first. Raises NotFound, Forbidden,
    Unauthorized, Conflict or Unprocessable, and then nothing is written.
    """
    _require_allowed_shape(actor, author_type, structured=presentation is not None or metadata is not None)
    require_may_interrupt(actor, interrupt)
    with transaction.atomic():
        issue = locks.issue(issue_id)
        checkout.require_ownership(issue=issue, actor=actor, now=now, commenting=True)
        workspace_links.require_open(issue)
        waiting = reopening.waits_for(issue)
        reopening.require_allowed(issue=issue, actor=actor, reopen=reopen, resume=resume, waiting=waiting)
        was_closed = issue.status in CLOSED
        interrupted = interrupts.by_comment(issue, actor=actor, now=now) if interrupt else None
        trace = wakes.Trace(resumed=resume, interrupted_run_id=interrupted)
        reopened_from = reopening.decide(
            status=issue.status,
            waiting=waiting,
            by_person=actor.is_board,
            has_agent=issue.assignee_agent_id is not None,
            asked=reopen or resume,
        )
        if reopened_from:
            reopening.bring_back(issue=issue, actor=actor, now=now, more=trace.keys())
        comment = insert(
            issue=issue, body=body, actor=actor, now=now, presentation=presentation, metadata=metadata
        )
        record(issue, comment, actor=actor, now=now, reopened_from=reopened_from, trace=trace)
        batch = wakes.Batch()
        if reopened_from or not was_closed:
            batch.add(wake_of_assignee(issue, comment, actor=actor, reopened_from=reopened_from, trace=trace))
        add_mentions(batch, issue, comment, actor=actor)
        batch.send(actor=actor, now=now)
    return comment


def withdraw(*, issue_id: UUID, comment_id: UUID, actor: Actor, now: datetime) -> Comment:
    """Take back one's own comment that the running run has not seen yet (I-72), and return what it said.

    Raises NotFound, Forbidden for another's comment, and Conflict when it is too late.
    """
    with transaction.atomic():
        issue = locks.issue(issue_id)
        checkout.require_ownership(issue=issue, actor=actor, now=now, commenting=True)
        comment = Comment.objects.filter(pk=comment_id, issue=issue).first()
        if comment is None:
            raise NotFound("Comment not found")
        mine = (actor.agent_id, actor.user_id)
        if (comment.author_agent_id, comment.author_user_id) != mine or mine == (None, None):
            raise Forbidden("Only the comment author can cancel queued comments")
        running = issue.runs.filter(status="running", started_at__isnull=False).first()
        if running is None:
            raise Conflict("Queued comment can no longer be canceled")
        is_older = running.started_at is not None and comment.created_at < running.started_at
        if is_older or comment.author_agent_id == running.agent_id:
            raise Conflict("Only queued comments can be canceled")
        details = _about(issue, comment) | {"source": "queue_cancel", "queueTargetRunId": running.pk}
        trail.record(issue, "issue.comment_cancelled", actor=actor, now=now, details=details)
        references.forget(issue, ReferenceKind.COMMENT, comment.pk, now=now)
        trail.touch(issue, now=now, changed=True)
        Comment.objects.filter(pk=comment.pk).delete()
    return comment


# --- Parts that an edit with a comment uses too ----------------------------------------------------------


def require_may_interrupt(actor: Actor, interrupt: bool) -> None:
    """Raise Forbidden unless a person asks to interrupt (I-77)."""
    if interrupt and not actor.is_board:
        raise Forbidden("Only board users can interrupt an active run")


def insert(
    *,
    issue: Issue,
    body: str,
    actor: Actor,
    now: datetime,
    presentation: dict[str, Any] | None = None,
    metadata: dict[str, Any] | None = None,
) -> Comment:
    """Store a comment on a locked issue and mark the issue as changed.

    A person's word settles the confirmations that say so (I-124). Nothing else follows from it.
    """
    comment = Comment.objects.create(
        company_id=issue.company_id,
        issue=issue,
        author_agent_id=actor.agent_id,
        author_user_id=actor.user_id,
        author_type=author_kind(actor),
        created_by_run_id=actor.run_id,
        body=instance.censored(body),
        presentation=presentation,
        metadata=metadata,
        created_at=now,
        updated_at=now,
    )
    trail.touch(issue, now=now, changed=True)
    if actor.is_board:
        confirmations.supersede(issue=issue, comment=comment, actor=actor, now=now)
    return comment


def author_kind(actor: Actor) -> str:
    """Return how comments of `actor` are signed."""
    if actor.is_agent:
        return AuthorType.AGENT
    return AuthorType.USER if actor.is_board else AuthorType.SYSTEM


def record(
    issue: Issue,
    comment: Comment,
    *,
    actor: Actor,
    now: datetime,
    reopened_from: str | None,
    trace: wakes.Trace,
    with_changes: bool = False,
) -> None:
    """Write `issue.comment_added`."""
    details = _about(issue, comment) | trace.keys() | references.note_comment(issue, comment, now=now)
    if reopened_from:
        details |= {"reopened": True, "reopenedFrom": reopened_from, "source": "comment"}
    if with_changes:
        details["updated"] = True
    trail.record(issue, "issue.comment_added", actor=actor, now=now, details=details)


def wake_of_assignee(
    issue: Issue, comment: Comment, *, actor: Actor, reopened_from: str | None, trace: wakes.Trace
) -> wakes.Wake | None:
    """Return the wake of the issue's agent; its own word calls it only as a follow-up (I-93)."""
    agent_id = issue.assignee_agent_id
    if agent_id is None or (agent_id == actor.agent_id and not (reopened_from and trace.resumed)):
        return None
    return wakes.commented(
        issue_id=issue.pk, agent_id=agent_id, comment_id=comment.pk, reopened_from=reopened_from, trace=trace
    )


def add_mentions(batch: wakes.Batch, issue: Issue, comment: Comment, *, actor: Actor) -> None:
    """Add a wake for every agent the comment names but its author; stronger wakes stay."""
    for agent_id in mentions.agents_named(comment.body, company_id=issue.company_id):
        if agent_id != actor.agent_id:
            batch.add(
                wakes.mentioned(issue_id=issue.pk, agent_id=agent_id, comment_id=comment.pk), keep_first=True
            )


def _require_allowed_shape(actor: Actor, author_type: str | None, *, structured: bool) -> None:
    if structured and actor.is_agent:
        raise Forbidden("Agents cannot set comment presentation or metadata")
    if author_type is not None and author_type != author_kind(actor):
        raise Unprocessable(f"authorType must be '{author_kind(actor)}' for this caller")


def _about(issue: Issue, comment: Comment) -> dict[str, Any]:
    return {
        "commentId": comment.pk,
        "bodySnippet": comment.body[:_SNIPPET],
        "identifier": issue.identifier,
        "issueTitle": issue.title,
    }
