"""Questions put to the board: asked, decided, sent back, and what a decision brings about (C-71 to C-82).

A decision and its effects commit together, and of two deciders exactly one wins (CW-27, B-66).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from paperclip.companies import activity, ledger
from paperclip.companies.actors import Actor
from paperclip.companies.choices import AgentStatus
from paperclip.companies.models import Agent, Company
from paperclip.core.errors import Forbidden, Unprocessable
from paperclip.governance import asked, budget_decisions, hire_decisions, signals
from paperclip.governance.choices import APPROVAL_OPEN, ApprovalStatus, ApprovalType
from paperclip.governance.models import Approval

_DECISION_REFUSALS = {
    ApprovalStatus.APPROVED: "Only pending or revision requested approvals can be approved",
    ApprovalStatus.REJECTED: "Only pending or revision requested approvals can be rejected",
}


def of_company(company_id: UUID, *, status: str | None = None) -> QuerySet[Approval]:
    """Return the approvals of a company, newest first; an unknown status finds none (C-72)."""
    rows = Approval.objects.filter(company_id=company_id).order_by("-created_at", "-id")
    return rows if status is None else rows.filter(status=status)


def create(
    *,
    company: Company,
    type: str,
    payload: Mapping[str, Any],
    actor: Actor,
    now: datetime,
    requested_by_agent_id: UUID | None = None,
    issue_ids: Sequence[UUID] = (),
    linked_agent_id: UUID | None = None,
    approval_id: UUID | None = None,
    is_told: bool = True,
) -> Approval:
    """Ask the board (C-73). `issue_ids` are linked; `linked_agent_id` is the agent a hire waits for (C-55).

    `approval_id` is the id the row shall have, for a caller that has to name it beforehand. `is_told` is False for
    one that tells people of the question with its own news.

    An agent asks in its own name; a person may name an agent of the company. Raises Forbidden and
    Unprocessable for other names (CW-17), NotFound and Unprocessable for issues.
    """
    with transaction.atomic():
        approval = Approval.objects.create(
            id=approval_id or uuid.uuid4(),
            company=company,
            type=type,
            payload=dict(payload),
            requested_by_agent_id=_requester(company, requested_by_agent_id, actor),
            requested_by_user_id=actor.user_id,
            created_at=now,
            updated_at=now,
        )
        signals.approval_requested.send(
            sender=Approval, approval=approval, issue_ids=list(issue_ids), actor=actor, now=now
        )
        details: dict[str, Any] = {"type": type, "issueIds": list(issue_ids)}
        if linked_agent_id is not None:
            details = {"type": type, "linkedAgentId": linked_agent_id}
        _log(approval, "approval.created", actor, now, details)
        if is_told:
            asked.waits(approval, now=now)
        return approval


def approve(*, approval: Approval, actor: Actor, now: datetime, note: str | None = None) -> Approval:
    """Say yes (C-75, C-80, C-81). Saying it again changes nothing."""
    with transaction.atomic():
        _lock_money(approval)
        row, first = _decide(approval, ApprovalStatus.APPROVED, actor, now, note)
        if not first:
            return row
        linked = list(row.issue_links.order_by("created_at", "id").values_list("issue_id", flat=True))
        details = {
            "type": row.type,
            "requestedByAgentId": row.requested_by_agent_id,
            "linkedIssueIds": linked,
        }
        _log(row, "approval.approved", actor, now, details)
        if row.type == ApprovalType.HIRE_AGENT:
            hire_decisions.carry_out(approval=row, actor=actor, now=now)
        if row.type == ApprovalType.BUDGET_OVERRIDE_REQUIRED:
            budget_decisions.carry_out(row, actor=actor, now=now)
        signals.approval_approved.send(
            sender=Approval, approval=row, linked_issue_ids=linked, actor=actor, now=now
        )
        return row


def reject(*, approval: Approval, actor: Actor, now: datetime, note: str | None = None) -> Approval:
    """Say no (C-75); an agent that waited for the answer is let go (C-80).

    Saying it again changes nothing.
    """
    with transaction.atomic():
        _lock_money(approval)
        row, first = _decide(approval, ApprovalStatus.REJECTED, actor, now, note)
        if not first:
            return row
        _log(row, "approval.rejected", actor, now, {"type": row.type})
        if row.type == ApprovalType.HIRE_AGENT:
            hire_decisions.turn_down(approval=row, actor=actor, now=now)
        if row.type == ApprovalType.BUDGET_OVERRIDE_REQUIRED:
            budget_decisions.turn_down(row, actor=actor, now=now)
        return row


def request_revision(*, approval: Approval, actor: Actor, now: datetime, note: str | None = None) -> Approval:
    """Send a question back to be put better (C-76)."""
    with transaction.atomic():
        moved = Approval.objects.filter(pk=approval.pk, status=ApprovalStatus.PENDING).update(
            status=ApprovalStatus.REVISION_REQUESTED,
            decision_note=note,
            decided_by_user_id=actor.user_id,
            decided_at=now,
            updated_at=now,
        )
        if not moved:
            raise Unprocessable("Only pending approvals can request revision")
        row = Approval.objects.get(pk=approval.pk)
        _log(row, "approval.revision_requested", actor, now, {"type": row.type})
        asked.is_settled(row, now=now)
        return row


def resubmit(
    *, approval: Approval, actor: Actor, now: datetime, payload: Mapping[str, Any] | None = None
) -> Approval:
    """Put a question again after it was sent back (C-77). Without a payload the earlier one stands."""
    if actor.is_agent and actor.agent_id != approval.requested_by_agent_id:
        raise Forbidden("Only requesting agent can resubmit this approval")
    values: dict[str, Any] = {} if payload is None else {"payload": _resubmitted(approval, payload)}
    with transaction.atomic():
        moved = Approval.objects.filter(pk=approval.pk, status=ApprovalStatus.REVISION_REQUESTED).update(
            **values,
            status=ApprovalStatus.PENDING,
            decision_note=None,
            decided_by_user_id=None,
            decided_at=None,
            updated_at=now,
        )
        if not moved:
            raise Unprocessable("Only revision requested approvals can be resubmitted")
        row = Approval.objects.get(pk=approval.pk)
        _log(row, "approval.resubmitted", actor, now, {"type": row.type})
        asked.waits(row, now=now)
        return row


def pending_count(company_id: UUID, now: datetime) -> int:
    """Return how many questions wait for an answer; `now` plays no part (C-98)."""
    return Approval.objects.filter(company_id=company_id, status=ApprovalStatus.PENDING).count()


def open_count(company_id: UUID, now: datetime) -> int:
    """Return how many questions are not settled; `now` plays no part (C-99)."""
    return Approval.objects.filter(company_id=company_id, status__in=APPROVAL_OPEN).count()


def _decide(
    approval: Approval, status: ApprovalStatus, actor: Actor, now: datetime, note: str | None
) -> tuple[Approval, bool]:
    """Write the decision if nobody has; return the row and whether this call decided it."""
    moved = Approval.objects.filter(pk=approval.pk, status__in=APPROVAL_OPEN).update(
        status=status, decision_note=note, decided_by_user_id=actor.user_id, decided_at=now, updated_at=now
    )
    row = Approval.objects.get(pk=approval.pk)
    if not moved and row.status != status:
        raise Unprocessable(_DECISION_REFUSALS[status])
    if moved:
        asked.is_settled(row, now=now)
    return row, bool(moved)


def _lock_money(approval: Approval) -> None:
    """A question about a budget, or a hire with one, is decided under the ledger's lock, which comes first."""
    if approval.type in (ApprovalType.BUDGET_OVERRIDE_REQUIRED, ApprovalType.HIRE_AGENT):
        ledger.lock(approval.company_id)


def _requester(company: Company, agent_id: UUID | None, actor: Actor) -> UUID | None:
    if actor.agent_id is not None:
        if agent_id not in (None, actor.agent_id):
            raise Forbidden("Agents can only request approvals in their own name")
        return actor.agent_id
    if agent_id is None:
        return None
    known = Agent.objects.filter(company=company, pk=agent_id).exclude(status=AgentStatus.TERMINATED)
    if not known.exists():
        raise Unprocessable("requestedByAgentId: agent not found in this company")
    return agent_id


def _resubmitted(approval: Approval, payload: Mapping[str, Any]) -> dict[str, Any]:
    """A hire asks about one agent; a new payload cannot make it ask about another."""
    kept = approval.payload.get("agentId")
    if approval.type == ApprovalType.HIRE_AGENT and kept is not None:
        return {**payload, "agentId": kept}
    return dict(payload)


def _log(approval: Approval, action: str, actor: Actor, now: datetime, details: Mapping[str, Any]) -> None:
    activity.record(
        company_id=approval.company_id,
        actor=actor,
        action=action,
        entity_type="approval",
        entity_id=approval.id,
        details=details,
        now=now,
    )
