"""`/issues/:id` and `/issues/:id/children` (I-161 to I-165)."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from issues import briefing, lifecycle, queries, references
from issues.api.attachments import AttachmentBriefOut
from issues.api.base import IssueView
from issues.api.inputs import ChildInput, IssuePatch, fields_of
from issues.api.references import RelatedWorkOut
from issues.api.shapes import (
    BlockerAttentionOut,
    CommentOut,
    DocumentOut,
    DocumentSummaryOut,
    IssueOut,
    RelationOut,
    ScheduledRetryOut,
)
from issues.api.work_products import WorkProductOut
from paperclip.companies.api import repeating
from paperclip.core import naming
from paperclip.core.api.outputs import Output
from paperclip.core.api.schema import operation, query
from paperclip.core.errors import NotFound


class IssueDetailOut(IssueOut):
    """Everything about an issue (I-141)."""

    ancestors = serializers.ListField(child=serializers.DictField())
    blocker_attention = BlockerAttentionOut()
    productivity_review = serializers.DictField(allow_null=True)
    successful_run_handoff = serializers.DictField(allow_null=True)
    scheduled_retry = ScheduledRetryOut(allow_null=True)
    blocked_by = RelationOut(many=True)
    blocks = RelationOut(many=True)
    related_work = RelatedWorkOut()
    referenced_issue_identifiers = serializers.ListField(child=serializers.CharField())
    plan_document = DocumentOut(allow_null=True)
    document_summaries = DocumentSummaryOut(many=True)
    legacy_plan_document = serializers.DictField(allow_null=True)
    project = serializers.DictField(allow_null=True)
    goal = serializers.DictField(allow_null=True)
    mentioned_projects = serializers.ListField(child=serializers.DictField())
    current_execution_workspace = serializers.DictField(allow_null=True)
    work_products = WorkProductOut(many=True)

    class Meta(IssueOut.Meta):
        fields: ClassVar = [
            *IssueOut.Meta.fields, "ancestors", "blocker_attention", "productivity_review",
            "successful_run_handoff", "scheduled_retry", "blocked_by", "blocks", "related_work",
            "referenced_issue_identifiers", "plan_document", "document_summaries", "legacy_plan_document",
            "project", "goal", "mentioned_projects", "current_execution_workspace", "work_products",
        ]  # fmt: skip


class IssuePatchedOut(IssueOut):
    """An edited issue, with the comment that came with it, and what was edited beside its columns."""

    comment = CommentOut(allow_null=True)
    blocked_by = RelationOut(many=True, required=False)
    blocks = RelationOut(many=True, required=False)
    related_work = RelatedWorkOut(required=False)
    referenced_issue_identifiers = serializers.ListField(child=serializers.CharField(), required=False)

    class Meta(IssueOut.Meta):
        fields: ClassVar = [
            *IssueOut.Meta.fields, "comment", "blocked_by", "blocks", "related_work",
            "referenced_issue_identifiers",
        ]  # fmt: skip


class HeartbeatContextOut(Output):
    """What an agent reads first when it wakes for an issue (I-153)."""

    issue = serializers.DictField()
    ancestors = serializers.ListField(child=serializers.DictField())
    project = serializers.DictField(allow_null=True)
    goal = serializers.DictField(allow_null=True)
    comment_cursor = serializers.DictField()
    wake_comment = CommentOut(allow_null=True)
    attachments = AttachmentBriefOut(many=True)
    continuation_summary = serializers.DictField(allow_null=True)
    current_execution_workspace = serializers.DictField(allow_null=True)


class IssueItemView(IssueView):
    """`GET`, `PATCH` and `DELETE /issues/:id`."""

    @operation("Read an issue [I-162]", answers=IssueDetailOut)
    def get(self, request: Request, issue_id: str) -> Response:
        """Answer the issue with everything around it."""
        found = queries.detail(issue_id, self.actor.company_ids)
        if found is None:
            raise NotFound("Issue not found")
        return Response(found)

    @operation("Change an issue, and comment on it [I-164]", reads=IssuePatch, answers=IssuePatchedOut)
    def patch(self, request: Request, issue_id: str) -> Response:
        """Change what was sent and leave the rest."""
        target = self.locate(issue_id)
        values = IssuePatch.read(request.data, partial=True)
        word = {name: values[name] for name in ("comment", "reopen", "resume", "interrupt") if name in values}
        done = lifecycle.update(
            issue_id=target, fields=fields_of(values), actor=self.actor, now=self.now, **word
        )
        answer: dict[str, Any] = queries.issue_object(target)
        answer["comment"] = queries.comment(target, done.comment.pk) if done.comment is not None else None
        if "blocked_by_issue_ids" in values:
            answer |= queries.relations(target)
        if {"title", "description", "comment"} & values.keys():
            answer |= references.related(target)
        return Response(answer)

    @operation("Delete an issue [I-165]", answers=IssueOut)
    def delete(self, request: Request, issue_id: str) -> Response:
        """Delete the issue and answer what it was."""
        target = self.locate(issue_id)
        last_seen = queries.issue_object(target)
        lifecycle.delete(issue_id=target, actor=self.actor, now=self.now)
        return Response(last_seen)


class ChildrenView(IssueView):
    """`POST /issues/:id/children`."""

    @operation("Create an issue below another [I-161]", reads=ChildInput, answers=IssueOut, status=201)
    @repeating.once
    def post(self, request: Request, issue_id: str) -> Response:
        """Create a child that inherits project, goal and workspace."""
        parent = self.locate(issue_id)
        values = ChildInput.read(request.data)
        child = lifecycle.create_child(
            parent_id=parent,
            fields=fields_of(values),
            actor=self.actor,
            now=self.now,
            acceptance_criteria=values.get("acceptance_criteria") or (),
            block_parent_until_done=values.get("block_parent_until_done", False),
        )
        return Response(queries.issue_object(child.pk), status=201)


class HeartbeatContextView(IssueView):
    """`GET /issues/:id/heartbeat-context`."""

    @operation(
        "Read what an agent needs to start [I-163]",
        answers=HeartbeatContextOut,
        query=[query("wakeCommentId", text="The comment that called the agent.")],
    )
    def get(self, request: Request, issue_id: str) -> Response:
        """Answer the issue in short, with what surrounds it."""
        wake_comment = naming.as_field_uuid(request.query_params.get("wakeCommentId", ""))
        found = briefing.read(issue_id, self.actor.company_ids, wake_comment_id=wake_comment)
        if found is None:
            raise NotFound("Issue not found")
        return Response(found)
