"""The log of who did what (C-95 to C-97)."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies import activity
from paperclip.companies.api.base import CompanyView
from paperclip.companies.choices import ActorType
from paperclip.companies.models import Activity
from paperclip.core import naming
from paperclip.core.api.fields import Enum, Object, Text, Uuid
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import ModelOutput
from paperclip.core.api.schema import operation, query
from paperclip.core.api.views import whole_number
from paperclip.core.errors import BadRequest


class ActivityOut(ModelOutput):
    """One entry."""

    details = serializers.DictField(allow_null=True)

    class Meta:
        model = Activity
        fields: ClassVar = [
            "id", "company_id", "actor_type", "actor_id", "action", "entity_type", "entity_id", "agent_id",
            "run_id", "details", "created_at",
        ]  # fmt: skip


class ActivityInput(Input):
    """An entry a person words themselves."""

    actor_type = Enum(choices=ActorType.choices, default=ActorType.SYSTEM.value)
    actor_id = Text(min_length=1, max_length=200)
    action = Text(min_length=1, max_length=96)
    entity_type = Text(min_length=1, max_length=48)
    entity_id = Text(min_length=1, max_length=200)
    agent_id = Uuid(required=False, allow_null=True)
    details = Object(required=False, allow_null=True)


class ActivityList(CompanyView):
    """The log of a company."""

    board_methods = ("POST",)

    @operation(
        "List activity, newest first [C-96]",
        answers=ActivityOut,
        many=True,
        query=[
            query("agentId"),
            query("entityType"),
            query("entityId"),
            query("limit", int, "1 to 500, 100 when absent"),
            query(
                "after", text="Only what the list has behind the entry with this id, which is not returned."
            ),
        ],
    )
    def get(self, request: Request, company_id: str) -> Response:
        agent_id = request.query_params.get("agentId")
        if agent_id is not None and naming.as_field_uuid(agent_id) is None:
            raise BadRequest("agentId must be an agent id")
        rows = activity.recent(
            self.company,
            limit=whole_number(
                request, "limit", default=activity.DEFAULT_LIMIT, least=1, most=activity.MAX_LIMIT
            ),
            agent_id=naming.as_field_uuid(agent_id) if agent_id is not None else None,
            entity_type=request.query_params.get("entityType"),
            entity_id=request.query_params.get("entityId"),
            after=_anchor(request),
        )
        return Response(ActivityOut.render_many(rows))

    @operation("Write an activity entry by hand [C-97]", reads=ActivityInput, answers=ActivityOut, status=201)
    def post(self, request: Request, company_id: str) -> Response:
        fields = ActivityInput.read(request.data)
        row = activity.record_by_hand(company=self.company, fields=fields, actor=self.actor, now=self.now)
        return Response(ActivityOut.render(row), status=201)


def _anchor(request: Request) -> UUID | None:
    """Return the id after which the list goes on; what cannot be an id is that of no entry."""
    text = request.query_params.get("after")
    return naming.as_field_uuid(text) or UUID(int=0) if text else None
