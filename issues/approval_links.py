"""Approvals that issues wait for or led to (I-28)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from issues import checkout, locks, trail
from issues.models import ApprovalLink, Issue
from paperclip.companies.actors import Actor
from paperclip.companies.choices import AgentRole
from paperclip.core.errors import Forbidden, NotFound, Unprocessable
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


def require_may_link(actor: Actor) -> None:
    """Raise Forbidden unless the board, a CEO or an agent that may hire asks (I-140)."""
    agent = actor.agent
    if agent is not None and agent.role != AgentRole.CEO and not agent.can_create_agents:
        raise Forbidden("Missing permission to link approvals")


def add(*, issue_id: UUID, approval_id: UUID, actor: Actor, now: datetime) -> None:
    """Link one approval to an issue; a repeated link is ignored (I-140).

    Raises NotFound, Unprocessable for an approval of another company, Forbidden, Unauthorized or Conflict.
    """
    with transaction.atomic():
        issue = _writable(issue_id, actor, now)
        approval = Approval.objects.filter(pk=approval_id, company_id__in=actor.company_ids).first()
        if approval is None:
            raise NotFound("Approval not found")
        if approval.company_id != issue.company_id:
            raise Unprocessable("Issue and approval must belong to same company")
        link(approval=approval, issue_ids=[issue.pk], actor=actor, now=now)
        trail.record(
            issue, "issue.approval_linked", actor=actor, now=now, details={"approvalId": approval_id}
        )
        trail.touch(issue, now=now)


def remove(*, issue_id: UUID, approval_id: UUID, actor: Actor, now: datetime) -> None:
    """Take the link of an approval away; NotFound when there is none."""
    with transaction.atomic():
        issue = _writable(issue_id, actor, now)
        removed, _ = ApprovalLink.objects.filter(issue=issue, approval_id=approval_id).delete()
        if not removed:
            raise NotFound("Approval not found")
        details = {"approvalId": approval_id}
        trail.record(issue, "issue.approval_unlinked", actor=actor, now=now, details=details)
        trail.touch(issue, now=now)


def _writable(issue_id: UUID, actor: Actor, now: datetime) -> Issue:
    issue = locks.issue(issue_id)
    checkout.require_ownership(issue=issue, actor=actor, now=now)
    require_may_link(actor)
    return issue
