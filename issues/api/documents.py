"""`/issues/:id/documents` (I-179 to I-184)."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from issues import documents, queries
from issues.api import paging
from issues.api.base import IssueView
from issues.api.shapes import DocumentOut
from paperclip.core.api.fields import Enum, Text, Uuid
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import Output
from paperclip.core.api.schema import Ok, operation, query
from paperclip.core.api.views import flag
from paperclip.core.errors import NotFound


class DocumentInput(Input):
    """What a document is to say, and the revision it was made from (I-133)."""

    format = Enum(choices=[("markdown", "markdown")])
    body = Text(multiline=True, max_length=documents.MAX_BODY)
    title = Text(required=False, allow_null=True, max_length=200)
    change_summary = Text(required=False, allow_null=True, max_length=500)
    base_revision_id = Uuid(required=False, allow_null=True)


class DocumentRevisionOut(Output):
    """What a document said at one time."""

    id = serializers.UUIDField()
    company_id = serializers.UUIDField()
    document_id = serializers.UUIDField()
    issue_id = serializers.UUIDField()
    key = serializers.CharField()
    revision_number = serializers.IntegerField()
    title = serializers.CharField(allow_null=True)
    format = serializers.CharField()
    body = serializers.CharField()
    change_summary = serializers.CharField(allow_null=True)
    created_by_agent_id = serializers.UUIDField(allow_null=True)
    created_by_user_id = serializers.UUIDField(allow_null=True)
    created_at = serializers.DateTimeField()


class DocumentsView(IssueView):
    """`GET /issues/:id/documents`."""

    @operation(
        "List the documents of an issue [I-179]",
        answers=DocumentOut,
        many=True,
        query=[query("includeSystem", bool, "Show the documents the product keeps, too.")],
    )
    def get(self, request: Request, issue_id: str) -> Response:
        """Answer every document with its text."""
        return Response(queries.documents(self.locate(issue_id), with_system=flag(request, "includeSystem")))


class DocumentView(IssueView):
    """`GET`, `PUT` and `DELETE /issues/:id/documents/:key`."""

    board_methods = ("DELETE",)

    @operation("Read a document [I-180]", answers=DocumentOut)
    def get(self, request: Request, issue_id: str, key: str) -> Response:
        """Answer one document with its text."""
        found = queries.document(self.locate(issue_id), documents.key_of(key))
        if found is None:
            raise NotFound("Document not found")
        return Response(found)

    @operation("Write a document [I-181]", reads=DocumentInput, answers=DocumentOut, also={201: DocumentOut})
    def put(self, request: Request, issue_id: str, key: str) -> Response:
        """Write a new document, or the next revision of one; 409 tells the revision that is there now."""
        target, key = self.locate(issue_id), documents.key_of(key)
        values: dict[str, Any] = DocumentInput.read(request.data)
        del values["format"]
        written = documents.put(issue_id=target, key=key, actor=self.actor, now=self.now, **values)
        return Response(queries.document(target, key), status=201 if written.is_new else 200)

    @operation("Delete a document [I-184]", answers=Ok)
    def delete(self, request: Request, issue_id: str, key: str) -> Response:
        """Delete a document with all its revisions."""
        documents.delete(
            issue_id=self.locate(issue_id), key=documents.key_of(key), actor=self.actor, now=self.now
        )
        return Response({"ok": True})


class RevisionsView(IssueView):
    """`GET /issues/:id/documents/:key/revisions`."""

    @operation(
        "List the revisions of a document [I-182]",
        answers=DocumentRevisionOut,
        many=True,
        query=paging.PIECE,
    )
    def get(self, request: Request, issue_id: str, key: str) -> Response:
        """Answer the revisions, newest first."""
        target, after, limit = self.locate(issue_id), paging.anchor(request), paging.limit(request)
        return Response(queries.revisions(target, documents.key_of(key), after=after, limit=limit))


class RestoreView(IssueView):
    """`POST /issues/:id/documents/:key/revisions/:revisionId/restore`."""

    @operation("Restore an older revision of a document [I-183]", answers=DocumentOut)
    def post(self, request: Request, issue_id: str, key: str, revision_id: str) -> Response:
        """Append the older text as the newest revision."""
        target, key = self.locate(issue_id), documents.key_of(key)
        revision = self.part(revision_id, what="Document revision")
        documents.restore(issue_id=target, key=key, revision_id=revision, actor=self.actor, now=self.now)
        return Response(queries.document(target, key))
