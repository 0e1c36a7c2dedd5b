"""What the product itself does to issues that nobody moves: say so, block them, have somebody see to them.

Its own words in a thread are system notices (I-12, I-13). Whether and why is decided upstairs; here is only what it
comes to on the issue. Callers hold the issue's lock, and for everything about blockers `locks.relations`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q

from issues import blockers, changes, checkout, comments, drafts, references, statuses, trail
from issues.choices import CLOSED, IssuePriority, IssueStatus
from issues.fields import Fields
from issues.models import Comment, Issue
from paperclip.companies.actors import Actor
from paperclip.core.errors import Unprocessable

ONE_OPEN = "issue_one_open_per_origin"
_STRANDED = (IssueStatus.TODO, IssueStatus.IN_PROGRESS)


@dataclass(frozen=True)
class Word:
    """A word of the product in a thread: its text, its tone, and facts below it (rows of I-13)."""

    body: str
    tone: str = "warning"
    title: str | None = None
    facts: Sequence[Mapping[str, Any]] = ()
    run_id: UUID | None = None


@dataclass(frozen=True)
class Origin:
    """What an issue of the product's own making is about; of one kind and id at most one is open (I-10)."""

    kind: str
    id: str
    fingerprint: str
    run_id: UUID | None = None


def link(issue: Issue) -> str:
    """Return a link to `issue`, as texts of the interface write it."""
    return f"[{issue.identifier}](/{issue.identifier.rpartition('-')[0]}/issues/{issue.identifier})"


def say(issue: Issue, word: Word, *, actor: Actor, now: datetime) -> Comment:
    """Write `word` to the issue's thread and return it. It calls nobody."""
    metadata: dict[str, Any] = {"version": 1, "sections": [{"rows": [dict(row) for row in word.facts]}]}
    if word.run_id is not None:
        metadata["sourceRunId"] = str(word.run_id)
    presentation: dict[str, Any] = {
        "kind": "system_notice",
        "tone": word.tone,
        "detailsDefaultOpen": False,
        **({"title": word.title} if word.title else {}),
    }
    comment = comments.insert(
        issue=issue,
        body=word.body,
        actor=actor,
        now=now,
        presentation=presentation,
        metadata=metadata if word.facts else None,
    )
    references.note_comment(issue, comment, now=now)
    return comment


def block(
    issue: Issue,
    *,
    on: Issue | None,
    word: Word,
    action: str,
    details: Mapping[str, Any],
    actor: Actor,
    now: datetime,
) -> bool:
    """Block work that nobody moves, visibly, and return whether it was still open work (H-146).

    With `on`, the issue then waits for it and for what it waited for; a cancelled blocker no longer counts.
    """
    before = issue.status
    columns = statuses.stamps(IssueStatus.BLOCKED, now=now, started_at=issue.started_at) | checkout.UNOWNED
    columns |= {"updated_at": now, "last_activity_at": now}
    if not changes.write(issue, columns, actor=actor, now=now, only_if=Q(status__in=_STRANDED)):
        return False
    if on is not None:
        kept = Issue.objects.filter(blocks_links__related_issue=issue).exclude(status__in=CLOSED)
        ids = [*kept.order_by("pk").values_list("pk", flat=True), on.pk]
        change = blockers.replace(issue=issue, blocker_ids=list(dict.fromkeys(ids)), actor=actor, now=now)
        details = {**details, "blockedByIssueIds": list(change.now), "recoveryIssueId": on.pk}
    say(issue, word, actor=actor, now=now)
    told = {
        "status": issue.status,
        "identifier": issue.identifier,
        **details,
        "_previous": {"status": before},
    }
    trail.record(issue, action, actor=actor, now=now, details=told)
    return True


def find_open(company_id: UUID, kind: str, origin_id: str) -> Issue | None:
    """Return the open issue of an origin."""
    return (
        Issue.objects.filter(
            company_id=company_id, origin_kind=kind, origin_id=origin_id, hidden_at__isnull=True
        )
        .exclude(status__in=CLOSED)
        .first()
    )


def open_once(
    *,
    company_id: UUID,
    origin: Origin,
    title: str,
    description: str,
    owner_id: UUID | None,
    parent: Issue | None,
    actor: Actor,
    now: datetime,
    priority: str = IssuePriority.MEDIUM,
) -> tuple[Issue, bool]:
    """Return the open issue of `origin`, made now if there is none, and whether it was made (I-10).

    The caller holds `locks.company`. It takes project, goal and billing from `parent` and calls nobody.
    """
    found = find_open(company_id, origin.kind, origin.id)
    if found is not None:
        return found, False
    wanted: Fields = {
        "title": title,
        "description": description,
        "status": IssueStatus.TODO,
        "priority": priority,
        "assignee_agent_id": owner_id,
        "assignee_adapter_overrides": {"modelProfile": "cheap"},
        "origin_kind": origin.kind,
        "origin_id": origin.id,
        "origin_run_id": str(origin.run_id) if origin.run_id is not None else None,
        "origin_fingerprint": origin.fingerprint,
    }
    if parent is not None:
        wanted["billing_code"] = parent.billing_code
        wanted = drafts.below(parent, wanted, ())
    try:
        with transaction.atomic():
            issue, start = drafts.insert(company_id=company_id, wanted=wanted, actor=actor, now=now)
            details = {"parentId": parent.pk if parent else None, "originKind": origin.kind}
            told = drafts.start_details(issue, start, wanted) | details | references.note_new(issue, now=now)
            trail.record(issue, "issue.created", actor=actor, now=now, details=told)
    except IntegrityError as error:
        if ONE_OPEN not in str(error):
            raise
        found = find_open(company_id, origin.kind, origin.id)
        if found is None:
            raise
        return found, False
    return issue, True


def may_wait_for(issue: Issue, blocker: Issue) -> bool:
    """Return whether `issue` can wait for `blocker`: not when that already waits for it."""
    try:
        blockers.wanted_set(issue, [blocker.pk])
    except Unprocessable:
        return False
    return True


def wait_for(issue: Issue, blocker: Issue, *, actor: Actor, now: datetime) -> blockers.Change:
    """Make `issue` wait for `blocker` as well; nothing changes when it does."""
    return blockers.add(issue=issue, blocker_id=blocker.pk, actor=actor, now=now)


def stop_waiting(issue: Issue, blocker_id: UUID, *, actor: Actor, now: datetime) -> blockers.Change:
    """Take one of the things `issue` waits for away. It calls nobody."""
    kept = [each for each in blockers.readiness(issue.pk).blocker_issue_ids if each != blocker_id]
    return blockers.replace(issue=issue, blocker_ids=kept, actor=actor, now=now)


def call_off(issue: Issue, *, source: str, actor: Actor, now: datetime) -> bool:
    """Cancel an issue of the product's own making that nobody needs any more; whether it was open."""
    before = issue.status
    columns = statuses.stamps(IssueStatus.CANCELLED, now=now, started_at=issue.started_at) | checkout.UNOWNED
    columns |= {"updated_at": now, "last_activity_at": now}
    if not changes.write(issue, columns, actor=actor, now=now, only_if=~Q(status__in=CLOSED)):
        return False
    told = {
        "status": issue.status,
        "identifier": issue.identifier,
        "source": source,
        "_previous": {"status": before},
    }
    trail.record(issue, "issue.updated", actor=actor, now=now, details=told)
    return True


def give(issue: Issue, agent_id: UUID, *, source: str, word: Word, actor: Actor, now: datetime) -> bool:
    """Give an issue that is in nobody's hands to an agent; False when somebody has it (H-145)."""
    columns: dict[str, Any] = {"assignee_agent_id": agent_id, "updated_at": now, "last_activity_at": now}
    free = Issue.objects.filter(pk=issue.pk, assignee_agent__isnull=True, assignee_user__isnull=True)
    if not free.update(**columns):
        return False
    _reflect(issue, columns)
    say(issue, word, actor=actor, now=now)
    told = {
        "assigneeAgentId": agent_id,
        "identifier": issue.identifier,
        "source": source,
        "_previous": {"assigneeAgentId": None},
    }
    trail.record(issue, "issue.updated", actor=actor, now=now, details=told)
    return True


def raise_priority(issue: Issue, priority: str, *, now: datetime) -> None:
    """Write a new priority to a locked issue."""
    Issue.objects.filter(pk=issue.pk).update(priority=priority, updated_at=now)
    _reflect(issue, {"priority": priority, "updated_at": now})


def waiting_for(blocker_id: UUID) -> Iterable[UUID]:
    """Return the issues that wait for `blocker_id`."""
    return Issue.objects.filter(blocked_by_links__issue_id=blocker_id).values_list("pk", flat=True)


def _reflect(issue: Issue, columns: Mapping[str, Any]) -> None:
    for column, value in columns.items():
        setattr(issue, column, value)
