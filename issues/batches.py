"""Many new issues at once, in a number of queries that does not grow with them.

What a new issue has to keep to is checked as `drafts` does, once for what many of them share. Nobody is called:
whoever makes a batch says why in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction

from issues import (
    assignment,
    blockers,
    drafts,
    fields,
    labels,
    locks,
    placement,
    references,
    statuses,
    trail,
    workspace_links,
)
from issues.choices import MAX_REQUEST_DEPTH, IssueStatus
from issues.fields import Fields
from issues.models import Issue, IssueLabel, Relation
from paperclip.companies.actors import Actor
from paperclip.core.errors import NotFound, Unprocessable

_AT_ONCE = 500

_Key = TypeVar("_Key", bound=Hashable)


@dataclass(frozen=True)
class Draft:
    """An issue to be made. Its id is known before it is, so that others of the batch can name it.

    `fields` are those of `drafts.insert` without a policy and without a place to work in.
    """

    id: UUID
    fields: Fields


def insert(
    *, company_id: UUID, batch: Sequence[Draft], actor: Actor, now: datetime, noted: Mapping[str, Any]
) -> list[Issue]:
    """Make the issues of a batch, parents before their children, and log each with what is `noted` of all.

    Raises Forbidden, NotFound, Conflict or Unprocessable, naming what does not fit; then none is made.
    """
    with transaction.atomic():
        locks.company(company_id)
        _require(company_id, batch, actor)
        made = _issues(company_id, batch, actor, now)
        Issue.objects.bulk_create(made, batch_size=_AT_ONCE)
        _label(made, batch, now)
        _block(made, batch, actor, now)
        named = references.note_all_new(made, now=now)
        trail.record_all(
            [
                (
                    issue,
                    {**drafts.start_details(issue, _start(draft), draft.fields), **named[issue.pk], **noted},
                )
                for issue, draft in zip(made, batch, strict=True)
            ],
            "issue.created",
            actor=actor,
            now=now,
        )
    return made


def _require(company_id: UUID, batch: Sequence[Draft], actor: Actor) -> None:
    """Check what the issues name, each thing once (I-30 to I-36)."""
    for draft in batch:
        fields.require_allowed(draft.fields, actor)
    hands = {_hands(draft) for draft in batch if any(_hands(draft))}
    for agent, user in hands:
        wanted: Fields = {"assignee_agent_id": agent, "assignee_user_id": user}
        assignment.of_new(company_id, wanted)
    if hands:
        assignment.require_may_assign(actor, company_id)
    for project_id in _distinct(draft.fields.get("project_id") for draft in batch):
        placement.require_project(company_id, project_id)
    for goal_id in _distinct(draft.fields.get("goal_id") for draft in batch):
        placement.require_goal(company_id, goal_id)
    labels.wanted_set(company_id, [each for draft in batch for each in draft.fields.get("label_ids") or ()])


def _issues(company_id: UUID, batch: Sequence[Draft], actor: Actor, now: datetime) -> list[Issue]:
    goal_of = cache(lambda project_id: placement.fallback_goal(company_id, project_id))
    workspace_of = cache(placement.default_workspace)
    way_of = cache(lambda each: workspace_links.of_new(company_id, {}, project_id=each, source=None))
    known = _outside_parents(company_id, batch)
    made: list[Issue] = []
    numbers = drafts.next_numbers(company_id, len(batch))
    for draft, (number, identifier) in zip(batch, numbers, strict=True):
        wanted = draft.fields
        start = _start(draft)
        agent_id, user_id = _hands(draft)
        statuses.require_assignee(start.status, agent_id=agent_id, user_id=user_id)
        project_id, parent_id = wanted.get("project_id"), wanted.get("parent_id")
        parent = known.get(parent_id) if parent_id is not None else None
        if parent_id is not None and parent is None:
            raise NotFound("Parent issue not found")
        issue = Issue(
            id=draft.id,
            company_id=company_id,
            project_id=project_id,
            project_workspace_id=_workspace(project_id, parent, workspace_of),
            goal_id=wanted.get("goal_id") or goal_of(project_id),
            parent_id=parent_id,
            assignee_agent_id=agent_id,
            assignee_user_id=user_id,
            request_depth=min(wanted.get("request_depth") or 0, MAX_REQUEST_DEPTH),
            created_by_agent_id=actor.agent_id,
            created_by_user_id=actor.user_id,
            issue_number=number,
            identifier=identifier,
            created_at=now,
            updated_at=now,
            last_activity_at=now,
            **fields.plain(wanted),
            **statuses.stamps(start.status, now=now),
            **_place(company_id, project_id, parent, way_of),
        )
        known[issue.pk] = issue
        made.append(issue)
    return made


def _start(draft: Draft) -> statuses.Default:
    return statuses.decide_default(draft.fields.get("status"), assigned=any(_hands(draft)))


def _hands(draft: Draft) -> tuple[Any, Any]:
    return draft.fields.get("assignee_agent_id"), draft.fields.get("assignee_user_id")


def _distinct(values: Iterable[_Key | None]) -> list[_Key]:
    return [value for value in dict.fromkeys(values) if value is not None]


def _outside_parents(company_id: UUID, batch: Sequence[Draft]) -> dict[UUID, Issue]:
    """Return the parents that are there already, by id."""
    inside = {draft.id for draft in batch}
    wanted = set(_distinct(draft.fields.get("parent_id") for draft in batch)) - inside
    return Issue.objects.filter(company_id=company_id).in_bulk(wanted) if wanted else {}


def _workspace(
    project_id: UUID | None, parent: Issue | None, workspace_of: Callable[[UUID], UUID | None]
) -> UUID | None:
    """I-58: what the parent has, else the project's own."""
    if (
        parent is not None
        and parent.project_workspace_id is not None
        and project_id in (None, parent.project_id)
    ):
        return parent.project_workspace_id
    return workspace_of(project_id) if project_id is not None else None


def _place(
    company_id: UUID, project_id: UUID | None, parent: Issue | None, way_of: Callable[[UUID], dict[str, Any]]
) -> dict[str, Any]:
    """I-56, I-58: where the parent's runs work, else the project's way."""
    columns: dict[str, Any] = {}
    if parent is not None and project_id in (None, parent.project_id):
        columns = workspace_links.of_new(company_id, {}, project_id=None, source=parent)
    has_place = columns.get("execution_workspace_id") or columns.get("execution_workspace_settings")
    return columns if project_id is None or has_place else {**columns, **way_of(project_id)}


def _label(made: Sequence[Issue], batch: Sequence[Draft], now: datetime) -> None:
    IssueLabel.objects.bulk_create(
        (
            IssueLabel(issue=issue, label_id=label_id, company_id=issue.company_id, created_at=now)
            for issue, draft in zip(made, batch, strict=True)
            for label_id in dict.fromkeys(draft.fields.get("label_ids") or ())
        ),
        batch_size=_AT_ONCE,
    )


def _block(made: Sequence[Issue], batch: Sequence[Draft], actor: Actor, now: datetime) -> None:
    """Write what each issue waits for (I-81): nothing waits for a new issue yet but others of its batch."""
    waits = {draft.id: _distinct(draft.fields.get("blocked_by_issue_ids") or ()) for draft in batch}
    if not any(waits.values()):
        return
    inside = {issue.pk: issue for issue in made}
    outside = {each for named in waits.values() for each in named if each not in inside}
    company_id = made[0].company_id
    if Issue.objects.filter(company_id=company_id, pk__in=outside).count() != len(outside):
        raise Unprocessable("Blocked-by issues must belong to the same company")
    _require_no_circle(waits)
    Relation.objects.bulk_create(
        (
            Relation(
                company_id=company_id,
                issue_id=blocker,
                related_issue_id=issue_id,
                created_by_agent_id=actor.agent_id,
                created_by_user_id=actor.user_id,
                created_at=now,
                updated_at=now,
            )
            for issue_id, named in waits.items()
            for blocker in named
        ),
        batch_size=_AT_ONCE,
    )
    begun = [issue_id for issue_id in waits if inside[issue_id].status == IssueStatus.IN_PROGRESS]
    blockers.require_done(_distinct(each for issue_id in begun for each in waits[issue_id]))


def _require_no_circle(waits: Mapping[UUID, Sequence[UUID]]) -> None:
    """Raise Unprocessable for issues of the batch that wait for themselves, at once or in the end."""
    waiting = {issue_id: {each for each in named if each in waits} for issue_id, named in waits.items()}
    if any(issue_id in named for issue_id, named in waiting.items()):
        raise Unprocessable("Issue cannot be blocked by itself")
    free = [issue_id for issue_id, named in waiting.items() if not named]
    freed_by: dict[UUID, list[UUID]] = {}
    for issue_id, named in waiting.items():
        for each in named:
            freed_by.setdefault(each, []).append(issue_id)
    done = 0
    while free:
        done += 1
        for issue_id in freed_by.get(resolved := free.pop(), ()):
            waiting[issue_id].discard(resolved)
            if not waiting[issue_id]:
                free.append(issue_id)
    if done != len(waits):
        raise Unprocessable("Blocking relations cannot contain cycles")
