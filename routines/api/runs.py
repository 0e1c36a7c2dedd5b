"""Runs of routines: the list, and setting one off by hand (R-121, R-126)."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.core.api.fields import Enum, Object, Text, Uuid
from paperclip.core.api.inputs import Input
from paperclip.core.api.schema import operation, query
from paperclip.core.api.views import whole_number
from paperclip.core.errors import Unprocessable
from routines import queries, triggers
from routines.api import shapes
from routines.api.base import RoutineView
from routines.choices import CALLER_SOURCES, IDEMPOTENCY_KEY_MAX, RUNS_DEFAULT, RUNS_MAX, RunSource

# Accepted later; a value that cannot be heeded is refused rather than dropped.
_NOT_SERVED = {
    "variables": "variables",
    "execution_workspace_id": "executionWorkspaceId",
    "execution_workspace_preference": "executionWorkspacePreference",
    "execution_workspace_settings": "executionWorkspaceSettings",
}


class RunNowInput(Input):
    """How a routine is set off (R-62)."""

    source = Enum(choices=CALLER_SOURCES, required=False)  # type: ignore[assignment]  # a field of the input
    trigger_id = Uuid(required=False, allow_null=True)
    payload = Object(required=False, allow_null=True)
    variables = Object(required=False, allow_null=True)
    project_id = Uuid(required=False, allow_null=True)
    assignee_agent_id = Uuid(required=False, allow_null=True)
    idempotency_key = Text(required=False, allow_null=True, max_length=IDEMPOTENCY_KEY_MAX)
    execution_workspace_id = Uuid(required=False, allow_null=True)
    execution_workspace_preference = Text(required=False, allow_null=True)
    execution_workspace_settings = Object(required=False, allow_null=True)


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
        for name, word in _NOT_SERVED.items():
            if fields.pop(name, None):
                raise Unprocessable(f"{word}: not available for runs of routines yet")
        fields.setdefault("source", RunSource.MANUAL)
        run = triggers.run_now(routine_id=routine.pk, fields=fields, actor=self.actor, now=self.now)
        return Response(shapes.run(run), status=202)
