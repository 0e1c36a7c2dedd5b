"""`/issues/:id/feedback-votes`, and the traces of feedback (I-210, C-30)."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from issues import feedback
from issues.api.base import IssueView
from issues.api.listing import positive
from issues.choices import FeedbackTarget, Vote
from issues.feedback import Filters
from issues.models import FeedbackVote
from paperclip.companies.api.base import ActorView, CompanyView
from paperclip.core import naming
from paperclip.core.api.fields import Bool, Enum, Text, Uuid
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import ModelOutput, Output
from paperclip.core.api.rendering import dumps
from paperclip.core.api.schema import operation, query
from paperclip.core.api.views import flag
from paperclip.core.errors import BadRequest
from paperclip.governance.api import costs

DEFAULT_LIMIT = 200
MAX_LIMIT = 1000
_QUERY = [
    query("targetType", enum=FeedbackTarget.values),
    query("vote", enum=Vote.values),
    query("status", text="`local_only`: nothing is sent anywhere."),
    query("from", text="First moment."),
    query("to", text="Last moment, included."),
    query("sharedOnly", bool, "Only votes whose author agreed to share them."),
    query("includePayload", bool, "With what was judged, in full."),
    query("limit", int, "At most 1000; 200 when absent."),
]
_COMPANY_QUERY = [*_QUERY, query("issueId"), query("projectId")]


class FeedbackInput(Input):
    """What a person thinks of a comment or a revision."""

    target_type = Enum(choices=FeedbackTarget.choices)
    target_id = Uuid()
    vote = Enum(choices=Vote.choices)
    reason = Text(required=False, allow_null=True, max_length=1000)
    allow_sharing = Bool(default=False)


class FeedbackOut(ModelOutput):
    """What a person thinks of a comment or a revision."""

    sharing_enabled = serializers.BooleanField(source="is_shared")

    class Meta:
        model = FeedbackVote
        fields: ClassVar = [
            "id", "company_id", "issue_id", "target_type", "target_id", "author_user_id", "vote", "reason",
            "sharing_enabled", "consent_version", "created_at", "updated_at",
        ]  # fmt: skip


class FeedbackTargetOut(Output):
    """What was judged, in short."""

    label = serializers.CharField()  # type: ignore[assignment]  # a word of the interface
    excerpt = serializers.CharField()
    author_agent_id = serializers.UUIDField(allow_null=True)
    author_user_id = serializers.UUIDField(allow_null=True)
    created_at = serializers.DateTimeField()
    document_key = serializers.CharField(allow_null=True)
    document_title = serializers.CharField(allow_null=True)
    revision_number = serializers.IntegerField(allow_null=True)


class FeedbackTraceOut(FeedbackOut):
    """A vote with what it was about."""

    feedback_vote_id = serializers.UUIDField()
    project_id = serializers.UUIDField(allow_null=True)
    issue_identifier = serializers.CharField(allow_null=True)
    issue_title = serializers.CharField()
    status = serializers.ChoiceField(choices=[feedback.LOCAL_ONLY])
    payload_version = serializers.CharField()
    payload_digest = serializers.CharField()
    target_summary = FeedbackTargetOut()
    payload_snapshot = serializers.DictField(allow_null=True)

    class Meta(FeedbackOut.Meta):
        fields: ClassVar = [
            *FeedbackOut.Meta.fields, "feedback_vote_id", "project_id", "issue_identifier", "issue_title", "status",
            "payload_version", "payload_digest", "target_summary", "payload_snapshot",
        ]  # fmt: skip


class FeedbackFileOut(Output):
    """One file of a trace that is taken along."""

    path = serializers.CharField()
    content_type = serializers.CharField()
    contents = serializers.CharField()


class FeedbackBundleOut(Output):
    """A trace as files."""

    trace_id = serializers.UUIDField()
    files = FeedbackFileOut(many=True)


class FeedbackVotesView(IssueView):
    """`GET` and `POST /issues/:id/feedback-votes`."""

    board_only = True

    @operation("List the caller's votes on an issue [I-210]", answers=FeedbackOut, many=True)
    def get(self, request: Request, issue_id: str) -> Response:
        """Answer the votes, newest first."""
        votes = feedback.of_person(self.locate(issue_id), self.actor.user_id)
        return Response(FeedbackOut.render_many(votes))

    @operation(
        "Say what one thinks of something on an issue [I-210]",
        reads=FeedbackInput,
        answers=FeedbackOut,
        status=201,
    )
    def post(self, request: Request, issue_id: str) -> Response:
        """Keep a vote; a second one on the same thing takes its place."""
        found = self.locate(issue_id)
        fields = FeedbackInput.read(request.data)
        row = feedback.vote(
            issue_id=found,
            target_type=FeedbackTarget(fields["target_type"]),
            target_id=fields["target_id"],
            value=fields["vote"],
            reason=fields.get("reason"),
            allow_sharing=fields["allow_sharing"],
            actor=self.actor,
            now=self.now,
        )
        return Response(FeedbackOut.render(row), status=201)


class IssueTracesView(IssueView):
    """`GET /issues/:id/feedback-traces`."""

    board_only = True

    @operation("List the feedback on an issue [I-210]", answers=FeedbackTraceOut, many=True, query=_QUERY)
    def get(self, request: Request, issue_id: str) -> Response:
        """Answer the traces, newest first."""
        issue = self.issue(issue_id)
        return _listed(request, issue.company_id, _filters(request, issue_id=issue.pk))


class CompanyTracesView(CompanyView):
    """`GET /companies/:id/feedback-traces`."""

    board_only = True

    @operation(
        "List the feedback in a company [C-30]", answers=FeedbackTraceOut, many=True, query=_COMPANY_QUERY
    )
    def get(self, request: Request, company_id: str) -> Response:
        """Answer the traces, newest first."""
        wanted = {
            "issue_id": _id(request, "issueId"),
            "project_id": _id(request, "projectId"),
        }
        return _listed(request, self.company.pk, _filters(request, **wanted))


class TraceView(ActorView):
    """`GET /feedback-traces/:id`."""

    board_only = True

    @operation("Get one piece of feedback [I-210]", answers=FeedbackTraceOut)
    def get(self, request: Request, trace_id: str) -> Response:
        """Answer the trace with what was judged."""
        return Response(_trace(_find(self, trace_id), with_payload=True))


class TraceBundleView(ActorView):
    """`GET /feedback-traces/:id/bundle`."""

    board_only = True

    @operation("Get one piece of feedback as files [I-210]", answers=FeedbackBundleOut)
    def get(self, request: Request, trace_id: str) -> Response:
        """Answer the trace and what was judged."""
        row = _find(self, trace_id)
        about = dumps(_trace(row, with_payload=False)).decode()
        files = [
            {"path": "trace.json", "content_type": "application/json", "contents": about},
            {"path": "judged.md", "content_type": "text/markdown", "contents": row.payload["body"]},
        ]
        return Response(FeedbackBundleOut.render({"trace_id": row.pk, "files": files}))


def _find(view: ActorView, reference: str) -> FeedbackVote:
    return view.find(FeedbackVote.objects.select_related("issue"), reference, what="Feedback trace")


def _listed(request: Request, company_id: UUID, filters: Filters) -> Response:
    limit = positive(request, "limit", default=DEFAULT_LIMIT, most=MAX_LIMIT)
    with_payload = flag(request, "includePayload")
    rows = feedback.traces(company_id, filters)[:limit]
    return Response([_trace(row, with_payload=with_payload) for row in rows])


def _trace(row: FeedbackVote, *, with_payload: bool) -> dict[str, Any]:
    return FeedbackTraceOut.render(
        row,
        feedbackVoteId=row.pk,
        projectId=row.issue.project_id,
        issueIdentifier=row.issue.identifier,
        issueTitle=row.issue.title,
        status=feedback.LOCAL_ONLY,
        payloadVersion=feedback.PAYLOAD_VERSION,
        payloadDigest=hashlib.sha256(dumps(row.payload)).hexdigest(),
        targetSummary={name: row.payload[name] for name in row.payload if name != "body"},
        payloadSnapshot=row.payload if with_payload else None,
    )


def _filters(request: Request, **more: UUID | None) -> Filters:
    return Filters(
        target_type=_word(request, "targetType", FeedbackTarget.values),
        vote=_word(request, "vote", Vote.values),
        status=request.query_params.get("status") or None,
        since=costs.moment(request, "from"),
        until=costs.moment(request, "to"),
        shared_only=flag(request, "sharedOnly"),
        **more,
    )


def _word(request: Request, name: str, known: list[str]) -> str | None:
    text = request.query_params.get(name) or None
    if text is not None and text not in known:
        raise BadRequest(f"{name} must be one of {', '.join(known)}")
    return text


def _id(request: Request, name: str) -> UUID | None:
    text = request.query_params.get(name)
    found = naming.as_field_uuid(text) if text else None
    if text and found is None:
        raise BadRequest(f"{name} must be an id")
    return found
