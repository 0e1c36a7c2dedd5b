"""Files on issues (I-188 to I-191)."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpResponseBase
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from issues import attachments
from issues.api.base import IssueView
from issues.models import Attachment
from paperclip.companies import assets
from paperclip.companies.api.base import ActorView, CompanyView
from paperclip.core.api import downloads
from paperclip.core.api.fields import Uuid
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import ModelOutput, Output
from paperclip.core.api.schema import Ok, operation
from paperclip.core.api.uploads import FilePart, UploadView
from paperclip.core.errors import Unprocessable


class AttachmentOut(ModelOutput):
    """A file on an issue (I-20)."""

    provider = serializers.CharField(source="asset.provider")
    object_key = serializers.CharField(source="asset.object_key")
    content_type = serializers.CharField(source="asset.content_type")
    byte_size = serializers.IntegerField(source="asset.byte_size")
    sha256 = serializers.CharField(source="asset.sha256")
    original_filename = serializers.CharField(source="asset.original_filename", allow_null=True)
    created_by_agent_id = serializers.UUIDField(source="asset.created_by_agent_id", allow_null=True)
    created_by_user_id = serializers.UUIDField(source="asset.created_by_user_id", allow_null=True)
    content_path = serializers.CharField()

    class Meta:
        model = Attachment
        fields: ClassVar = [
            "id", "company_id", "issue_id", "issue_comment_id", "asset_id", "provider", "object_key",
            "content_type", "byte_size", "sha256", "original_filename", "created_by_agent_id",
            "created_by_user_id", "created_at", "updated_at", "content_path",
        ]  # fmt: skip


class AttachmentBriefOut(Output):
    """A file as an agent that wakes is told of it (I-153)."""

    id = serializers.UUIDField()
    filename = serializers.CharField(allow_null=True)
    content_type = serializers.CharField()
    byte_size = serializers.IntegerField()
    content_path = serializers.CharField()
    created_at = serializers.DateTimeField()


class AttachmentFields(Input):
    """What may stand beside a file."""

    issue_comment_id = Uuid(required=False)


class AttachmentInput(AttachmentFields):
    """A file in a multipart body, and the comment it came with."""

    file = FilePart()


class IssueAttachmentsView(IssueView):
    """`GET /issues/:id/attachments`."""

    @operation("List the files on an issue [I-188]", answers=AttachmentOut, many=True)
    def get(self, request: Request, issue_id: str) -> Response:
        """Answer the files, newest first."""
        return Response([_render(row) for row in attachments.of(self.locate(issue_id))])


class AttachmentsView(UploadView, CompanyView, IssueView):
    """`POST /companies/:companyId/issues/:issueId/attachments`."""

    @operation(
        "Upload a file to an issue [I-189]",
        reads={"multipart/form-data": AttachmentInput},
        answers=AttachmentOut,
        status=201,
    )
    def post(self, request: Request, company_id: str, issue_id: str) -> Response:
        """Keep the file in the body and hang it on the issue."""
        issue = self.issue(issue_id)
        if issue.company_id != self.company.pk:
            raise Unprocessable("Issue does not belong to company")
        upload, fields = self.receive(request, limit=assets.limit(self.company), what="Attachment")
        comment_id = AttachmentFields.read(fields).get("issue_comment_id")
        row = attachments.add(
            issue_id=issue.pk, upload=upload, actor=self.actor, now=self.now, comment_id=comment_id
        )
        return Response(_render(row), status=201)


class AttachmentContentView(ActorView):
    """`GET /attachments/:id/content`."""

    @operation(
        "Read a file on an issue [I-190]",
        answers=downloads.CONTENT,
        media_type="*/*",
        also={304: downloads.UNCHANGED},
    )
    def get(self, request: Request, attachment_id: str) -> HttpResponseBase:
        """Answer the file."""
        rows = Attachment.objects.select_related("asset")
        asset = self.find(rows, attachment_id, what="Attachment").asset
        return downloads.answer(
            request, sha256=asset.sha256, content_type=asset.content_type, name=asset.original_filename
        )


class AttachmentView(ActorView):
    """`DELETE /attachments/:id`."""

    @operation("Delete a file from an issue [I-191]", answers=Ok)
    def delete(self, request: Request, attachment_id: str) -> Response:
        """Delete the row and its file."""
        row = self.find(Attachment.objects.all(), attachment_id, what="Attachment")
        attachments.remove(attachment_id=row.pk, actor=self.actor, now=self.now)
        return Response({"ok": True})


def _render(row: Attachment) -> dict[str, Any]:
    return AttachmentOut.render(row, contentPath=attachments.content_path(row.pk))
