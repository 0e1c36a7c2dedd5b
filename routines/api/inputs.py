"""What may be sent about routines (sections 3 to 7 of the contract)."""

from __future__ import annotations

from typing import Any

from issues.api.inputs import IssueWorkspaceInput
from issues.choices import IssuePriority, WorkspacePreference
from paperclip.core.api.fields import Bool, Enum, Int, Items, Object, Text, Uuid
from paperclip.core.api.inputs import Input
from paperclip.core.errors import Invalid
from routines import variables
from routines.choices import (
    CALLER_SOURCES,
    GRACE_MAX_SEC,
    IDEMPOTENCY_KEY_MAX,
    LABEL_MAX,
    OPTION_MAX,
    OPTIONS_MAX,
    REPLAY_WINDOW_MAX_SEC,
    REPLAY_WINDOW_MIN_SEC,
    TITLE_MAX,
    VARIABLES_MAX,
    CatchUpPolicy,
    ClockChanges,
    ConcurrencyPolicy,
    RoutineStatus,
    SigningMode,
    TriggerKind,
    VariableType,
)
from routines.schedule import MAX_EXPRESSION

_NAME_MAX = 120
_DEFAULT_MAX = 10_000


class Scalar(Text):
    """A text, number or boolean of JSON."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, bool | int | float):
            return data
        return super().to_internal_value(data)

    def run_validators(self, value: Any) -> None:
        """Check the length of texts; numbers have none."""
        if isinstance(value, str):
            super().run_validators(value)


class VariableInput(Input):
    """What is known of a variable (R-21)."""

    name = Text(max_length=_NAME_MAX, min_length=1)
    label = Text(required=False, allow_null=True, max_length=LABEL_MAX)  # type: ignore[assignment]
    type = Enum(choices=VariableType.choices, required=False)
    default_value = Scalar(required=False, allow_null=True, max_length=_DEFAULT_MAX)
    required = Bool(required=False)  # type: ignore[assignment]  # a field of the input
    options = Items(
        child=Text(min_length=1, max_length=OPTION_MAX, trim_whitespace=True),
        required=False,
        max_length=OPTIONS_MAX,
    )


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
    variables = VariableInput(many=True, required=False)

    @classmethod
    def read(cls, data: Any, *, partial: bool = False) -> dict[str, Any]:
        """Return the fields with variables in the form they are kept in."""
        fields = super().read(data, partial=partial)
        if "variables" in fields:
            if len(fields["variables"]) > VARIABLES_MAX:
                message = f"Array must contain at most {VARIABLES_MAX} element(s)"
                raise Invalid.at("variables", message=message, code="too_big")
            fields["variables"] = [
                variables.declared(each, at=("variables", number))
                for number, each in enumerate(fields["variables"])
            ]
        return fields


class RoutinePatch(RoutineInput):
    """A change of a routine."""

    base_revision_id = Uuid(required=False, allow_null=True)


class TriggerInput(Input):
    """A trigger to add (R-37)."""

    kind = Enum(choices=TriggerKind.choices)
    label = Text(required=False, allow_null=True, max_length=LABEL_MAX)  # type: ignore[assignment]
    enabled = Bool(required=False)
    cron_expression = Text(required=False, min_length=1, max_length=MAX_EXPRESSION, trim_whitespace=True)
    timezone = Text(required=False, min_length=1, max_length=64)
    clock_changes = Enum(choices=ClockChanges.choices, required=False)
    grace_sec = Int(required=False, allow_null=True, min_value=0, max_value=GRACE_MAX_SEC)
    signing_mode = Enum(choices=SigningMode.choices, required=False)
    replay_window_sec = Int(required=False, min_value=REPLAY_WINDOW_MIN_SEC, max_value=REPLAY_WINDOW_MAX_SEC)

    @classmethod
    def read(cls, data: Any, *, partial: bool = False) -> dict[str, Any]:
        """Return the fields; a schedule must have an expression, and has a zone."""
        fields = super().read(data, partial=partial)
        if fields["kind"] == TriggerKind.SCHEDULE:
            if "cron_expression" not in fields:
                raise Invalid.at("cronExpression", message="Required", code="invalid_type")
            fields.setdefault("timezone", "UTC")
        return fields


class TriggerPatch(Input):
    """A change of a trigger (R-41)."""

    label = Text(required=False, allow_null=True, max_length=LABEL_MAX)  # type: ignore[assignment]
    enabled = Bool(required=False)
    cron_expression = Text(
        required=False, allow_null=True, min_length=1, max_length=MAX_EXPRESSION, trim_whitespace=True
    )
    timezone = Text(required=False, allow_null=True, min_length=1, max_length=64)
    clock_changes = Enum(choices=ClockChanges.choices, required=False)
    grace_sec = Int(required=False, allow_null=True, min_value=0, max_value=GRACE_MAX_SEC)
    signing_mode = Enum(choices=SigningMode.choices, required=False, allow_null=True)
    replay_window_sec = Int(
        required=False, allow_null=True, min_value=REPLAY_WINDOW_MIN_SEC, max_value=REPLAY_WINDOW_MAX_SEC
    )


class RunNowInput(Input):
    """How a routine is set off (R-62)."""

    source = Enum(choices=CALLER_SOURCES, required=False)  # type: ignore[assignment]  # a field of the input
    trigger_id = Uuid(required=False, allow_null=True)
    payload = Object(required=False, allow_null=True)
    variables = Object(required=False, allow_null=True, child=Scalar())
    project_id = Uuid(required=False, allow_null=True)
    assignee_agent_id = Uuid(required=False, allow_null=True)
    idempotency_key = Text(required=False, allow_null=True, max_length=IDEMPOTENCY_KEY_MAX)
    execution_workspace_id = Uuid(required=False, allow_null=True)
    execution_workspace_preference = Enum(
        choices=WorkspacePreference.choices, required=False, allow_null=True
    )
    execution_workspace_settings = IssueWorkspaceInput(required=False, allow_null=True)

    @classmethod
    def read(cls, data: Any, *, partial: bool = False) -> dict[str, Any]:
        """Return the fields; values of variables are texts, numbers and booleans (R-31)."""
        fields = super().read(data, partial=partial)
        for name, value in (fields.get("variables") or {}).items():
            if not isinstance(value, str | int | float):
                message = "Expected string, number or boolean"
                raise Invalid.at("variables", name, message=message, code="invalid_type")
        return fields
