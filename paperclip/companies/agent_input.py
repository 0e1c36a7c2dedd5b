"""What an agent may be described with: by a request, or by the payload of a hire (C-40, C-54, C-56)."""

from __future__ import annotations

from paperclip.companies.choices import AGENT_ICONS, AgentRole, AgentStatus
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


class NewAgentInput(AgentInput):
    """An agent to take on."""

    permissions = PermissionFlags(required=False)
    desired_skills = Items(child=Text(min_length=1), required=False, allow_null=True)


class HireInput(NewAgentInput):
    """An agent to hire, and the issues it is for."""

    source_issue_id = Uuid(required=False, allow_null=True)
    source_issue_ids = Items(child=Uuid(), required=False, max_length=200)


class AgentPatchInput(AgentInput):
    """Changes of an agent; permissions have their own endpoint."""

    status = Enum(choices=AgentStatus.choices, required=False)
    replace_adapter_config = Bool(required=False)
