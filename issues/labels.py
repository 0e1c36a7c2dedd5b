"""Labels of a company and of its issues (I-16)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from issues import authority
from issues.models import Issue, IssueLabel, Label
from paperclip.companies import activity
from paperclip.companies.actors import Actor
from paperclip.core.errors import Conflict, Forbidden, Unprocessable


def create(*, company_id: UUID, name: str, color: str, actor: Actor, now: datetime) -> Label:
    """Store a label; Conflict when the company has one of that name."""
    try:
        with transaction.atomic():
            label = Label.objects.create(
                company_id=company_id, name=name, color=color, created_at=now, updated_at=now
            )
            _record(label, "label.created", actor, now)
    except IntegrityError as error:
        if "label_name_once" not in str(error):
            raise
        raise Conflict(f"A label named '{name}' exists already") from error
    return label


def delete(*, label: Label, actor: Actor, now: datetime) -> None:
    """Delete a label; issues lose it.

    Raises Forbidden for an agent that may not write to others' issues, while issues carry the label (IW-15).
    """
    with transaction.atomic():
        is_used = actor.is_agent and IssueLabel.objects.filter(label=label).exists()
        if is_used and not authority.may_override(actor, company_id=label.company_id, assignee_agent_id=None):
            raise Forbidden("The label is in use; ask the board, or an agent that leads, to delete it")
        _record(label, "label.deleted", actor, now)
        Label.objects.filter(pk=label.pk).delete()


def wanted_set(company_id: UUID, label_ids: Sequence[UUID]) -> list[UUID]:
    """Return `label_ids` without repetition; Unprocessable unless all are the company's."""
    wanted = list(dict.fromkeys(label_ids))
    if wanted and Label.objects.filter(company_id=company_id, pk__in=wanted).count() != len(wanted):
        raise Unprocessable("Labels must exist and belong to the same company")
    return wanted


def replace(*, issue: Issue, label_ids: Sequence[UUID], now: datetime) -> None:
    """Make `label_ids` (as `wanted_set` returned them) the whole set of the issue's labels."""
    links = IssueLabel.objects.filter(issue=issue)
    links.exclude(label_id__in=label_ids).delete()
    IssueLabel.objects.bulk_create(
        [
            IssueLabel(issue=issue, label_id=label_id, company_id=issue.company_id, created_at=now)
            for label_id in label_ids
        ],
        ignore_conflicts=True,
    )


def _record(label: Label, action: str, actor: Actor, now: datetime) -> None:
    activity.record(
        company_id=label.company_id,
        actor=actor,
        action=action,
        entity_type="label",
        entity_id=label.pk,
        details={"name": label.name, "color": label.color},
        now=now,
    )
