"""What sets routines off (R-122 to R-124)."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.core.api.fields import Bool, Enum, Text
from paperclip.core.api.inputs import Input
from paperclip.core.api.schema import operation
from paperclip.core.errors import Invalid
from routines import triggers
from routines.api import shapes
from routines.api.base import RoutineView, TriggerView
from routines.choices import LABEL_MAX, TriggerKind
from routines.schedule import MAX_EXPRESSION


class TriggerInput(Input):
    """A trigger to add (R-37)."""

    kind = Enum(choices=TriggerKind.choices)
    label = Text(required=False, allow_null=True, max_length=LABEL_MAX)  # type: ignore[assignment]
    enabled = Bool(required=False)
    cron_expression = Text(required=False, min_length=1, max_length=MAX_EXPRESSION, trim_whitespace=True)
    timezone = Text(required=False, min_length=1, max_length=64)


class TriggerPatch(Input):
    """A change of a trigger (R-41)."""

    label = Text(required=False, allow_null=True, max_length=LABEL_MAX)  # type: ignore[assignment]
    enabled = Bool(required=False)
    cron_expression = Text(
        required=False, allow_null=True, min_length=1, max_length=MAX_EXPRESSION, trim_whitespace=True
    )
    timezone = Text(required=False, allow_null=True, min_length=1, max_length=64)


class TriggerList(RoutineView):
    """`POST /routines/:id/triggers`."""

    @operation(
        "Add a schedule to a routine [R-122]", reads=TriggerInput, answers=shapes.TriggerMadeOut, status=201
    )
    def post(self, request: Request, routine_id: str) -> Response:
        """Add a trigger and answer it with its next time."""
        routine = self.routine(routine_id)
        fields = TriggerInput.read(request.data)
        if fields["kind"] == TriggerKind.SCHEDULE:
            if "cron_expression" not in fields:
                raise Invalid.at("cronExpression", message="Required", code="invalid_type")
            fields.setdefault("timezone", "UTC")
        trigger = triggers.create(routine_id=routine.pk, fields=fields, actor=self.actor, now=self.now)
        made = {"trigger": trigger, "secret_material": None, "revision": None}
        return Response(shapes.TriggerMadeOut.render(made), status=201)


class TriggerDetail(TriggerView):
    """`/routine-triggers/:id`."""

    @operation("Change a trigger [R-123]", reads=TriggerPatch, answers=shapes.TriggerOut)
    def patch(self, request: Request, trigger_id: str) -> Response:
        """Change what is sent; the next time is counted from now."""
        trigger = self.trigger(trigger_id)
        fields = TriggerPatch.read(request.data, partial=True)
        trigger = triggers.update(trigger_id=trigger.pk, fields=fields, actor=self.actor, now=self.now)
        return Response(shapes.TriggerOut.render(trigger))

    @operation("Delete a trigger; its runs stay [R-124]", status=204)
    def delete(self, request: Request, trigger_id: str) -> Response:
        """Take the trigger away."""
        triggers.delete(trigger_id=self.trigger(trigger_id).pk, actor=self.actor, now=self.now)
        return Response(status=204)
