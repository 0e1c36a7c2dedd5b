"""Routines (R-115 to R-118)."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from issues.choices import IssuePriority
from paperclip.companies.api.base import CompanyView
from paperclip.core import naming
from paperclip.core.api.fields import Enum, Items, Object, Text, Uuid
from paperclip.core.api.inputs import Input
from paperclip.core.api.schema import operation, query
from paperclip.core.errors import BadRequest, Unprocessable
from routines import lifecycle, queries
from routines.api import shapes
from routines.api.base import RoutineView
from routines.choices import TITLE_MAX, CatchUpPolicy, ConcurrencyPolicy, RoutineStatus


class RoutineInput(Input):
    """A routine to keep (R-20)."""

    title = Text(min_length=1, max_length=TITLE_MAX, trim_whitespace=True)
    description = Text(required=False, allow_null=True, max_length=100_000, multiline=True)
    project_id = Uuid(required=False, allow_null=True)
    goal_id = Uuid(required=False, allow_null=True)
    parent_issue_id = Uuid(required=False, allow_null=True)
    assignee_agent_id = Uuid(required=False, allow_null=True)
    priority = Enum(choices=IssuePriority.choices, required=False)
    status = Enum(choices=RoutineStatus.choices, required=False)
    concurrency_policy = Enum(choices=ConcurrencyPolicy.choices, required=False)
    catch_up_policy = Enum(choices=CatchUpPolicy.choices, required=False)
    variables = Items(child=Object(), required=False)


class RoutinePatch(RoutineInput):
    """A change of a routine."""

    base_revision_id = Uuid(required=False, allow_null=True)


class RoutineList(CompanyView):
    """`/companies/:c/routines`."""

    @operation(
        "List routines, the one changed last first [R-115, R-128]",
        answers=shapes.RoutineRowOut,
        many=True,
        query=[query("projectId", text="Only this project's routines.")],
    )
    def get(self, request: Request, company_id: str) -> Response:
        """Answer every routine of the company with its triggers, last run and the issue being worked on."""
        text = request.query_params.get("projectId")
        project_id = naming.as_field_uuid(text) if text else None
        if text and project_id is None:
            raise BadRequest("projectId must be a project's id")
        rows = queries.of_company(self.company.pk, project_id=project_id)
        return Response([shapes.routine_row(row) for row in rows])

    @operation("Create a routine [R-116]", reads=RoutineInput, answers=shapes.RoutineOut, status=201)
    def post(self, request: Request, company_id: str) -> Response:
        """Keep a routine; without an agent it is a draft and paused."""
        fields = _served(RoutineInput.read(request.data))
        routine = lifecycle.create(company_id=self.company.pk, fields=fields, actor=self.actor, now=self.now)
        return Response(shapes.RoutineOut.render(routine), status=201)


class RoutineDetail(RoutineView):
    """`/routines/:id`."""

    @operation(
        "Read a routine with its triggers and latest runs [R-117, R-129]", answers=shapes.RoutineWholeOut
    )
    def get(self, request: Request, routine_id: str) -> Response:
        """Answer the routine and everything around it."""
        return Response(shapes.routine_whole(queries.whole(self.routine(routine_id).pk)))

    @operation(
        "Change, pause, resume or archive a routine [R-118]", reads=RoutinePatch, answers=shapes.RoutineOut
    )
    def patch(self, request: Request, routine_id: str) -> Response:
        """Change what is sent; what is equal stays untouched."""
        routine = self.routine(routine_id)
        fields = _served(RoutinePatch.read(request.data, partial=True))
        base = fields.pop("base_revision_id", None)
        routine = lifecycle.update(
            routine_id=routine.pk, fields=fields, base_revision_id=base, actor=self.actor, now=self.now
        )
        return Response(shapes.RoutineOut.render(routine))


def _served(fields: dict[str, Any]) -> dict[str, Any]:
    """Return `fields` without what is not served; Unprocessable when it would be lost silently."""
    if fields.pop("variables", None):
        raise Unprocessable("Routine variables are not available yet")
    return fields
