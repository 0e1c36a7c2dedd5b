"""What may be said of a workspace (C-66, W-126)."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from paperclip.core.api.fields import Bool, Enum, Moment, Object, Text, Uuid
from paperclip.core.api.inputs import Input
from workspaces.choices import DesiredState, SourceType, Visibility, WorkspaceStatus


class RuntimeConfigIn(Input):
    """How the workspace's services should stand. Strict (C-6)."""

    strict = True
    workspace_runtime = Object(required=False, allow_null=True)
    desired_state = Enum(choices=DesiredState.choices, required=False, allow_null=True)
    service_states = Object(required=False, allow_null=True)


class ProjectWorkspaceIn(Input):
    """A folder, a repository, or both."""

    name = Text(required=False, min_length=1)
    source_type = Enum(choices=SourceType.choices, required=False)
    cwd = Text(required=False, allow_null=True)
    repo_url = Text(required=False, allow_null=True)
    repo_ref = Text(required=False, allow_null=True)
    default_ref = Text(required=False, allow_null=True)
    visibility = Enum(choices=Visibility.choices, required=False)
    setup_command = Text(required=False, allow_null=True)
    cleanup_command = Text(required=False, allow_null=True)
    remote_provider = Text(required=False, allow_null=True)
    remote_workspace_ref = Text(required=False, allow_null=True)
    shared_workspace_key = Text(required=False, allow_null=True)
    metadata = Object(required=False, allow_null=True)
    runtime_config = RuntimeConfigIn(required=False, allow_null=True)
    is_primary = Bool(required=False)


class ExecutionConfigIn(Input):
    """How a workspace is made ready, cleaned up, and what is to run in it (W-15). Strict."""

    strict = True
    environmentId = Uuid(required=False, allow_null=True)
    provisionCommand = Text(required=False, allow_null=True, max_length=20_000)
    teardownCommand = Text(required=False, allow_null=True, max_length=20_000)
    cleanupCommand = Text(required=False, allow_null=True, max_length=20_000)
    workspaceRuntime = Object(required=False, allow_null=True)
    desiredState = Enum(choices=DesiredState.choices, required=False, allow_null=True)
    serviceStates = Object(required=False, allow_null=True)

    def validate_serviceStates(self, value: dict[str, Any] | None) -> dict[str, Any] | None:
        """Each service has a state of its own, by its number."""
        for index, state in (value or {}).items():
            if not index.isdecimal() or state not in DesiredState.values:
                raise serializers.ValidationError("Expected states by the number of the service")
        return value


class ExecutionWorkspaceIn(Input):
    """An edit of an execution workspace (W-126). Strict."""

    strict = True
    name = Text(required=False, min_length=1, max_length=1_000)
    cwd = Text(required=False, allow_null=True, max_length=4_000)
    repo_url = Text(required=False, allow_null=True, max_length=4_000)
    base_ref = Text(required=False, allow_null=True, max_length=500)
    branch_name = Text(required=False, allow_null=True, max_length=500)
    provider_ref = Text(required=False, allow_null=True, max_length=4_000)
    status = Enum(choices=WorkspaceStatus.choices, required=False)
    cleanup_eligible_at = Moment(required=False, allow_null=True)
    cleanup_reason = Text(required=False, allow_null=True, max_length=10_000)
    config = ExecutionConfigIn(required=False, allow_null=True)
    metadata = Object(required=False, allow_null=True)
