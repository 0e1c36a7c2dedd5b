from __future__ import annotations

from django.db import models
from django.db.models import Q

from paperclip.companies.models import Company, Project
from paperclip.core.models import ChangingRow
from workspaces.choices import SourceType, Visibility


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
