"""Approvals that issues wait for or led to (I-28)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from issues.models import ApprovalLink, Issue
from paperclip.companies.actors import Actor
from paperclip.core.errors import NotFound, Unprocessable
from paperclip.governance.models import Approval


def link(*, approval: Approval, issue_ids: Sequence[UUID], actor: Actor, now: datetime) -> None:
    """Link an approval to issues of its company; a link that is there already stays as it is (C-73).

    Raises NotFound for issues that do not exist, Unprocessable for issues of another company.
    """
    wanted = list(dict.fromkeys(issue_ids))
    companies = dict(Issue.objects.filter(pk__in=wanted).values_list("pk", "company_id"))
    if len(companies) != len(wanted):
        raise NotFound("One or more issues not found")
    if any(company_id != approval.company_id for company_id in companies.values()):
        raise Unprocessable("Issue and approval must belong to same company")
    with transaction.atomic():
        ApprovalLink.objects.bulk_create(
            [
                ApprovalLink(
                    company_id=approval.company_id,
                    issue_id=issue_id,
                    approval=approval,
                    linked_by_agent_id=actor.agent_id,
                    linked_by_user_id=actor.user_id,
                    created_at=now,
                )
                for issue_id in wanted
            ],
            ignore_conflicts=True,
        )
