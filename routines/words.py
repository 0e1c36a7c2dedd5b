"""What policies and runs mean, in the words of the board."""

from __future__ import annotations

from collections.abc import Mapping

from routines.choices import (
    CATCH_UP_CAP,
    CatchUpPolicy,
    ClockChanges,
    ConcurrencyPolicy,
    RunOutcome,
    RunSource,
    SigningMode,
    TriggerKind,
    VariableType,
)
from routines.models import RoutineRun
from routines.previews import MISSED_MAX, Downtime, Preview

CONCURRENCY: Mapping[str, str] = {
    ConcurrencyPolicy.COALESCE_IF_ACTIVE: "Fold into the work that goes on",
    ConcurrencyPolicy.SKIP_IF_ACTIVE: "Leave it out",
    ConcurrencyPolicy.ALWAYS_ENQUEUE: "Make another issue",
}
CATCH_UP: Mapping[str, str] = {
    CatchUpPolicy.SKIP_MISSED: "One late run for all of them",
    CatchUpPolicy.ENQUEUE_MISSED_WITH_CAP: f"A run for each, at most {CATCH_UP_CAP}",
}
CLOCK_CHANGES: Mapping[str, str] = {
    ClockChanges.ONCE: "Once: right after a gap, at the first of two",
    ClockChanges.AS_SHOWN: "As often as the clock shows it: not at all, or twice",
}
SIGNING: Mapping[str, str] = {
    SigningMode.BEARER: "Send the secret itself",
    SigningMode.HMAC_SHA256: "Sign time and body",
    SigningMode.GITHUB_HMAC: "Sign the body, as GitHub does",
    SigningMode.NONE: "Nothing: the address is the secret",
}
VARIABLE_TYPES: Mapping[str, str] = {
    VariableType.TEXT: "Text",
    VariableType.TEXTAREA: "Text of several lines",
    VariableType.NUMBER: "Number",
    VariableType.BOOLEAN: "Yes or no",
    VariableType.SELECT: "A choice",
}
KINDS: Mapping[str, str] = {
    TriggerKind.SCHEDULE: "Schedule",
    TriggerKind.WEBHOOK: "Webhook",
    TriggerKind.API: "API trigger",
}
SOURCES: Mapping[str, str] = {
    RunSource.SCHEDULE: "By a schedule",
    RunSource.MANUAL: "By hand",
    RunSource.API: "By the API",
    RunSource.WEBHOOK: "By a webhook",
}


def of_source(run: RoutineRun) -> str:
    """Return what set a run off: the name of its trigger, or how it was started. The trigger is read."""
    trigger = run.trigger
    if trigger is None:
        return SOURCES[run.source]
    return f"{KINDS[trigger.kind]} {trigger.label or trigger.cron_expression or ''}".strip()


def of_outcome(run: RoutineRun) -> str:
    """Return what became of the work that took a run up; nothing while it goes on."""
    if run.outcome is None:
        return ""
    return "that work is done" if run.outcome == RunOutcome.COMPLETED else "that work failed"


def of_missed(told: Preview) -> str:
    """Return what will be made of the times that a schedule has missed; nothing when it missed none."""
    if not told.missed:
        return ""
    missed = _times(len(told.missed))
    if told.left_out is not None:
        return f"{missed} missed, too late for the grace: left out, with that reason."
    return f"{missed} missed: {_runs(len(told.made_up))}."


def of_downtime(told: Downtime) -> str:
    """Return what would be made of the times missed in a downtime."""
    if not told.missed:
        return "nothing missed"
    if not told.made_up:
        return f"{_times(told.missed)} missed, all too late: left out"
    return f"{_times(told.missed)} missed: {_runs(len(told.made_up))}"


def _times(count: int) -> str:
    if count >= MISSED_MAX:
        return f"{MISSED_MAX} times or more"
    return f"{count} time{'s' if count > 1 else ''}"


def _runs(count: int) -> str:
    return "one run is made up for it" if count == 1 else f"{count} runs are made up"
