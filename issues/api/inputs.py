"""What may be sent about an issue (I-8, I-12, I-13, I-69)."""

from __future__ import annotations

from typing import Any, cast

from issues.api.policy import PolicyInput, ReviewRequestInput, spoken
from issues.choices import IssuePriority, IssueStatus, WorkMode, WorkspacePreference
from issues.fields import Fields
from paperclip.core.api.fields import Bool, Enum, Int, Items, Moment, Object, Text, Uuid
from paperclip.core.api.inputs import Input

_MODES = (
    "inherit",
    "shared_workspace",
    "isolated_workspace",
    "operator_branch",
    "reuse_existing",
    "agent_default",
)
_STRATEGIES = ("project_primary", "git_worktree", "adapter_managed", "cloud_sandbox")


def _same(words: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(word, word) for word in words]


class IssueStrategyInput(Input):
    """How a workspace of its own is made."""

    strict = True

    type = Enum(choices=_same(_STRATEGIES), required=False)
    base_ref = Text(required=False, allow_null=True)
    branch_template = Text(required=False, allow_null=True)
    worktree_parent_dir = Text(required=False, allow_null=True)
    provision_command = Text(required=False, allow_null=True)
    teardown_command = Text(required=False, allow_null=True)


class IssueWorkspaceInput(Input):
    """Where the issue's runs work."""

    strict = True

    mode = Enum(choices=_same(_MODES), required=False)
    environment_id = Uuid(required=False, allow_null=True)
    workspace_strategy = IssueStrategyInput(required=False, allow_null=True)
    workspace_runtime = Object(required=False, allow_null=True)


class AdapterOverridesInput(Input):
    """How the assignee's program is started for this issue."""

    strict = True

    modelProfile = Enum(choices=[("cheap", "cheap")], required=False)
    adapterConfig = Object(required=False)
    useProjectWorkspace = Bool(required=False)


class _Settable(Input):
    description = Text(required=False, allow_null=True, multiline=True)
    status = Enum(choices=IssueStatus.choices, required=False)
    priority = Enum(choices=IssuePriority.choices, required=False)
    work_mode = Enum(choices=WorkMode.choices, required=False)
    project_id = Uuid(required=False, allow_null=True)
    project_workspace_id = Uuid(required=False, allow_null=True)
    goal_id = Uuid(required=False, allow_null=True)
    assignee_user_id = Text(required=False, allow_null=True, min_length=1)
    request_depth = Int(required=False, min_value=0)
    billing_code = Text(required=False, allow_null=True)
    assignee_adapter_overrides = AdapterOverridesInput(required=False, allow_null=True)
    execution_policy = PolicyInput(required=False, allow_null=True)
    execution_workspace_id = Uuid(required=False, allow_null=True)
    execution_workspace_preference = Enum(
        choices=WorkspacePreference.choices, required=False, allow_null=True
    )
    execution_workspace_settings = IssueWorkspaceInput(required=False, allow_null=True)
    label_ids = Items(child=Uuid(), required=False)
    blocked_by_issue_ids = Items(child=Uuid(), required=False)


class ChildInput(_Settable):
    """A new issue below another."""

    title = Text(min_length=1)
    assignee_agent_id = Uuid(required=False, allow_null=True)
    acceptance_criteria = Items(child=Text(min_length=1, max_length=500), required=False, max_length=20)
    block_parent_until_done = Bool(required=False)


class IssueInput(_Settable):
    """A new issue."""

    title = Text(min_length=1)
    assignee_agent_id = Uuid(required=False, allow_null=True)
    parent_id = Uuid(required=False, allow_null=True)
    inherit_execution_workspace_from_issue_id = Uuid(required=False, allow_null=True)


class IssuePatch(_Settable):
    """An edit of an issue, with what is said about it."""

    title = Text(required=False, min_length=1)
    assignee_agent_id = Text(required=False, allow_null=True, min_length=1)
    parent_id = Uuid(required=False, allow_null=True)
    hidden_at = Moment(required=False, allow_null=True)
    review_request = ReviewRequestInput(required=False, allow_null=True)
    comment = Text(required=False, min_length=1, multiline=True)
    reopen = Bool(required=False)
    resume = Bool(required=False)
    interrupt = Bool(required=False)


_STORED_AS_SENT = ("execution_policy", "review_request")


def fields_of(values: dict[str, Any]) -> Fields:
    """Return what an input says about the issue itself."""
    aside = ("comment", "reopen", "resume", "interrupt", "acceptance_criteria", "block_parent_until_done")
    fields = {name: value for name, value in values.items() if name not in aside}
    fields |= {name: spoken(fields[name]) for name in _STORED_AS_SENT if fields.get(name) is not None}
    return cast(Fields, fields)
