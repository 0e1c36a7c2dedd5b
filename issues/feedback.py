"""What people think of what agents wrote (I-210, C-30): one vote per person, and what it was about.

A trace is a vote with what was judged, for a person to look at or to take along. This product sends none of it
anywhere, whatever was agreed to: every trace is `local_only`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from issues import locks, trail
from issues.choices import FeedbackTarget
from issues.models import Comment, DocumentRevision, FeedbackVote, Issue
from paperclip.companies.actors import Actor
from paperclip.companies.models import Company
from paperclip.core import clock, redaction
from paperclip.core.errors import NotFound

LOCAL_ONLY = "local_only"
PAYLOAD_VERSION = "paperclip-django-feedback-v1"
_EXCERPT = 200


@dataclass(frozen=True)
class Filters:
    """What a list of traces is narrowed to; everything given must hold (C-30)."""

    target_type: str | None = None
    vote: str | None = None
    status: str | None = None
    issue_id: UUID | None = None
    project_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    shared_only: bool = False


def vote(
    *,
    issue_id: UUID,
    target_type: FeedbackTarget,
    target_id: UUID,
    value: str,
    reason: str | None,
    allow_sharing: bool,
    actor: Actor,
    now: datetime,
) -> FeedbackVote:
    """Keep what the acting person thinks of a comment or a revision on the issue; a second vote takes its place.

    Raises NotFound for a target that is not on the issue.
    """
    with transaction.atomic():
        issue = locks.issue(issue_id)
        payload = _judged(issue, target_type, target_id)
        company = Company.objects.get(pk=issue.company_id)
        is_shared = allow_sharing and company.feedback_data_sharing_enabled
        said = {
            "issue": issue,
            "vote": value,
            "reason": reason or None,
            "is_shared": is_shared,
            "consent_version": company.feedback_data_sharing_terms_version if is_shared else None,
            "payload": payload,
            "updated_at": now,
        }
        row, _ = FeedbackVote.objects.update_or_create(
            company_id=issue.company_id,
            author_user_id=actor.user_id,
            target_type=target_type,
            target_id=target_id,
            defaults=said,
            create_defaults=said | {"created_at": now},
        )
        details = {
            "identifier": issue.identifier,
            "targetType": target_type,
            "targetId": target_id,
            "vote": value,
            "hasReason": bool(reason),
            "sharingEnabled": is_shared,
        }
        trail.record(issue, "issue.feedback_vote_saved", actor=actor, now=now, details=details)
        return row


def of_person(issue_id: UUID, user_id: UUID | None) -> QuerySet[FeedbackVote]:
    """Return a person's votes on an issue, newest first."""
    return FeedbackVote.objects.filter(issue_id=issue_id, author_user_id=user_id).order_by(
        "-updated_at", "id"
    )


def traces(company_id: UUID, filters: Filters) -> QuerySet[FeedbackVote]:
    """Return the votes of a company with their issues, newest first."""
    rows = FeedbackVote.objects.filter(company_id=company_id).select_related("issue")
    if filters.status not in (None, LOCAL_ONLY):
        return rows.none()
    wanted = {
        "target_type": filters.target_type,
        "vote": filters.vote,
        "issue_id": filters.issue_id,
        "issue__project_id": filters.project_id,
        "created_at__gte": filters.since,
        "created_at__lte": filters.until,
        "is_shared": filters.shared_only or None,
    }
    rows = rows.filter(**{name: value for name, value in wanted.items() if value is not None})
    return rows.order_by("-created_at", "id")


def _judged(issue: Issue, target_type: FeedbackTarget, target_id: UUID) -> dict[str, Any]:
    """Return what the target says now, without secrets."""
    if target_type == FeedbackTarget.COMMENT:
        comment = Comment.objects.filter(pk=target_id, issue=issue).first()
        if comment is None:
            raise NotFound("Comment not found")
        return _snapshot("Comment", comment, comment.body)
    revisions = DocumentRevision.objects.filter(pk=target_id, document__issue_link__issue=issue)
    revision = revisions.select_related("document__issue_link").first()
    if revision is None:
        raise NotFound("Document revision not found")
    about = {
        "documentKey": revision.document.issue_link.key,
        "documentTitle": revision.title,
        "revisionNumber": revision.revision_number,
    }
    return _snapshot(f"Document {about['documentKey']}", revision, revision.body) | about


def _snapshot(label: str, row: Any, body: str) -> dict[str, Any]:
    said = redaction.text(body)
    agent_id = row.author_agent_id if isinstance(row, Comment) else row.created_by_agent_id
    user_id = row.author_user_id if isinstance(row, Comment) else row.created_by_user_id
    return {
        "label": label,
        "excerpt": said[:_EXCERPT],
        "body": said,
        "authorAgentId": str(agent_id) if agent_id else None,
        "authorUserId": str(user_id) if user_id else None,
        "createdAt": clock.iso(row.created_at),
        "documentKey": None,
        "documentTitle": None,
        "revisionNumber": None,
    }
