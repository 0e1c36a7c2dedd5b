"""What waits for somebody: agents' inboxes, and what a person has read (I-192, I-193, I-208)."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from issues import listing, reading
from issues.api.base import IssueView
from issues.api.listing import IssueRowOut
from issues.api.shapes import ActiveRunOut
from issues.choices import IssueStatus
from issues.listing import Filters
from issues.models import InboxArchive, ReadState
from paperclip.companies.api.base import ActorView
from paperclip.companies.models import Agent
from paperclip.core import naming
from paperclip.core.api.outputs import ModelOutput, Output
from paperclip.core.api.schema import Ok, operation, query
from paperclip.core.errors import BadRequest, Forbidden, Unauthorized

_MINE = (
    IssueStatus.BACKLOG, IssueStatus.TODO, IssueStatus.IN_PROGRESS, IssueStatus.IN_REVIEW,
    IssueStatus.BLOCKED, IssueStatus.DONE,
)  # fmt: skip


class InboxRowOut(Output):
    """An agent's open issue in short (C-45)."""

    id = serializers.UUIDField()
    identifier = serializers.CharField()
    title = serializers.CharField()
    status = serializers.CharField()
    priority = serializers.CharField()
    project_id = serializers.UUIDField(allow_null=True)
    goal_id = serializers.UUIDField(allow_null=True)
    parent_id = serializers.UUIDField(allow_null=True)
    updated_at = serializers.DateTimeField()
    active_run = ActiveRunOut(allow_null=True)
    dependency_ready = serializers.BooleanField()
    unresolved_blocker_count = serializers.IntegerField()
    unresolved_blocker_issue_ids = serializers.ListField(child=serializers.UUIDField())


class ReadStateOut(ModelOutput):
    """Up to when a person has read an issue."""

    class Meta:
        model = ReadState
        fields: ClassVar = [
            "id",
            "company_id",
            "issue_id",
            "user_id",
            "last_read_at",
            "created_at",
            "updated_at",
        ]


class UnreadOut(Output):
    """Whether there was a mark to take away."""

    id = serializers.UUIDField()
    removed = serializers.BooleanField()


class ArchiveOut(ModelOutput):
    """An issue that a person put out of their inbox."""

    class Meta:
        model = InboxArchive
        fields: ClassVar = [
            "id",
            "company_id",
            "issue_id",
            "user_id",
            "archived_at",
            "created_at",
            "updated_at",
        ]


class InboxLiteView(ActorView):
    """`GET /agents/me/inbox-lite`."""

    @operation("List the calling agent's own open issues [I-208]", answers=InboxRowOut, many=True)
    def get(self, request: Request) -> Response:
        """Answer what the agent has to do, most urgent first."""
        agent = _agent(self)
        return Response(listing.inbox_lite(agent.company_id, agent.pk))


class InboxMineView(ActorView):
    """`GET /agents/me/inbox/mine`."""

    @operation(
        "List what a person has in their inbox, for an agent that helps them [I-208]",
        answers=IssueRowOut,
        many=True,
        query=[query("userId"), query("status", text="Statuses, separated by commas.")],
    )
    def get(self, request: Request) -> Response:
        """Answer the issues the person touched and has not put away."""
        agent = _agent(self)
        text = request.query_params.get("userId", "")
        if not text:
            raise BadRequest("userId query parameter is required")
        user_id = naming.as_field_uuid(text)
        if user_id is None:
            return Response([])
        asked = [word.strip() for word in request.query_params.get("status", "").split(",")]
        statuses = tuple(word for word in asked if word in IssueStatus.values) or _MINE
        filters = Filters(status=statuses, touched_by_user_id=user_id, inbox_archived_by_user_id=user_id)
        return Response(listing.company(agent.company_id, filters, limit=listing.DEFAULT_LIMIT))


class ReadView(IssueView):
    """`POST` and `DELETE /issues/:id/read`."""

    board_only = True

    @operation("Note that the caller has read an issue [I-192]", answers=ReadStateOut)
    def post(self, request: Request, issue_id: str) -> Response:
        """Mark the issue as read up to now."""
        issue = self.issue(issue_id)
        state = reading.mark_read(issue=issue, user_id=_user(self), actor=self.actor, now=self.now)
        return Response(ReadStateOut.render(state))

    @operation("Forget that the caller has read an issue [I-192]", answers=UnreadOut)
    def delete(self, request: Request, issue_id: str) -> Response:
        """Take the mark away."""
        issue = self.issue(issue_id)
        removed = reading.unmark_read(issue=issue, user_id=_user(self), actor=self.actor, now=self.now)
        return Response({"id": issue.pk, "removed": removed})


_UNARCHIVED = PolymorphicProxySerializer("UnarchivedOut", [ArchiveOut, Ok], resource_type_field_name=None)


class InboxArchiveView(IssueView):
    """`POST` and `DELETE /issues/:id/inbox-archive`."""

    board_only = True

    @operation("Put an issue out of the caller's inbox [I-193]", answers=ArchiveOut)
    def post(self, request: Request, issue_id: str) -> Response:
        """Archive the issue until something happens on it."""
        issue = self.issue(issue_id)
        row = reading.archive(issue=issue, user_id=_user(self), actor=self.actor, now=self.now)
        return Response(ArchiveOut.render(row))

    @operation("Put an issue back into the caller's inbox [I-193]", answers=_UNARCHIVED)
    def delete(self, request: Request, issue_id: str) -> Response:
        """Answer the archive entry that is gone, or `{ok}` when there was none."""
        issue = self.issue(issue_id)
        row = reading.unarchive(issue=issue, user_id=_user(self), actor=self.actor, now=self.now)
        return Response(ArchiveOut.render(row) if row is not None else {"ok": True})


def _agent(view: ActorView) -> Agent:
    if view.actor.agent is None:
        raise Unauthorized("Agent authentication required")
    return view.actor.agent


def _user(view: ActorView) -> UUID:
    if view.actor.user_id is None:
        raise Forbidden("Board user required")
    return view.actor.user_id
