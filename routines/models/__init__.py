"""Recurring work: the recipe, what sets it off, and one row for each time it was set off."""

from __future__ import annotations

from routines.models.routine import Routine, RoutineRevision
from routines.models.run import RoutineRun
from routines.models.trigger import Trigger, WebhookReceipt

__all__ = ["Routine", "RoutineRevision", "RoutineRun", "Trigger", "WebhookReceipt"]
