"""What sets routines off (R-122 to R-125)."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.core.api.schema import operation
from routines import triggers
from routines.api import shapes
from routines.api.base import RoutineView, TriggerView
from routines.api.inputs import TriggerInput, TriggerPatch
from routines.triggers import Made


class TriggerList(RoutineView):
    """`POST /routines/:id/triggers`."""

    @operation("Add a trigger [R-122]", reads=TriggerInput, answers=shapes.TriggerMadeOut, status=201)
    def post(self, request: Request, routine_id: str) -> Response:
        """Add a trigger and answer it: a schedule with its next time, a webhook with its secret, this once."""
        routine = self.routine(routine_id)
        fields = TriggerInput.read(request.data)
        made = triggers.create(routine_id=routine.pk, fields=fields, actor=self.actor, now=self.now)
        return Response(_made(made), status=201)


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


class TriggerSecret(TriggerView):
    """`POST /routine-triggers/:id/rotate-secret`."""

    @operation("Give a webhook a new secret [R-125]", answers=shapes.TriggerMadeOut)
    def post(self, request: Request, trigger_id: str) -> Response:
        """Replace the secret and answer the new one, this once; the earlier one stops verifying."""
        trigger = self.trigger(trigger_id)
        made = triggers.rotate_secret(trigger_id=trigger.pk, actor=self.actor, now=self.now)
        return Response(_made(made))


def _made(made: Made) -> dict[str, Any]:
    return shapes.TriggerMadeOut.render(
        {
            "trigger": made.trigger,
            "secret_material": shapes.material(made.material),
            "revision": made.revision,
        }
    )
