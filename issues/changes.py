"""How the columns of a stored issue are written where its status may be among them.

Whoever follows issues hears of every change of status exactly once, inside the transaction that makes it. Nothing
else writes `Issue.status` of a row that exists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from issues import signals
from issues.models import Issue
from paperclip.companies.actors import Actor


def write(
    issue: Issue, columns: Mapping[str, Any], *, actor: Actor, now: datetime, only_if: Q | None = None
) -> bool:
    """Write `columns` to a locked issue, in the database and in hand; False when `only_if` does not hold.

    Then nothing is written. A change of status is told as `issues.signals.status_changed`.
    """
    before = issue.status
    rows = (
        Issue.objects.filter(pk=issue.pk) if only_if is None else Issue.objects.filter(only_if, pk=issue.pk)
    )
    if not rows.update(**columns):
        return False
    _reflect(issue, columns, before, actor=actor, now=now)
    return True


def write_many(
    issue_ids: Sequence[UUID], columns: Mapping[str, Any], *, actor: Actor, now: datetime
) -> list[Issue]:
    """Write the same `columns` to locked issues and return them as they are now, by number."""
    issues = list(Issue.objects.filter(pk__in=issue_ids).order_by("issue_number"))
    before = {issue.pk: issue.status for issue in issues}
    Issue.objects.filter(pk__in=before).update(**columns)
    for issue in issues:
        _reflect(issue, columns, before[issue.pk], actor=actor, now=now)
    return issues


def _reflect(issue: Issue, columns: Mapping[str, Any], before: str, *, actor: Actor, now: datetime) -> None:
    for column, value in columns.items():
        setattr(issue, column, value)
    if issue.status != before:
        signals.status_changed.send(sender=Issue, issue=issue, before=before, actor=actor, now=now)
