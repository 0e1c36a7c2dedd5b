"""Issues and routines as their files and their entries in the sidecar describe them (C-107)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from issues.choices import IssuePriority, IssueStatus, WorkMode
from paperclip.core.errors import Refusal
from paperclip.portability.shapes import IssuePart, RoutinePart, TriggerPart
from paperclip.portability.sheets import Sheet
from routines import schedule
from routines.choices import (
    GRACE_MAX_SEC,
    CatchUpPolicy,
    ClockChanges,
    ConcurrencyPolicy,
    TriggerKind,
    VariableType,
)


def issue(slug: str, sheet: Sheet, body: str) -> IssuePart:
    """Return an issue. Raises Fault."""
    return IssuePart(
        slug=slug,
        title=sheet.required("name", 1_000),
        path=sheet.path,
        description=body or None,
        status=sheet.word("status", IssueStatus.values, IssueStatus.TODO.value),
        priority=sheet.word("priority", IssuePriority.values, IssuePriority.MEDIUM.value),
        work_mode=sheet.word("workMode", WorkMode.values, WorkMode.STANDARD.value),
        project=sheet.text("project"),
        parent=sheet.text("parent"),
        goal=sheet.text("goal"),
        assignee=sheet.text("assignee"),
        blocked_by=sheet.texts("blockedBy"),
        labels=sheet.texts("labels"),
        billing_code=sheet.text("billingCode", most=200),
    )


def routine(slug: str, sheet: Sheet, body: str) -> RoutinePart:
    """Return a routine. Raises Fault."""
    return RoutinePart(
        slug=slug,
        title=sheet.required("name", 200),
        path=sheet.path,
        description=body or None,
        priority=sheet.word("priority", IssuePriority.values, IssuePriority.MEDIUM.value),
        project=sheet.text("project"),
        goal=sheet.text("goal"),
        assignee=sheet.text("assignee"),
        concurrency_policy=sheet.word(
            "concurrencyPolicy", ConcurrencyPolicy.values, ConcurrencyPolicy.COALESCE_IF_ACTIVE.value
        ),
        catch_up_policy=sheet.word("catchUpPolicy", CatchUpPolicy.values, CatchUpPolicy.SKIP_MISSED.value),
        variables=tuple(_variable(sheet, values) for values in sheet.objects("variables")),
        triggers=tuple(_trigger(sheet, values) for values in sheet.objects("triggers")),
    )


def _variable(sheet: Sheet, values: Mapping[str, Any]) -> dict[str, Any]:
    variable = Sheet(f"{sheet.path}: variables", values)
    default = values.get("defaultValue")
    if not (default is None or isinstance(default, str | int | float)):
        raise variable.fault("defaultValue", "must be a text, a number, true or false")
    kinds = VariableType.values
    return {
        "name": variable.required("name", 120),
        "label": variable.text("label", most=200),
        "type": variable.word("type", kinds, VariableType.TEXT.value),
        "defaultValue": default,
        "required": variable.flag("required") is not False,
        "options": list(variable.texts("options")),
    }


def _trigger(sheet: Sheet, values: Mapping[str, Any]) -> TriggerPart:
    trigger = Sheet(f"{sheet.path}: triggers", values)
    trigger.word("kind", [TriggerKind.SCHEDULE.value], TriggerKind.SCHEDULE.value)
    expression, zone = trigger.required("cronExpression", 255), trigger.text("timezone", most=64) or "UTC"
    try:
        schedule.require_valid(expression, zone)
    except Refusal as refusal:
        raise trigger.fault("cronExpression", refusal.message) from refusal
    return TriggerPart(
        expression,
        zone,
        trigger.text("label", most=120),
        trigger.flag("enabled") is not False,
        trigger.word("clockChanges", ClockChanges.values, ClockChanges.ONCE.value),
        trigger.number("graceSec", most=GRACE_MAX_SEC),
    )
