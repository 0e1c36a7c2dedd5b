"""Views of one routine or one trigger."""

from __future__ import annotations

from paperclip.companies.api.base import ActorView
from routines.models import Routine, Trigger


class RoutineView(ActorView):
    """A view under `/routines/<id>`."""

    def routine(self, reference: str) -> Routine:
        """Return the routine the path names, or 404."""
        return self.find(Routine.objects.all(), reference, what="Routine")


class TriggerView(ActorView):
    """A view under `/routine-triggers/<id>`."""

    def trigger(self, reference: str) -> Trigger:
        """Return the trigger the path names, or 404."""
        return self.find(Trigger.objects.all(), reference, what="Routine trigger")
