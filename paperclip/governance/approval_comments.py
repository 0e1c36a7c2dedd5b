"""What is said about a question before it is decided (C-74, C-78)."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from paperclip.companies import activity
from paperclip.companies.actors import Actor
from paperclip.governance.models import Approval, ApprovalComment


def of(approval: Approval) -> QuerySet[ApprovalComment]:
    """Return the comments on a question with who wrote them, oldest first."""
    rows = ApprovalComment.objects.filter(approval=approval).select_related("author_agent", "author_user")
    return rows.order_by("created_at", "id")


def add(*, approval: Approval, body: str, actor: Actor, now: datetime) -> ApprovalComment:
    """Say something about a question, decided or not."""
    with transaction.atomic():
        comment = ApprovalComment.objects.create(
            company_id=approval.company_id,
            approval=approval,
            author_agent_id=actor.agent_id,
            author_user_id=actor.user_id,
            body=body,
            created_at=now,
            updated_at=now,
        )
        activity.record(
            company_id=approval.company_id,
            actor=actor,
            action="approval.comment_added",
            entity_type="approval",
            entity_id=approval.pk,
            details={"commentId": comment.pk},
            now=now,
        )
        return comment
