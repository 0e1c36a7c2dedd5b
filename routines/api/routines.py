"""Routines (R-115 to R-118), and what their schedules do next."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies.api.base import CompanyView
from paperclip.core import naming
from paperclip.core.api.schema import operation, query
from paperclip.core.api.views import whole_number
from paperclip.core.errors import BadRequest
from routines import lifecycle, previews, queries, rights
from routines.api import shapes
from routines.api.base import RoutineView
from routines.api.inputs import RoutineInput, RoutinePatch
from routines.choices import ROUTINES_MAX


class RoutineList(CompanyView):
    """`/companies/:c/routines`."""

    @operation(
        "List routines, the one changed last first [R-115, R-128]",
        answers=shapes.RoutineRowOut,
        many=True,
        query=[
            query("projectId", text="Only this project's routines."),
            query("limit", int, f"1 to {ROUTINES_MAX}, which is the default."),
            query("offset", int, "How many to pass over."),
        ],
    )
    def get(self, request: Request, company_id: str) -> Response:
        """Answer every routine of the company with its triggers, last run and the issue being worked on."""
        text = request.query_params.get("projectId")
        project_id = naming.as_field_uuid(text) if text else None
        if text and project_id is None:
            raise BadRequest("projectId must be a project's id")
        limit = whole_number(request, "limit", default=ROUTINES_MAX, least=1, most=ROUTINES_MAX)
        offset = whole_number(request, "offset", default=0, least=0, most=1_000_000)
        rows = queries.of_company(self.company.pk, project_id=project_id, limit=limit, offset=offset)
        return Response([shapes.routine_row(row) for row in rows])

    @operation("Create a routine [R-116]", reads=RoutineInput, answers=shapes.RoutineOut, status=201)
    def post(self, request: Request, company_id: str) -> Response:
        """Keep a routine; without an agent it is a draft and paused."""
        fields = RoutineInput.read(request.data)
        routine = lifecycle.create(company_id=self.company.pk, fields=fields, actor=self.actor, now=self.now)
        return Response(shapes.RoutineOut.render(routine), status=201)


class RoutineDetail(RoutineView):
    """`/routines/:id`."""

    @operation(
        "Read a routine with its triggers and latest runs [R-117, R-129]", answers=shapes.RoutineWholeOut
    )
    def get(self, request: Request, routine_id: str) -> Response:
        """Answer the routine and everything around it."""
        routine = self.routine(routine_id)
        shown = queries.whole(routine.pk)
        return Response(
            shapes.routine_whole(shown, shows_addresses=rights.sees_addresses(self.actor, routine))
        )

    @operation(
        "Change, pause, resume or archive a routine [R-118]", reads=RoutinePatch, answers=shapes.RoutineOut
    )
    def patch(self, request: Request, routine_id: str) -> Response:
        """Change what is sent; what is equal stays untouched."""
        routine = self.routine(routine_id)
        fields = RoutinePatch.read(request.data, partial=True)
        base = fields.pop("base_revision_id", None)
        routine = lifecycle.update(
            routine_id=routine.pk, fields=fields, base_revision_id=base, actor=self.actor, now=self.now
        )
        return Response(shapes.RoutineOut.render(routine))


class RoutineUpcoming(RoutineView):
    """`GET /routines/:id/upcoming`."""

    @operation(
        "What a routine's schedules do next, missed times first [RW-6]",
        answers=shapes.PreviewOut,
        many=True,
        query=[
            query(
                "count", int, f"Times to come: 1 to {previews.COUNT_MAX}, default {previews.COUNT_DEFAULT}."
            )
        ],
    )
    def get(self, request: Request, routine_id: str) -> Response:
        """Answer, for each schedule, what would be made up for and the times to come."""
        routine = self.routine(routine_id)
        count = whole_number(
            request, "count", default=previews.COUNT_DEFAULT, least=1, most=previews.COUNT_MAX
        )
        rows = previews.of_routine(routine.pk, now=self.now, count=count)
        return Response([shapes.preview(row) for row in rows])


class CompanyUpcoming(CompanyView):
    """`GET /companies/:c/routines/upcoming`."""

    @operation(
        "What the company's schedules do in the coming days [RW-6]",
        answers=shapes.PreviewOut,
        many=True,
        query=[query("days", int, f"1 to {previews.DAYS_MAX}, default {previews.DAYS_DEFAULT}.")],
    )
    def get(self, request: Request, company_id: str) -> Response:
        """Answer each running schedule with its times, the one due next first."""
        days = whole_number(request, "days", default=previews.DAYS_DEFAULT, least=1, most=previews.DAYS_MAX)
        rows = previews.of_company(self.company.pk, now=self.now, days=days)
        return Response([shapes.preview(row) for row in rows])
