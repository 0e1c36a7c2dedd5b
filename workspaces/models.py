"""Folders that agents work in."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from paperclip.companies.models import Company, Project
from paperclip.core.models import ChangingRow
from workspaces.choices import SourceType, Visibility, WorkspaceMode, WorkspaceStatus


class ProjectWorkspace(ChangingRow):
    """A code base of a project: a local folder, a repository, or both (C-66)."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="workspaces")
    name = models.TextField()
    source_type = models.CharField(max_length=16, choices=SourceType.choices, default=SourceType.LOCAL_PATH)
    cwd = models.TextField(null=True, blank=True)
    repo_url = models.TextField(null=True, blank=True)
    repo_ref = models.TextField(null=True, blank=True)
    default_ref = models.TextField(null=True, blank=True)
    visibility = models.CharField(max_length=16, choices=Visibility.choices, default=Visibility.DEFAULT)
    setup_command = models.TextField(null=True, blank=True)
    cleanup_command = models.TextField(null=True, blank=True)
    remote_provider = models.TextField(null=True, blank=True)
    remote_workspace_ref = models.TextField(null=True, blank=True)
    shared_workspace_key = models.TextField(null=True, blank=True)
    metadata = models.JSONField(null=True, blank=True)
    runtime_config = models.JSONField(null=True, blank=True)
    is_primary = models.BooleanField(default=False)

    class Meta:
        db_table = "project_workspaces"
        constraints = [
            models.UniqueConstraint(
                fields=["project"], condition=Q(is_primary=True), name="project_workspace_one_primary"
            )
        ]
        indexes = [models.Index(fields=["project", "created_at"], name="project_workspace_oldest")]

    def __str__(self) -> str:
        return self.name


class ExecutionWorkspace(ChangingRow):
    """The concrete folder that an issue's runs work in, such as a git worktree."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    project = models.ForeignKey(Project, on_delete=models.SET_NULL, null=True, blank=True)
    project_workspace = models.ForeignKey(ProjectWorkspace, on_delete=models.SET_NULL, null=True, blank=True)
    source_issue = models.ForeignKey(
        "issues.Issue", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    mode = models.CharField(max_length=24, choices=WorkspaceMode.choices)
    name = models.TextField()
    status = models.CharField(max_length=16, choices=WorkspaceStatus.choices, default=WorkspaceStatus.ACTIVE)
    cwd = models.TextField(null=True, blank=True)
    branch_name = models.TextField(null=True, blank=True)
    base_ref = models.TextField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "execution_workspaces"

    def __str__(self) -> str:
        return self.name
