"""`/issues/:id/comments` (I-169 to I-172)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from issues import comments, queries
from issues.api import paging
from issues.api.base import IssueView
from issues.api.shapes import CommentOut
from issues.choices import AuthorType
from paperclip.companies.api import repeating
from paperclip.core import jsonable, naming
from paperclip.core.api.fields import Bool, Enum, Int, Items, Text, Uuid
from paperclip.core.api.inputs import Input
from paperclip.core.api.schema import operation, query
from paperclip.core.errors import NotFound

_TONES = ("neutral", "info", "success", "warning", "danger")
# Which parts each kind of row has, the first being required (I-13).
_ROW_PARTS: dict[str, tuple[str, ...]] = {
    "text": ("text",),
    "code": ("code", "language"),
    "key_value": ("value", "label"),
    "issue_link": ("issueId", "identifier", "title"),
    "agent_link": ("agentId", "name"),
    "run_link": ("runId", "title"),
}
_ROW_ALWAYS = ("type", "label")


class PresentationInput(Input):
    """How a comment is shown (I-12)."""

    strict = True

    kind = Enum(choices=[("message", "message"), ("system_notice", "system_notice")], default="message")
    tone = Enum(choices=[(tone, tone) for tone in _TONES], default="neutral")
    title = Text(required=False, allow_null=True, min_length=1, max_length=160)
    details_default_open = Bool(default=False)


class MetadataRowInput(Input):
    """One line of what is attached to a comment."""

    strict = True

    type = Enum(choices=[(kind, kind) for kind in _ROW_PARTS])
    # A caption of the row; the base class means something else by the name.
    label = Text(required=False, min_length=1, max_length=120)  # type: ignore[assignment]
    text = Text(required=False, max_length=2000)
    code = Text(required=False, max_length=4000)
    language = Text(required=False, max_length=40)
    value = Text(required=False, max_length=2000)
    issue_id = Uuid(required=False)
    identifier = Text(required=False, min_length=1)
    title = Text(required=False)
    agent_id = Uuid(required=False)
    name = Text(required=False)
    run_id = Uuid(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse rows that lack what their kind needs or carry what belongs to another."""
        parts, sent = _ROW_PARTS[attrs["type"]], {naming.camel(name) for name in attrs}
        foreign = sorted(sent - {*parts, *_ROW_ALWAYS})
        if foreign:
            raise serializers.ValidationError({"": foreign}, code="unrecognized_keys")
        if attrs["type"] == "issue_link":
            if not {"issueId", "identifier"} & sent:
                raise serializers.ValidationError("issue_link needs issueId or identifier")
        elif parts[0] not in sent or (attrs["type"] == "key_value" and "label" not in sent):
            raise serializers.ValidationError(f"{attrs['type']} needs {' and '.join(parts[:2])}")
        return attrs


class MetadataSectionInput(Input):
    """Lines that belong together."""

    strict = True

    title = Text(required=False, min_length=1, max_length=160)
    rows = Items(child=MetadataRowInput(), allow_empty=False, max_length=50)


class MetadataInput(Input):
    """What is attached to a comment (I-13)."""

    strict = True

    version = Int(min_value=1, max_value=1)
    source_run_id = Uuid(required=False, allow_null=True)
    sections = Items(child=MetadataSectionInput(), allow_empty=False, max_length=20)


class CommentInput(Input):
    """A new comment, and what it asks for (I-69)."""

    body = Text(min_length=1, multiline=True)
    author_type = Enum(choices=AuthorType.choices, required=False)
    presentation = PresentationInput(required=False, allow_null=True)
    metadata = MetadataInput(required=False, allow_null=True)
    reopen = Bool(required=False)
    resume = Bool(required=False)
    interrupt = Bool(required=False)


class CommentsView(IssueView):
    """`GET` and `POST /issues/:id/comments`."""

    @operation(
        "List the comments of an issue [I-169]",
        answers=CommentOut,
        many=True,
        query=[
            *paging.PIECE,
            query("afterCommentId", text="The same as `after`."),
            query("order", enum=("asc", "desc")),
        ],
    )
    def get(self, request: Request, issue_id: str) -> Response:
        """Answer the thread, newest first unless `order=asc`."""
        target = self.locate(issue_id)
        rows = queries.comments(
            target,
            after=paging.anchor(request, "after", "afterCommentId"),
            ascending=request.query_params.get("order") == "asc",
            limit=paging.limit(request),
        )
        return Response(rows)

    @operation("Comment on an issue [I-170]", reads=CommentInput, answers=CommentOut, status=201)
    @repeating.once
    def post(self, request: Request, issue_id: str) -> Response:
        """Write a comment, with what follows from it."""
        target = self.locate(issue_id)
        values = CommentInput.read(request.data)
        values |= {
            name: _spoken(values[name])
            for name in ("presentation", "metadata")
            if values.get(name) is not None
        }
        comment = comments.add(issue_id=target, actor=self.actor, now=self.now, **values)
        return Response(queries.comment(target, comment.pk), status=201)


class CommentItemView(IssueView):
    """`GET` and `DELETE /issues/:id/comments/:commentId`."""

    @operation("Read a comment [I-171]", answers=CommentOut)
    def get(self, request: Request, issue_id: str, comment_id: str) -> Response:
        """Answer one comment of the issue."""
        found = queries.comment(self.locate(issue_id), self._comment(comment_id))
        if found is None:
            raise NotFound("Comment not found")
        return Response(found)

    @operation("Take back a comment nobody has read yet [I-172]", answers=CommentOut)
    def delete(self, request: Request, issue_id: str, comment_id: str) -> Response:
        """Remove the caller's own queued comment and answer what it said."""
        target, comment = self.locate(issue_id), self._comment(comment_id)
        last_seen = queries.comment(target, comment)
        comments.withdraw(issue_id=target, comment_id=comment, actor=self.actor, now=self.now)
        return Response(last_seen)

    def _comment(self, reference: str) -> UUID:
        return self.part(reference, what="Comment")


def _spoken(value: Any) -> Any:
    """Return a validated object under the names it was sent with, to be stored as JSON."""
    if isinstance(value, dict):
        return {naming.camel(name): _spoken(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_spoken(item) for item in value]
    return jsonable.plain(value)
