"""Make issues, change them, end them (sections 2 and 3 of the contract).

Every verb locks the issue, checks what the wanted state requires, writes, logs and sends its wakes in one
transaction: nothing can be lost between the change and the queue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from issues import (
    attachments,
    authority,
    blockers,
    changes,
    checkout,
    comments,
    consequences,
    drafts,
    edits,
    interrupts,
    labels,
    locks,
    references,
    trail,
    tree,
    wakes,
    workspace_links,
)
from issues import fields as settable
from issues.choices import CLOSED, IssueStatus
from issues.consequences import Updated
from issues.fields import Fields
from issues.models import Document, Issue, Relation
from paperclip.companies.actors import Actor
from paperclip.companies.models import Company
from paperclip.core.errors import Forbidden, NotFound


def create(
    *, company_id: UUID, fields: Fields, actor: Actor, now: datetime, wake_source: str = "issue.create"
) -> Issue:
    """Create an issue, wake whom it is given to, and return it (I-29 to I-60, I-160).

    Raises Forbidden, NotFound, Conflict or Unprocessable, naming what does not fit.
    """
    with transaction.atomic():
        issue, start = drafts.insert(company_id=company_id, wanted=fields, actor=actor, now=now)
        details = drafts.start_details(issue, start, fields) | references.note_new(issue, now=now)
        trail.record(issue, "issue.created", actor=actor, now=now, details=details)
        consequences.record_monitor(issue, actor=actor, now=now)
        consequences.call_assignee(issue, actor=actor, now=now, source=wake_source)
    return issue


def create_child(
    *,
    parent_id: UUID,
    fields: Fields,
    actor: Actor,
    now: datetime,
    acceptance_criteria: Sequence[str] = (),
    block_parent_until_done: bool = False,
    wake_source: str = "issue.child_create",
    mutation: str = "create",
) -> Issue:
    """Create an issue below `parent_id` that inherits its project, goal, depth and workspace, and return it
    (I-55).

    `acceptance_criteria` are appended to the description; `block_parent_until_done` makes the parent wait for
    it, which of agents only those may ask for whose work it holds up (IW-15). Raises NotFound, Forbidden,
    Unprocessable when the parent has 25 children, or what `create` raises.
    """
    with transaction.atomic():
        parent = _lock_parent(parent_id)
        tree.require_room(parent)
        wanted = drafts.below(parent, fields, acceptance_criteria)
        issue, start = drafts.insert(company_id=parent.company_id, wanted=wanted, actor=actor, now=now)
        details = {"parentId": parent.pk, **drafts.start_details(issue, start, fields)}
        details["inheritedExecutionWorkspaceFromIssueId"] = parent.pk
        details |= references.note_new(issue, now=now)
        if block_parent_until_done:
            _require_may_block(parent, actor)
            change = blockers.add(issue=parent, blocker_id=issue.pk, actor=actor, now=now)
            consequences.record_blockers(parent, change, actor=actor, now=now)
            trail.touch(parent, now=now)
            details["parentBlockerAdded"] = True
        trail.record(issue, "issue.child_created", actor=actor, now=now, details=details)
        consequences.record_monitor(issue, actor=actor, now=now, parent_id=parent.pk)
        consequences.call_assignee(issue, actor=actor, now=now, source=wake_source, mutation=mutation)
    return issue


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
    """Change an issue, and perhaps say something about it, in one go (I-47, I-164).

    1. lock, and let the actor in; 2. work out what the edit comes to and check it; 3. stop what runs, if
    asked; 4. write; 5. log; 6. wake. Raises NotFound, BadRequest, Unauthorized, Forbidden, Conflict or
    Unprocessable, and then nothing is written.
    """
    word = edits.Word(comment, reopen, resume, interrupt)
    settable.require_allowed(fields, actor)
    with transaction.atomic():
        issue = locks.issue(issue_id, with_relations=edits.reaches_others(fields))
        checkout.require_ownership(issue=issue, actor=actor, now=now)
        edit = edits.plan(issue, fields, word, actor=actor, now=now)

        interrupted = None
        if interrupt:
            interrupted = interrupts.by_comment(issue, actor=actor, now=now)
        before = _write(issue, edit.columns, actor, now)
        workspace_links.follow(issue, before, actor=actor, now=now)
        if edit.flow.decision is not None:
            edit.flow.decision.save(force_insert=True)
        blocked = said = None
        if edit.blocker_ids is not None:
            blocked = blockers.replace(issue=issue, blocker_ids=edit.blocker_ids, actor=actor, now=now)
        if edit.label_ids is not None:
            labels.replace(issue=issue, label_ids=edit.label_ids, now=now)
        if comment is not None:
            said = comments.insert(issue=issue, body=comment, actor=actor, now=now)
        cancelled = None
        if issue.status == IssueStatus.CANCELLED and "status" in before:
            cancelled = interrupts.by_status(issue, actor=actor, now=now)

        done = Updated(issue, before, edit.flow, said, edit.reopened_from, blocked, interrupted, cancelled)
        trace = wakes.Trace(resumed=resume, interrupted_run_id=interrupted)
        consequences.record(done, fields, trace, actor=actor, now=now)
        consequences.call(done, fields, trace, actor=actor, now=now)
    return done


def delete(*, issue_id: UUID, actor: Actor, now: datetime) -> None:
    """Delete an issue with everything on it (I-165); Conflict while it has children (IL-4).

    What runs for it is stopped, and whoever only waited for it is called. Of agents only its maker, its
    assignee and those above them may.
    """
    with transaction.atomic():
        issue = locks.issue(issue_id, with_relations=True)
        checkout.require_ownership(issue=issue, actor=actor, now=now)
        _require_may_delete(issue, actor)
        tree.require_childless(issue)
        interrupts.by_deletion(issue, actor=actor, now=now)
        waiting = list(
            Relation.objects.filter(issue=issue, type="blocks").values_list("related_issue_id", flat=True)
        )
        trail.record(issue, "issue.deleted", actor=actor, now=now)
        Document.objects.filter(issue_link__issue=issue).delete()
        attachments.remove_all(issue)
        Issue.objects.filter(pk=issue_id).delete()
        batch = wakes.Batch()
        if issue.status != IssueStatus.DONE:
            for wake in blockers.called_when_ready(waiting, resolved=issue_id):
                batch.add(wake)
        if issue.status not in CLOSED:
            batch.add(tree.called_by_closing(issue))
        batch.send(actor=actor, now=now)


def _lock_parent(parent_id: UUID) -> Issue:
    """Lock in the agreed order: the company, for the number to be drawn; its relations; the parent."""
    company_id = Issue.objects.filter(pk=parent_id).values_list("company_id", flat=True).first()
    if company_id is None:
        raise NotFound("Parent issue not found")
    Company.objects.select_for_update(no_key=True).values_list("pk").get(pk=company_id)
    return locks.issue(parent_id, with_relations=True)


def _write(issue: Issue, columns: Mapping[str, Any], actor: Actor, now: datetime) -> dict[str, Any]:
    """Write `columns` to the locked row and return what those that changed held before."""
    before = {
        column: getattr(issue, column) for column, value in columns.items() if getattr(issue, column) != value
    }
    changed = {column: columns[column] for column in before} | {"updated_at": now, "last_activity_at": now}
    changes.write(issue, changed, actor=actor, now=now)
    return before


def _require_may_delete(issue: Issue, actor: Actor) -> None:
    if not _has_say(issue, actor):
        raise Forbidden("Only the issue's creator, its assignee or their managers may delete it")


def _require_may_block(issue: Issue, actor: Actor) -> None:
    """What is in nobody's hands holds nobody up."""
    is_free = issue.assignee_agent_id is None and issue.assignee_user_id is None
    if not is_free and not _has_say(issue, actor):
        raise Forbidden(
            "Only the issue's creator, its assignee or their managers may make it wait for a child"
        )


def _has_say(issue: Issue, actor: Actor) -> bool:
    """Whether an issue is the actor's to decide about: of agents its maker's, its assignee's, and of those above."""
    if not actor.is_agent or actor.agent_id in (issue.created_by_agent_id, issue.assignee_agent_id):
        return True
    return authority.may_override(
        actor, company_id=issue.company_id, assignee_agent_id=issue.assignee_agent_id
    )
