"""Words of the workspaces floor."""

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
    SHARED_WORKSPACE = "shared_workspace"
    ISOLATED_WORKSPACE = "isolated_workspace"
    OPERATOR_BRANCH = "operator_branch"
    ADAPTER_MANAGED = "adapter_managed"
    CLOUD_SANDBOX = "cloud_sandbox"


class WorkspaceStatus(models.TextChoices):
    ACTIVE = "active"
    IDLE = "idle"
    IN_REVIEW = "in_review"
    ARCHIVED = "archived"
    CLEANUP_FAILED = "cleanup_failed"
