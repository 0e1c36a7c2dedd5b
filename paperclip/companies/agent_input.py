"""What an agent may be described with: by a request, or by the payload of a hire (C-40, C-54, C-56)."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from paperclip.companies.choices import AGENT_ICONS, AgentRole, AgentStatus
from paperclip.core import folders
from paperclip.core.api.fields import MAX_BIG_INT, Bool, Enum, Int, Items, Object, Text, Uuid
from paperclip.core.api.inputs import Input


class PermissionFlags(Input):
    """The one flag an agent may be born with."""

    can_create_agents = Bool(required=False)


class AgentInput(Input):
    """What can be said of an agent at any time."""

    name = Text(min_length=1, max_length=200)
    role = Enum(choices=AgentRole.choices, required=False)
    title = Text(required=False, allow_null=True, max_length=2_000)
    icon = Enum(choices=[(icon, icon) for icon in AGENT_ICONS], required=False, allow_null=True)
    reports_to = Uuid(required=False, allow_null=True)
    capabilities = Text(required=False, allow_null=True, max_length=100_000)
    adapter_type = Text(required=False, min_length=1, max_length=64)
    adapter_config = Object(required=False)
    runtime_config = Object(required=False)
    default_environment_id = Uuid(required=False, allow_null=True)
    budget_monthly_cents = Int(required=False, min_value=0, max_value=MAX_BIG_INT)
    metadata = Object(required=False, allow_null=True)


class InstructionsInput(Input):
    """The instructions an agent is taken on with: texts by path, one of which is read first."""

    entry_file = Text(required=False, min_length=1, max_length=400)
    files = Object()

    def validate_files(self, value: dict[str, Any]) -> dict[str, str]:
        """Refuse anything but texts, and a bundle of none or of too many."""
        if not value or len(value) > folders.MAX_FILES:
            raise serializers.ValidationError(f"Expected 1 to {folders.MAX_FILES} files")
        if not all(
            isinstance(text, str) and len(text.encode()) <= folders.MAX_BYTES for text in value.values()
        ):
            raise serializers.ValidationError(
                f"Each file must be a text of at most {folders.MAX_BYTES} bytes"
            )
        return value


class NewAgentInput(AgentInput):
    """An agent to take on."""

    permissions = PermissionFlags(required=False)
    desired_skills = Items(
        child=Text(min_length=1, max_length=200), required=False, allow_null=True, max_length=200
    )
    instructions_bundle = InstructionsInput(required=False, allow_null=True)


class HireInput(NewAgentInput):
    """An agent to hire, and the issues it is for."""

    source_issue_id = Uuid(required=False, allow_null=True)
    source_issue_ids = Items(child=Uuid(), required=False, max_length=200)


class AgentPatchInput(AgentInput):
    """Changes of an agent; permissions have their own endpoint."""

    status = Enum(choices=AgentStatus.choices, required=False)
    replace_adapter_config = Bool(required=False)
