"""Files on an issue (I-137, I-138). The file itself is the company's asset; here is what ties it to the issue."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from issues import checkout, locks, trail
from issues.models import Attachment, Comment, Issue
from paperclip.companies import assets
from paperclip.companies.actors import Actor
from paperclip.core.errors import NotFound, Unprocessable
from paperclip.core.storage import Upload


def add(
    *, issue_id: UUID, upload: Upload, actor: Actor, now: datetime, comment_id: UUID | None = None
) -> Attachment:
    """Hang a received file on an issue, with the comment it came with, and return the row with its asset.

    Nothing is kept unless everything is allowed. Raises NotFound, Unauthorized, Forbidden, Conflict, Unprocessable
    for a comment of another issue, and Unavailable when the disk takes no more.
    """
    with transaction.atomic():
        issue = locks.issue(issue_id)
        checkout.require_ownership(issue=issue, actor=actor, now=now)
        if comment_id is not None:
            _require_comment(issue, comment_id)
        asset = assets.store(
            company_id=issue.company_id, upload=upload, folder=f"issues/{issue.pk}", actor=actor, now=now
        )
        attachment = Attachment.objects.create(
            company_id=issue.company_id,
            issue=issue,
            asset=asset,
            issue_comment_id=comment_id,
            created_at=now,
            updated_at=now,
        )
        details = {
            "attachmentId": attachment.pk,
            "originalFilename": asset.original_filename,
            "contentType": asset.content_type,
            "byteSize": asset.byte_size,
        }
        trail.record(issue, "issue.attachment_added", actor=actor, now=now, details=details)
        trail.touch(issue, now=now)
    return attachment


def remove(*, attachment_id: UUID, actor: Actor, now: datetime) -> None:
    """Take a file from its issue, and from the disk when nothing else names it (I-138).

    Raises NotFound, Unauthorized, Forbidden or Conflict.
    """
    issue_id = Attachment.objects.filter(pk=attachment_id).values_list("issue_id", flat=True).first()
    if issue_id is None:
        raise NotFound("Attachment not found")
    with transaction.atomic():
        issue = locks.issue(issue_id)
        checkout.require_ownership(issue=issue, actor=actor, now=now)
        asset_id = Attachment.objects.filter(pk=attachment_id).values_list("asset_id", flat=True).first()
        if asset_id is None:
            raise NotFound("Attachment not found")
        details = {"attachmentId": attachment_id}
        trail.record(issue, "issue.attachment_removed", actor=actor, now=now, details=details)
        trail.touch(issue, now=now)
        assets.remove([asset_id])


def remove_all(issue: Issue) -> None:
    """Take all files from a locked issue that is being deleted (I-165). Logs nothing."""
    assets.remove(list(Attachment.objects.filter(issue=issue).values_list("asset_id", flat=True)))


def of(issue_id: UUID) -> QuerySet[Attachment]:
    """Return the files on an issue with their assets, newest first."""
    rows = Attachment.objects.filter(issue_id=issue_id).select_related("asset")
    return rows.order_by("-created_at", "-id")


def content_path(attachment_id: UUID) -> str:
    """Return the address that answers an attachment's file."""
    return f"/api/attachments/{attachment_id}/content"


def _require_comment(issue: Issue, comment_id: UUID) -> None:
    owner = Comment.objects.filter(pk=comment_id, company_id=issue.company_id).values_list("issue_id").first()
    if owner is None:
        raise NotFound("Issue comment not found")
    if owner[0] != issue.pk:
        raise Unprocessable("Issue comment does not belong to this issue")
