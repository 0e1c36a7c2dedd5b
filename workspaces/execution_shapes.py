"""How execution workspaces, their services and operations are written (W-10 to W-12, W-60, W-136)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from rest_framework import serializers

from issues.choices import CLOSED, IssueStatus
from paperclip.core import redaction
from paperclip.core.api.outputs import ModelOutput, Output
from workspaces import configs, services
from workspaces.models import ExecutionWorkspace, RuntimeService, WorkspaceOperation
from workspaces.readiness import BLOCKED, READY, READY_WITH_WARNINGS, GitFacts, Readiness


class RuntimeServiceOut(ModelOutput):
    """A long-lived process of a workspace (W-11)."""

    stop_policy = serializers.DictField(allow_null=True)

    class Meta:
        model = RuntimeService
        fields: ClassVar = [
            "id", "company_id", "project_id", "project_workspace_id", "execution_workspace_id", "issue_id",
            "scope_type", "scope_id", "service_name", "status", "lifecycle", "reuse_key", "command", "cwd", "port",
            "url", "provider", "provider_ref", "owner_agent_id", "started_by_run_id", "last_used_at", "started_at",
            "stopped_at", "stop_policy", "health_status", "config_index", "created_at", "updated_at",
        ]  # fmt: skip


class ConfigOut(Output):
    """How a workspace is made ready, cleaned up, and what is to run in it (W-15)."""

    environmentId = serializers.CharField(allow_null=True)
    provisionCommand = serializers.CharField(allow_null=True)
    teardownCommand = serializers.CharField(allow_null=True)
    cleanupCommand = serializers.CharField(allow_null=True)
    workspaceRuntime = serializers.DictField(allow_null=True)
    desiredState = serializers.CharField(allow_null=True)
    serviceStates = serializers.DictField(allow_null=True)


class ExecutionWorkspaceOut(ModelOutput):
    """The place where the runs of one or more issues work (W-10)."""

    config = ConfigOut(allow_null=True)
    metadata = serializers.DictField(allow_null=True)
    runtime_services = RuntimeServiceOut(many=True)

    class Meta:
        model = ExecutionWorkspace
        fields: ClassVar = [
            "id", "company_id", "project_id", "project_workspace_id", "source_issue_id", "mode", "strategy_type",
            "name", "status", "cwd", "repo_url", "base_ref", "branch_name", "provider_type", "provider_ref",
            "derived_from_execution_workspace_id", "last_used_at", "opened_at", "closed_at", "cleanup_eligible_at",
            "cleanup_reason", "config", "metadata", "runtime_services", "created_at", "updated_at",
        ]  # fmt: skip


class ExecutionWorkspaceSummaryOut(ModelOutput):
    """A workspace in a list to choose from."""

    class Meta:
        model = ExecutionWorkspace
        fields: ClassVar = ["id", "name", "mode", "project_workspace_id"]


class OperationOut(ModelOutput):
    """One thing that was done on the host for a workspace (W-12)."""

    metadata = serializers.DictField(allow_null=True)

    class Meta:
        model = WorkspaceOperation
        fields: ClassVar = [
            "id", "company_id", "execution_workspace_id", "heartbeat_run_id", "phase", "command", "cwd", "status",
            "exit_code", "log_store", "log_ref", "log_bytes", "log_sha256", "log_compressed", "stdout_excerpt",
            "stderr_excerpt", "metadata", "started_at", "finished_at", "created_at", "updated_at",
        ]  # fmt: skip


class OperationLogOut(Output):
    """A piece of an operation's log."""

    operation_id = serializers.UUIDField()
    store = serializers.CharField()
    log_ref = serializers.CharField()
    content = serializers.CharField()
    next_offset = serializers.IntegerField(required=False)


class LinkedIssueOut(Output):
    """An issue that points at the workspace."""

    id = serializers.UUIDField()
    identifier = serializers.CharField()
    title = serializers.CharField()
    status = serializers.ChoiceField(choices=IssueStatus.choices)
    is_terminal = serializers.BooleanField()


class ActionOut(Output):
    """One thing that archiving does."""

    kind = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # the word of the interface
    description = serializers.CharField()
    command = serializers.CharField(allow_null=True)


class GitOut(Output):
    """What git says of the worktree."""

    repo_root = serializers.CharField()
    workspace_path = serializers.CharField()
    branch_name = serializers.CharField(allow_null=True)
    base_ref = serializers.CharField(allow_null=True)
    has_dirty_tracked_files = serializers.BooleanField()
    has_untracked_files = serializers.BooleanField()
    dirty_entry_count = serializers.IntegerField()
    untracked_entry_count = serializers.IntegerField()
    ahead_count = serializers.IntegerField(allow_null=True)
    behind_count = serializers.IntegerField(allow_null=True)
    is_merged_into_base = serializers.BooleanField(allow_null=True)
    created_by_runtime = serializers.BooleanField()


class ReadinessOut(Output):
    """May the workspace be closed, and what would happen to it (W-60)."""

    workspace_id = serializers.UUIDField()
    state = serializers.ChoiceField(
        choices=[(state, state) for state in (BLOCKED, READY, READY_WITH_WARNINGS)]
    )
    blocking_reasons = serializers.ListField(child=serializers.CharField())
    warnings = serializers.ListField(child=serializers.CharField())
    linked_issues = LinkedIssueOut(many=True)
    planned_actions = ActionOut(many=True)
    is_destructive_close_allowed = serializers.BooleanField()
    is_shared_workspace = serializers.BooleanField()
    is_project_primary_workspace = serializers.BooleanField()
    git = GitOut(allow_null=True)
    runtime_services = RuntimeServiceOut(many=True)


def render(row: ExecutionWorkspace) -> dict[str, Any]:
    """Return the JSON object of one workspace; one query for its services."""
    return _render(row, services.shown_of(row))


def render_many(rows: Sequence[ExecutionWorkspace]) -> list[dict[str, Any]]:
    """Return the JSON objects of many; one query for the services of all."""
    found = services.shown_of_many(rows)
    return [_render(row, found[row.pk]) for row in rows]


def current(workspace_id: UUID) -> dict[str, Any] | None:
    """Return the workspace an issue points at, as agents and people read it with the issue (W-136)."""
    row = ExecutionWorkspace.objects.select_related("project_workspace").filter(pk=workspace_id).first()
    return render(row) if row is not None else None


def render_readiness(found: Readiness) -> dict[str, Any]:
    """Return the JSON object of what stands against closing a workspace."""
    issues = [
        {
            "id": issue.pk,
            "identifier": issue.identifier,
            "title": issue.title,
            "status": issue.status,
            "isTerminal": issue.status in CLOSED,
        }
        for issue in found.linked_issues
    ]
    return {
        "workspaceId": found.workspace.pk,
        "state": found.state,
        "blockingReasons": list(found.blocking_reasons),
        "warnings": list(found.warnings),
        "linkedIssues": issues,
        "plannedActions": ActionOut.render_many(found.planned_actions),
        "isDestructiveCloseAllowed": found.state != BLOCKED,
        "isSharedWorkspace": found.is_shared,
        "isProjectPrimaryWorkspace": found.is_project_primary,
        "git": _git(found.git, found.workspace) if found.git is not None else None,
        "runtimeServices": RuntimeServiceOut.render_many(found.services),
    }


def _render(row: ExecutionWorkspace, shown: Sequence[RuntimeService]) -> dict[str, Any]:
    """Secrets are taken out for everybody: an agent reads these with its issue."""
    metadata = {**(row.metadata or {}), "createdByRuntime": row.created_by_runtime}
    config = configs.read(row.metadata)
    return ExecutionWorkspaceOut.render(
        row,
        config=redaction.data(config) if config is not None else None,
        metadata=redaction.data(metadata),
        runtimeServices=RuntimeServiceOut.render_many(shown),
    )


def _git(facts: GitFacts, row: ExecutionWorkspace) -> dict[str, Any]:
    standing = facts.standing
    return {
        "repoRoot": str(facts.repo.root),
        "workspacePath": str(facts.folder),
        "branchName": facts.branch,
        "baseRef": facts.base_ref,
        "hasDirtyTrackedFiles": standing.dirty_entries > 0,
        "hasUntrackedFiles": standing.untracked_entries > 0,
        "dirtyEntryCount": standing.dirty_entries,
        "untrackedEntryCount": standing.untracked_entries,
        "aheadCount": standing.ahead,
        "behindCount": standing.behind,
        "isMergedIntoBase": standing.is_merged,
        "createdByRuntime": row.created_by_runtime,
    }
