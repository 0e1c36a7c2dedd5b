"""What a workspace may be made of (C-66)."""

from __future__ import annotations

from paperclip.core.api.fields import Bool, Enum, Object, Text
from paperclip.core.api.inputs import Input
from workspaces.choices import SourceType, Visibility

_DESIRED = [("running", "running"), ("stopped", "stopped"), ("manual", "manual")]


class RuntimeConfigIn(Input):
    """How the workspace's services should stand. Strict (C-6)."""

    strict = True
    workspace_runtime = Object(required=False, allow_null=True)
    desired_state = Enum(choices=_DESIRED, required=False, allow_null=True)
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
