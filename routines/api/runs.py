"""Runs of routines: the list, and setting one off by hand (R-121, R-126)."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.core.api.schema import operation, query
from paperclip.core.api.views import whole_number
from routines import queries, starts
from routines.api import shapes
from routines.api.base import RoutineView
from routines.api.inputs import RunNowInput
from routines.choices import RUNS_DEFAULT, RUNS_MAX, RunSource


class RoutineRuns(RoutineView):
    """`GET /routines/:id/runs`."""

    @operation(
        "List a routine's runs, newest first [R-121]",
        answers=shapes.RoutineRunRowOut,
        many=True,
        query=[query("limit", int, f"1 to {RUNS_MAX}, default {RUNS_DEFAULT}.")],
    )
    def get(self, request: Request, routine_id: str) -> Response:
        """Answer the runs with their issues, and the reason of each that made none."""
        routine = self.routine(routine_id)
        limit = whole_number(request, "limit", default=RUNS_DEFAULT, least=1, most=RUNS_MAX)
        return Response([shapes.run_row(row) for row in queries.runs(routine.pk)[:limit]])


class RunNow(RoutineView):
    """`POST /routines/:id/run`."""

    @operation("Set a routine off [R-126]", reads=RunNowInput, answers=shapes.RoutineRunOut, status=202)
    def post(self, request: Request, routine_id: str) -> Response:
        """Set the routine off and answer its run, whatever became of it."""
        routine = self.routine(routine_id)
        fields = RunNowInput.read(request.data or {})
        fields.setdefault("source", RunSource.MANUAL)
        run = starts.run_now(routine_id=routine.pk, fields=fields, actor=self.actor, now=self.now)
        return Response(shapes.run(run), status=202)
