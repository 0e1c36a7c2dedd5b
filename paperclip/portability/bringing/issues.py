"""Issues, parents first: those that are new in one go, and those that are there where they differ (C-107).

Nobody is called for new work. What replaces an issue is its description in the widest sense; its status and its hands
are its life here and stay.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID, uuid4

from issues import batches, lifecycle
from issues.fields import Fields
from issues.models import Issue, IssueLabel, Relation
from paperclip.companies.models import Company
from paperclip.portability.bringing.desk import SOURCE, Desk
from paperclip.portability.choices import Action
from paperclip.portability.planning import Step, in_order
from paperclip.portability.shapes import IssuePart

# What these lead to need not be in the package: when it names nothing, they stay.
_WAITS = "blocked_by_issue_ids"
_LINKS = ("goal_id", "parent_id", _WAITS)
_SKIPPED = {"source": SOURCE, "assignmentWakeSkipped": True, "assignmentWakeSkipReason": SOURCE}


def make(desk: Desk, company: Company) -> None:
    """Make the issues that are new, then set those that are there to what the package says."""
    steps = {step.slug: step for step in desk.plan.issues}
    parts = {part.slug: part for part in desk.package.issues if part.slug in steps}
    links = {slug: [part.parent] if part.parent else [] for slug, part in parts.items()}
    ordered = in_order(links)
    # Ids first: an issue may wait for one that comes later.
    ids = desk.ids["issues"]
    for slug in ordered:
        existing = steps[slug].existing_id
        if existing is not None or steps[slug].action == Action.CREATE:
            ids[slug] = existing or uuid4()
    new = [slug for slug in ordered if steps[slug].action == Action.CREATE]
    batch = [batches.Draft(ids[slug], _new(desk, parts[slug], steps[slug])) for slug in new]
    if batch:
        batches.insert(company_id=company.pk, batch=batch, actor=desk.actor, now=desk.now, noted=_SKIPPED)
    _replace(desk, [parts[slug] for slug in ordered if steps[slug].action == Action.UPDATE])


def _new(desk: Desk, part: IssuePart, step: Step) -> Fields:
    return {
        **_said(desk, part),
        "title": part.title,
        "status": step.status or part.status,
        "project_id": desk.id_of("projects", part.project),
        "assignee_agent_id": desk.agent_id(part.assignee),
    }


def _said(desk: Desk, part: IssuePart) -> Fields:
    """Return what a package says of an issue, apart from where it stands and who is at it."""
    waits_for = [desk.id_of("issues", slug) for slug in part.blocked_by]
    return {
        "description": part.description,
        "priority": part.priority,
        "work_mode": part.work_mode,
        "billing_code": part.billing_code,
        "goal_id": desk.id_of("goals", part.goal),
        "parent_id": desk.id_of("issues", part.parent),
        "label_ids": [desk.label_ids[name] for name in part.labels if name in desk.label_ids],
        "blocked_by_issue_ids": [issue_id for issue_id in waits_for if issue_id is not None],
    }


def _replace(desk: Desk, parts: Collection[IssuePart]) -> None:
    """Set issues to what the package says; one that says it already is left alone."""
    wanted: dict[UUID, dict[str, Any]] = {}
    for part in parts:
        said: dict[str, Any] = {**_said(desk, part)}
        wanted[desk.ids["issues"][part.slug]] = {
            name: value for name, value in said.items() if value or name not in _LINKS
        }
    rows = Issue.objects.in_bulk(list(wanted))
    links = {
        "label_ids": IssueLabel.objects.filter(issue_id__in=rows).values_list("issue_id", "label_id"),
        _WAITS: Relation.objects.filter(related_issue_id__in=rows, type="blocks").values_list(
            "related_issue_id", "issue_id"
        ),
    }
    held: dict[tuple[str, UUID], set[UUID]] = {}
    for name, pairs in links.items():
        for issue_id, other_id in pairs:
            held.setdefault((name, issue_id), set()).add(other_id)
    waits: dict[UUID, Any] = {}
    for issue_id, row in rows.items():
        changed: Any = {
            name: value
            for name, value in wanted[issue_id].items()
            if (
                set(value) != held.get((name, issue_id), set())
                if name in links
                else value != getattr(row, name)
            )
        }
        if _WAITS in changed:
            # First whatever an issue does not wait for any more: else old and new might make a circle for a moment.
            waits[issue_id] = changed.pop(_WAITS)
            before = held.get((_WAITS, issue_id), set())
            if before - set(waits[issue_id]):
                changed[_WAITS] = [each for each in waits[issue_id] if each in before]
        if changed:
            lifecycle.update(issue_id=issue_id, fields=changed, actor=desk.actor, now=desk.now)
    for issue_id, wanted_ids in waits.items():
        if set(wanted_ids) - held.get((_WAITS, issue_id), set()):
            lifecycle.update(
                issue_id=issue_id, fields={"blocked_by_issue_ids": wanted_ids}, actor=desk.actor, now=desk.now
            )
