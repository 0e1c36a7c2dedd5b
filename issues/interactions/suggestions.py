"""Make the tasks a person accepted of a suggestion (I-119)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.db.models import Count

from issues import labels, lifecycle
from issues.choices import MAX_CHILDREN, IssueStatus
from issues.fields import Fields
from issues.interactions.payloads import Choice, Task
from issues.models import Issue, Label
from paperclip.companies.actors import Actor
from paperclip.core import naming
from paperclip.core.errors import Unprocessable

_LABEL_COLOR = "#6b7280"
_LONGEST_LABEL = 48
_COLUMNS = {
    "title": "title", "description": "description", "priority": "priority", "workMode": "work_mode",
    "assigneeAgentId": "assignee_agent_id", "assigneeUserId": "assignee_user_id", "billingCode": "billing_code",
}  # fmt: skip


def create(
    issue: Issue, payload: Mapping[str, Any], choice: Choice, *, actor: Actor, now: datetime
) -> list[dict[str, Any]]:
    """Make the chosen tasks, parents first, and return what each became, as the result lists it.

    The caller holds `locks.company`. Raises Unprocessable for a parent of another company or one without room for
    them, and whatever stands against a single one; then none is made.
    """
    default_parent = _id(payload.get("defaultParentId")) or issue.pk
    _require_room(issue, choice.tasks, default_parent)
    label_ids = _labels(issue.company_id, choice.tasks, actor=actor, now=now)
    made: dict[str, Issue] = {}
    listed = []
    for task in choice.tasks:
        above = made.get(task.get("parentClientKey") or "")
        parent_id = above.pk if above is not None else _id(task.get("parentId")) or default_parent
        child = lifecycle.create_child(
            parent_id=parent_id,
            fields=_fields(issue, task, label_ids),
            actor=actor,
            now=now,
            wake_source="issue.interaction.accept",
            mutation="interaction_accept",
        )
        made[task["clientKey"]] = child
        listed.append(
            {
                "clientKey": task["clientKey"],
                "issueId": str(child.pk),
                "identifier": child.identifier,
                "title": child.title,
                "parentIssueId": str(parent_id),
                "parentIdentifier": above.identifier if above is not None else _identifier(parent_id),
            }
        )
    return listed


def _require_room(issue: Issue, tasks: Sequence[Task], default_parent: UUID) -> None:
    parents = _parents(tasks, default_parent)
    rows = Issue.objects.filter(company_id=issue.company_id, pk__in=parents).annotate(count=Count("children"))
    found = list(rows.order_by("issue_number"))
    if len(found) != len(parents):
        raise Unprocessable("Suggested parents must belong to the same company")
    full = [
        {
            "parentIssueId": str(row.pk),
            "parentIdentifier": row.identifier,
            "wanted": parents[row.pk],
            "room": max(MAX_CHILDREN - row.count, 0),
        }
        for row in found
        if row.count + parents[row.pk] > MAX_CHILDREN
    ]
    if full:
        raise Unprocessable(
            f"Issues can have at most {MAX_CHILDREN} children; select fewer tasks", details={"full": full}
        )


def _parents(tasks: Sequence[Task], default_parent: UUID) -> Counter[UUID]:
    """Return the issues that exist and get children, each with how many."""
    return Counter(
        _id(task.get("parentId")) or default_parent for task in tasks if not task.get("parentClientKey")
    )


def _fields(issue: Issue, task: Task, label_ids: Mapping[str, UUID]) -> Fields:
    fields: dict[str, Any] = {column: task[name] for name, column in _COLUMNS.items() if task.get(name)}
    fields["status"] = IssueStatus.TODO.value
    fields["project_id"] = _id(task.get("projectId")) or issue.project_id
    fields["goal_id"] = _id(task.get("goalId")) or issue.goal_id
    names = [name.casefold() for name in task.get("labels") or ()]
    fields["label_ids"] = [label_ids[name] for name in names if name in label_ids]
    return cast(Fields, fields)


def _labels(company_id: UUID, tasks: Sequence[Task], *, actor: Actor, now: datetime) -> dict[str, UUID]:
    """Return the labels the tasks name, made where the company has none of the name (IW-31)."""
    wanted = {name.casefold(): name for task in tasks for name in task.get("labels") or ()}
    if not wanted:
        return {}
    rows = Label.objects.filter(company_id=company_id).values_list("name", "pk")
    found = {name.casefold(): pk for name, pk in rows if name.casefold() in wanted}
    for key, name in wanted.items():
        if key not in found and len(name) <= _LONGEST_LABEL:
            label = labels.create(company_id=company_id, name=name, color=_LABEL_COLOR, actor=actor, now=now)
            found[key] = label.pk
    return found


def _identifier(issue_id: UUID) -> str | None:
    return Issue.objects.filter(pk=issue_id).values_list("identifier", flat=True).first()


def _id(text: str | None) -> UUID | None:
    return naming.as_field_uuid(text) if text else None
