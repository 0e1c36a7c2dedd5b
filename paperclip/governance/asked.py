"""Telling people that a question waits for them, and that it no longer does."""

from __future__ import annotations

from datetime import datetime

from paperclip.governance import notices, words
from paperclip.governance.choices import NoticeKind
from paperclip.governance.models import Approval


def waits(approval: Approval, *, now: datetime) -> None:
    """Tell that the question waits."""
    notices.tell(
        company_id=approval.company_id,
        kind=NoticeKind.APPROVAL_WAITING,
        key=str(approval.pk),
        title=f"A question waits for an answer: {words.kind(approval)}",
        body=words.summary(approval),
        path=f"/admin/governance/approval/{approval.pk}/change/",
        now=now,
    )


def is_settled(approval: Approval, *, now: datetime) -> None:
    """Take the notice back: the question was answered, withdrawn or sent back."""
    notices.settle(
        company_id=approval.company_id, kind=NoticeKind.APPROVAL_WAITING, key=str(approval.pk), now=now
    )
