"""Words of the workspaces floor, and the groups they fall into."""

from __future__ import annotations

from django.db import models


class SourceType(models.TextChoices):
    LOCAL_PATH = "local_path"
    GIT_REPO = "git_repo"
    REMOTE_MANAGED = "remote_managed"
    NON_GIT_PATH = "non_git_path"


class Visibility(models.TextChoices):
    DEFAULT = "default"
    ADVANCED = "advanced"


class WorkspaceMode(models.TextChoices):
    SHARED_WORKSPACE = "shared_workspace"  # runs work in the project's own folder
    ISOLATED_WORKSPACE = "isolated_workspace"  # in a folder of the issue's own
    OPERATOR_BRANCH = "operator_branch"  # in the project's folder, on the branch a person chose
    ADAPTER_MANAGED = "adapter_managed"  # where the agent's own configuration says
    CLOUD_SANDBOX = "cloud_sandbox"


class WorkspaceStatus(models.TextChoices):
    ACTIVE = "active"  # the one its issue points at
    IDLE = "idle"  # its issue went elsewhere
    IN_REVIEW = "in_review"
    ARCHIVED = "archived"
    CLEANUP_FAILED = "cleanup_failed"  # archived, and something of it is left


WORKSPACE_OPEN = (WorkspaceStatus.ACTIVE, WorkspaceStatus.IDLE, WorkspaceStatus.IN_REVIEW)
WORKSPACE_CLOSED = (WorkspaceStatus.ARCHIVED, WorkspaceStatus.CLEANUP_FAILED)


class StrategyType(models.TextChoices):
    PROJECT_PRIMARY = "project_primary"
    GIT_WORKTREE = "git_worktree"
    ADAPTER_MANAGED = "adapter_managed"
    CLOUD_SANDBOX = "cloud_sandbox"


class ProviderType(models.TextChoices):
    LOCAL_FS = "local_fs"
    GIT_WORKTREE = "git_worktree"
    ADAPTER_MANAGED = "adapter_managed"
    CLOUD_SANDBOX = "cloud_sandbox"


class DesiredState(models.TextChoices):
    RUNNING = "running"
    STOPPED = "stopped"
    MANUAL = "manual"  # nothing starts or stops it by itself


class OperationPhase(models.TextChoices):
    WORKTREE_PREPARE = "worktree_prepare"
    WORKSPACE_PROVISION = "workspace_provision"
    WORKSPACE_TEARDOWN = "workspace_teardown"
    WORKTREE_CLEANUP = "worktree_cleanup"


class OperationStatus(models.TextChoices):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


class ServiceScope(models.TextChoices):
    PROJECT_WORKSPACE = "project_workspace"
    EXECUTION_WORKSPACE = "execution_workspace"
    RUN = "run"
    AGENT = "agent"


class ServiceStatus(models.TextChoices):
    STARTING = "starting"
    RUNNING = "running"
    STOPPED = "stopped"
    FAILED = "failed"


SERVICE_LIVE = (ServiceStatus.STARTING, ServiceStatus.RUNNING)


class ServiceLifecycle(models.TextChoices):
    SHARED = "shared"
    EPHEMERAL = "ephemeral"


class ServiceProvider(models.TextChoices):
    LOCAL_PROCESS = "local_process"
    ADAPTER_MANAGED = "adapter_managed"
