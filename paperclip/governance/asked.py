"""Telling people that a question waits for them, and that it no longer does."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from paperclip.governance import notices, words
from paperclip.governance.choices import ApprovalType, IncidentStatus, NoticeKind
from paperclip.governance.models import Approval


def waits(approval: Approval, *, now: datetime) -> None:
    """Tell that the question waits, unless it is told with the budget that asks it (see `incidents.tell`)."""
    about_money = approval.type == ApprovalType.BUDGET_OVERRIDE_REQUIRED
    if about_money and approval.budget_incidents.filter(status=IncidentStatus.OPEN).exists():
        return
    notices.tell(
        company_id=approval.company_id,
        kind=NoticeKind.APPROVAL_WAITING,
        key=str(approval.pk),
        title=f"A question waits for an answer: {words.kind(approval)}",
        body=words.summary(approval),
        path=path(approval.pk),
        now=now,
    )


def path(approval_id: UUID) -> str:
    """Return where on the board the question is answered."""
    return f"/admin/governance/approval/{approval_id}/change/"


def is_settled(approval: Approval, *, now: datetime) -> None:
    """Take the notice back: the question was answered, withdrawn or sent back."""
    notices.settle(
        company_id=approval.company_id, kind=NoticeKind.APPROVAL_WAITING, key=str(approval.pk), now=now
    )
