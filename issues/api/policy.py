"""Execution policies as they are sent and shown, and what a reviewer is told (I-22, I-23, I-108)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from issues.choices import (
    ClearReason,
    FlowStatus,
    MonitorStatus,
    Outcome,
    RecoveryPolicy,
    StageType,
)
from issues.policy import parsing
from paperclip.core import jsonable, naming
from paperclip.core.api.fields import Bool, Enum, Int, Items, Moment, Text, Uuid
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import Output

_PRINCIPALS = ("agent", "user")


def _same(words: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(word, word) for word in words]


class WholeInput(Input):
    """An object that is replaced as a whole: what it requires is required in an edit of what holds it, too."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            needed = [name for name, field in self.fields.items() if field.required and name not in data]
            if needed:
                fault = ErrorDetail("This field is required.", code="required")
                raise serializers.ValidationError({name: [fault] for name in needed})
        return super().to_internal_value(data)


class ParticipantInput(WholeInput):
    """An agent or a person who may be asked to judge: the id that belongs to the type, and no other."""

    id = Uuid(required=False, allow_null=True)
    type = Enum(choices=_same(_PRINCIPALS))
    agent_id = Uuid(required=False, allow_null=True)
    user_id = Uuid(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a participant without its id, or with another's."""
        ours, theirs = ("agent_id", "user_id") if attrs["type"] == "agent" else ("user_id", "agent_id")
        if attrs.get(ours) is None:
            raise serializers.ValidationError(
                {naming.camel(ours): [f"An {attrs['type']} participant needs it"]}
            )
        if attrs.get(theirs) is not None:
            raise serializers.ValidationError(
                {naming.camel(theirs): [f"Not for an {attrs['type']} participant"]}
            )
        return attrs


class StageInput(WholeInput):
    """One judgement that work has to pass."""

    id = Uuid(required=False, allow_null=True)
    type = Enum(choices=StageType.choices)
    approvals_needed = Int(required=False, min_value=1, max_value=1)
    participants = Items(child=ParticipantInput(), required=False)


class MonitorInput(WholeInput):
    """When the work is looked at again, once, and how long that may go on."""

    next_check_at = Moment()
    notes = Text(required=False, allow_null=True, max_length=parsing.MAX_NOTES, trim_whitespace=True)
    scheduled_by = Enum(choices=_same(parsing.SCHEDULERS), required=False)
    kind = Enum(choices=_same(parsing.MONITOR_KINDS), required=False, allow_null=True)
    service_name = Text(
        required=False, allow_null=True, max_length=parsing.MAX_SERVICE_NAME, trim_whitespace=True
    )
    external_ref = Text(
        required=False, allow_null=True, max_length=parsing.MAX_EXTERNAL_REF, trim_whitespace=True
    )
    timeout_at = Moment(required=False, allow_null=True)
    max_attempts = Int(required=False, allow_null=True, min_value=1, max_value=parsing.MAX_ATTEMPTS)
    recovery_policy = Enum(choices=RecoveryPolicy.choices, required=False, allow_null=True)


class PolicyInput(Input):
    """The stages that finished work passes, and its monitor (I-22). What says nothing becomes no policy."""

    mode = Enum(choices=_same(parsing.MODES), required=False)
    comment_required = Bool(required=False)
    stages = Items(child=StageInput(), required=False)
    monitor = MonitorInput(required=False, allow_null=True)


class ReviewRequestInput(WholeInput):
    """What the reviewer is asked to look at."""

    strict = True

    instructions = Text(min_length=1, max_length=parsing.MAX_INSTRUCTIONS, multiline=True)


def spoken(values: Any) -> Any:
    """Return validated input under the names it was sent with, as it is stored."""
    if isinstance(values, dict):
        return {naming.camel(name): spoken(value) for name, value in values.items()}
    if isinstance(values, list):
        return [spoken(value) for value in values]
    return jsonable.plain(values)


# --- What is shown ---------------------------------------------------------------------------------------


class PrincipalOut(Output):
    """An agent or a person."""

    type = serializers.ChoiceField(choices=_same(_PRINCIPALS))
    agent_id = serializers.UUIDField(allow_null=True)
    user_id = serializers.UUIDField(allow_null=True)


class ParticipantOut(PrincipalOut):
    """Who may be asked to judge."""

    id = serializers.UUIDField()


class StageOut(Output):
    """One judgement that work has to pass."""

    id = serializers.UUIDField()
    type = serializers.ChoiceField(choices=StageType.choices)
    approvals_needed = serializers.IntegerField()
    participants = ParticipantOut(many=True)


class MonitorOut(Output):
    """When the work is looked at again. `externalRef` is never more than a mark that there is one."""

    next_check_at = serializers.DateTimeField()
    notes = serializers.CharField(allow_null=True)
    scheduled_by = serializers.ChoiceField(choices=_same(parsing.SCHEDULERS))
    kind = serializers.CharField(allow_null=True)
    service_name = serializers.CharField(allow_null=True)
    external_ref = serializers.CharField(allow_null=True)
    timeout_at = serializers.DateTimeField(allow_null=True)
    max_attempts = serializers.IntegerField(allow_null=True)
    recovery_policy = serializers.ChoiceField(choices=RecoveryPolicy.choices, allow_null=True)


class PolicyOut(Output):
    """The policy of an issue (I-22)."""

    mode = serializers.ChoiceField(choices=_same(parsing.MODES))
    comment_required = serializers.BooleanField()
    stages = StageOut(many=True)
    monitor = MonitorOut(required=False)


class ReviewRequestOut(Output):
    """What the reviewer is asked to look at."""

    instructions = serializers.CharField()


class MonitorStateOut(Output):
    """What became of the monitor."""

    status = serializers.ChoiceField(choices=MonitorStatus.choices)
    next_check_at = serializers.DateTimeField(allow_null=True)
    last_triggered_at = serializers.DateTimeField(allow_null=True)
    attempt_count = serializers.IntegerField()
    notes = serializers.CharField(allow_null=True)
    scheduled_by = serializers.CharField(allow_null=True)
    kind = serializers.CharField(allow_null=True)
    service_name = serializers.CharField(allow_null=True)
    external_ref = serializers.CharField(allow_null=True)
    timeout_at = serializers.DateTimeField(allow_null=True)
    max_attempts = serializers.IntegerField(allow_null=True)
    recovery_policy = serializers.CharField(allow_null=True)
    cleared_at = serializers.DateTimeField(allow_null=True)
    clear_reason = serializers.ChoiceField(choices=ClearReason.choices, allow_null=True)


class StateOut(Output):
    """How far the issue is through the stages of its policy (I-23)."""

    status = serializers.ChoiceField(choices=FlowStatus.choices)
    current_stage_id = serializers.UUIDField(allow_null=True)
    current_stage_index = serializers.IntegerField(allow_null=True)
    current_stage_type = serializers.ChoiceField(choices=StageType.choices, allow_null=True)
    current_participant = PrincipalOut(allow_null=True)
    return_assignee = PrincipalOut(allow_null=True)
    review_request = ReviewRequestOut(allow_null=True)
    completed_stage_ids = serializers.ListField(child=serializers.UUIDField())
    last_decision_id = serializers.UUIDField(allow_null=True)
    last_decision_outcome = serializers.ChoiceField(choices=Outcome.choices, allow_null=True)
    monitor = MonitorStateOut(allow_null=True)
