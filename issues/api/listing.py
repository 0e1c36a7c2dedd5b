"""`/companies/:companyId/issues`: the list, and making one (I-158 to I-160)."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from issues import lifecycle, listing, queries, references
from issues.api.inputs import IssueInput, fields_of
from issues.api.policy import PrincipalOut
from issues.api.references import RelatedWorkOut
from issues.api.shapes import ActiveRunOut, BlockerAttentionOut, IssueOut, RelationOut
from issues.choices import IssueStatus
from issues.listing import Filters
from paperclip.companies.api import repeating
from paperclip.companies.api.base import ActorView, CompanyView
from paperclip.core import naming
from paperclip.core.api.outputs import Output
from paperclip.core.api.schema import operation, query
from paperclip.core.api.views import flag
from paperclip.core.errors import BadRequest, Forbidden, Unprocessable

_USER_FILTERS = ("assigneeUserId", "touchedByUserId", "inboxArchivedByUserId", "unreadForUserId")
_UUID_FILTERS = (
    "participantAgentId", "projectId", "workspaceId", "executionWorkspaceId", "parentId", "descendantOf",
    "labelId"
)  # fmt: skip
_TEXT_FILTERS = ("originKind", "originKindPrefix", "originId")
_FLAGS = ("excludeRoutineExecutions", "includePluginOperations", "includeBlockedBy", "hidden")
_MISSING = UUID(int=0)

FILTER_QUERY = [
    query("status", text="Statuses, separated by commas."),
    query("assigneeAgentId", text="An agent's id, or `null` for issues without one."),
    *(query(name, text="A person's id, or `me`.") for name in _USER_FILTERS),
    *(query(name) for name in (*_UUID_FILTERS, *_TEXT_FILTERS)),
    *(query(name, bool) for name in _FLAGS[:-1]),
    query("hidden", bool, "The hidden issues instead of the others."),
    query("q", text="Words in identifier, title, description or comments."),
]
LIST_QUERY = [
    *FILTER_QUERY,
    query("limit", int, "At most 1000; 500 when absent."),
    query("offset", int),
]


class ExecutionStageOut(Output):
    """Where the work of an issue stands in its policy: who judges it, and to whom it goes back."""

    status = serializers.ChoiceField(choices=["pending", "changes_requested"])
    current_stage_id = serializers.UUIDField(allow_null=True)
    current_stage_type = serializers.CharField(allow_null=True)
    current_participant = PrincipalOut(allow_null=True)
    return_assignee = PrincipalOut(allow_null=True)


class IssueRowOut(IssueOut):
    """A row of a list (I-147): the description is cut, policies are left out but for the stage."""

    active_run = ActiveRunOut(allow_null=True)
    blocker_attention = BlockerAttentionOut()
    productivity_review = serializers.DictField(allow_null=True)
    successful_run_handoff = serializers.DictField(allow_null=True)
    execution_stage = ExecutionStageOut(allow_null=True)
    blocked_by = RelationOut(many=True, required=False)
    my_last_touch_at = serializers.DateTimeField(allow_null=True, required=False)
    last_external_comment_at = serializers.DateTimeField(allow_null=True, required=False)
    is_unread_for_me = serializers.BooleanField(required=False)

    class Meta(IssueOut.Meta):
        fields: ClassVar = [
            *IssueOut.Meta.fields, "active_run", "blocker_attention", "productivity_review",
            "successful_run_handoff", "execution_stage", "blocked_by", "my_last_touch_at", "last_external_comment_at",
            "is_unread_for_me",
        ]  # fmt: skip


class NewIssueOut(IssueOut):
    """A new issue with what its text refers to."""

    related_work = RelatedWorkOut()
    referenced_issue_identifiers = serializers.ListField(child=serializers.CharField())

    class Meta(IssueOut.Meta):
        fields: ClassVar = [*IssueOut.Meta.fields, "related_work", "referenced_issue_identifiers"]


class CompanyIssuesView(CompanyView):
    """`GET` and `POST /companies/:companyId/issues`."""

    @operation(
        "List the issues of a company [I-159]",
        answers=IssueRowOut,
        many=True,
        query=LIST_QUERY,
        refuses=(422,),
    )
    def get(self, request: Request, company_id: str) -> Response:
        """Answer a page, most urgent and newest first."""
        limit = positive(request, "limit", default=listing.DEFAULT_LIMIT, most=listing.MAX_LIMIT)
        offset = _offset(request)
        filters = filters_of(request, self.actor.user_id)
        return Response(listing.company(self.company.pk, filters, limit=limit, offset=offset))

    @operation("Create an issue [I-160]", reads=IssueInput, answers=NewIssueOut, status=201)
    @repeating.once
    def post(self, request: Request, company_id: str) -> Response:
        """Create an issue and wake whom it is given to."""
        fields = fields_of(IssueInput.read(request.data))
        issue = lifecycle.create(company_id=self.company.pk, fields=fields, actor=self.actor, now=self.now)
        return Response(queries.issue_object(issue.pk) | references.related(issue.pk), status=201)


class CountOut(Output):
    """How many there are."""

    count = serializers.IntegerField()


class CompanyIssueCountView(CompanyView):
    """`GET /companies/:companyId/issues/count`."""

    @operation(
        "Count the issues that a list with these filters has [IL-5]",
        answers=CountOut,
        query=FILTER_QUERY,
        refuses=(422,),
    )
    def get(self, request: Request, company_id: str) -> Response:
        """Answer the number of all pages together."""
        filters = filters_of(request, self.actor.user_id)
        return Response({"count": listing.count(self.company.pk, filters)})


class IssuesView(ActorView):
    """`GET /issues`, which names no company."""

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        """Refuse."""
        raise BadRequest("Missing company id in path. Use /api/companies/{companyId}/issues.")


def filters_of(request: Request, user_id: UUID | None) -> Filters:
    """Return the filters of a query (I-144). Raises BadRequest, Unprocessable, or Forbidden for an agent's
    `me`.
    """
    params = request.query_params
    values: dict[str, Any] = {_snake(name): flag(request, name) for name in _FLAGS}
    values |= {_snake(name): _uuid(params[name], name) for name in _UUID_FILTERS if params.get(name)}
    values |= {_snake(name): _user(params[name], name, user_id) for name in _USER_FILTERS if params.get(name)}
    values |= {_snake(name): params[name] for name in _TEXT_FILTERS if params.get(name)}
    assignee = params.get("assigneeAgentId")
    if assignee == "null":
        values["is_unassigned"] = True
    elif assignee:
        values["assignee_agent_id"] = _assignee(assignee)
    return Filters(status=_statuses(params.get("status", "")), q=params.get("q", "")[:200], **values)


def positive(request: Request, name: str, *, default: int, most: int) -> int:
    """Return a count from the query, at most `most`. Raises BadRequest for anything that is none (I-145)."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isdecimal() or not text.isascii() or int(text[:18]) == 0:
        raise BadRequest(f"{name} must be a positive integer up to {most}")
    return min(int(text[:18]), most)


def _offset(request: Request) -> int:
    text = request.query_params.get("offset", "0")
    if not text.isdecimal() or not text.isascii():
        raise BadRequest("offset must be a whole number, 0 or more")
    return min(int(text[:18]), 2**31 - 1)


def _statuses(text: str) -> tuple[str, ...]:
    """Unknown words match nothing; a list of nothing but unknown words is a mistake worth telling."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    known = tuple(word for word in words if word in IssueStatus.values)
    if words and not known:
        raise BadRequest(f"status must be one of {', '.join(IssueStatus.values)}")
    return known


def _uuid(text: str, name: str) -> UUID:
    found = naming.as_field_uuid(text)
    if found is None:
        raise BadRequest(f"{name} must be an id")
    return found


def _assignee(text: str) -> UUID:
    found = naming.as_field_uuid(text)
    if found is None:
        raise Unprocessable("assigneeAgentId must be an agent id or null")
    return found


def _user(text: str, name: str, user_id: UUID | None) -> UUID:
    if text != "me":
        return naming.as_field_uuid(text) or _MISSING
    if user_id is None:
        raise Forbidden(f"{name}=me is only available to board users")
    return user_id


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
