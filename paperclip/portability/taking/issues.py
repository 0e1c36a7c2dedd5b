"""Issues as they stand, with what they wait for and their labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from issues.choices import ORIGIN_ONE_OPEN
from issues.models import Issue, IssueLabel, Relation
from paperclip.core import naming
from paperclip.core.errors import Unprocessable
from paperclip.portability import writing
from paperclip.portability.shapes import IssuePart
from paperclip.portability.taking.desk import Desk, slugs

MAX_ISSUES = 5_000


def parts(desk: Desk) -> tuple[IssuePart, ...]:
    """Return what there is to say of the issues that are wanted. Raises Unprocessable for too many."""
    rows = _chosen(desk)
    titles = {row.pk: desk.text(row.title, f"issue {row.identifier}: title") or "" for row in rows}
    known = slugs(((row.pk, titles[row.pk]) for row in rows), "task")
    desk.task_slugs = set(known.values())
    ids = list(known)
    blockers = _grouped(
        Relation.objects.filter(related_issue_id__in=ids, issue_id__in=ids, type="blocks")
        .order_by("issue__issue_number")
        .values_list("related_issue_id", "issue_id")
    )
    labels = _grouped(
        IssueLabel.objects.filter(issue_id__in=ids)
        .order_by("label__name")
        .values_list("issue_id", "label__name")
    )
    colors = IssueLabel.objects.filter(issue_id__in=ids).values_list("label__name", "label__color").distinct()
    desk.labels = {desk.scrub.text(name): color for name, color in colors}
    in_hands = sum(row.assignee_user_id is not None for row in rows)
    if in_hands:
        desk.warnings.append(f"{in_hands} of the issues are in people's hands; a package names no people")
    stages = sum(row.execution_policy is not None for row in rows)
    if stages:
        desk.warnings.append(f"{stages} of the issues have review stages or monitors, which stay behind")
    return tuple(
        IssuePart(
            slug=known[row.pk],
            title=titles[row.pk],
            path=writing.task_path(known[row.pk]),
            description=desk.text(row.description, writing.task_path(known[row.pk])),
            status=row.status,
            priority=row.priority,
            work_mode=row.work_mode,
            project=desk.project_slugs.get(row.project_id) if row.project_id else None,
            parent=known.get(row.parent_id) if row.parent_id else None,
            goal=desk.goal_slugs.get(row.goal_id) if row.goal_id else None,
            assignee=desk.agent_slugs.get(row.assignee_agent_id) if row.assignee_agent_id else None,
            blocked_by=tuple(known[blocker] for blocker in blockers.get(row.pk, ())),
            labels=tuple(desk.scrub.text(name) for name in labels.get(row.pk, ())),
            billing_code=desk.text(row.billing_code, f"issue {row.identifier}: billingCode"),
        )
        for row in rows
    )


def _chosen(desk: Desk) -> list[Issue]:
    """Return the visible issues that people and agents made; what recovery made is about this company's runs."""
    rows = Issue.objects.filter(company=desk.company, hidden_at__isnull=True)
    rows = rows.exclude(origin_kind__in=ORIGIN_ONE_OPEN).order_by("issue_number")
    named = {name.strip().lower() for name in desk.wish.issues}
    if not named and not desk.wish.project_issues:
        return _bounded(desk, list(rows.filter(company=desk.company)[: MAX_ISSUES + 1]))
    projects = _of_projects(desk, desk.wish.project_issues)
    found = [
        row
        for row in rows.iterator()
        if row.project_id in projects
        or not named.isdisjoint((str(row.pk), row.identifier.lower(), naming.slug(row.title)))
    ]
    if not found:
        desk.warnings.append("None of the issues that were asked for exists")
    return _bounded(desk, found)


def _bounded(desk: Desk, rows: list[Issue]) -> list[Issue]:
    if len(rows) > MAX_ISSUES:
        raise Unprocessable(
            f"A package takes at most {MAX_ISSUES} issues; name issues, or projects whose issues are wanted"
        )
    return rows


def _of_projects(desk: Desk, wanted: Sequence[str]) -> set[UUID]:
    names = {name.strip().lower() for name in wanted}
    return {pk for pk, slug in desk.project_slugs.items() if slug in names or str(pk) in names}


def _grouped(pairs: Iterable[tuple[UUID, Any]]) -> dict[UUID, list[Any]]:
    found: dict[UUID, list[Any]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found
