"""What the issues floor writes to the activity log, and the mark it leaves on the issue (I-148, I-157)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from issues.models import Issue
from paperclip.companies import activity
from paperclip.companies.actors import Actor

# What a person does with an issue without saying anything about it.
UNHEARD = (
    "issue.read_marked",
    "issue.read_unmarked",
    "issue.inbox_archived",
    "issue.inbox_unarchived",
    "issue.tree_control_previewed",
)
_LONGEST = 2000


def record(
    issue: Issue,
    action: str,
    *,
    actor: Actor,
    now: datetime,
    details: Mapping[str, Any] | None = None,
    run_id: UUID | None = None,
) -> None:
    """Write one row about `issue`; long texts in `details` are cut, for they are kept elsewhere."""
    activity.record(
        company_id=issue.company_id,
        actor=actor,
        action=action,
        entity_type="issue",
        entity_id=issue.pk,
        details={key: _cut(value) for key, value in details.items()} if details else None,
        now=now,
        run_id=run_id,
    )


def record_all(
    about: Sequence[tuple[Issue, Mapping[str, Any]]], action: str, *, actor: Actor, now: datetime
) -> None:
    """Write one row about each issue, with its details; see `record`. All are of one company."""
    if about:
        activity.record_all(
            company_id=about[0][0].company_id,
            actor=actor,
            action=action,
            entity_type="issue",
            details={issue.pk: {key: _cut(value) for key, value in told.items()} for issue, told in about},
            now=now,
        )


def touch(issue: Issue, *, now: datetime, changed: bool = False) -> None:
    """Mark that something happened on `issue`; `changed` also moves `updated_at`, as comments do (I-69)."""
    columns: dict[str, Any] = {"last_activity_at": now} | ({"updated_at": now} if changed else {})
    Issue.objects.filter(pk=issue.pk).update(**columns)
    for column, value in columns.items():
        setattr(issue, column, value)


def _cut(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _LONGEST:
        return value[:_LONGEST] + " [truncated]"
    if isinstance(value, Mapping):
        return {key: _cut(item) for key, item in value.items()}
    return value
