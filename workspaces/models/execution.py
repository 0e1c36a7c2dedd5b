from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from paperclip.companies.models import Company, Project
from paperclip.core.models import ChangingRow
from workspaces.choices import WORKSPACE_OPEN, ProviderType, StrategyType, WorkspaceMode, WorkspaceStatus
from workspaces.models.project import ProjectWorkspace

_OPEN = Q(status__in=WORKSPACE_OPEN)


class ExecutionWorkspace(ChangingRow):
    """The place where the runs of one or more issues work, such as a git worktree (W-2, W-10).

    What people may edit says where it is; `repo_root`, `managed_path` and `created_by_runtime` are the machine's own
    memory of what it made, written once. Only what they name is ever removed from the disk.
    """

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    project = models.ForeignKey(Project, on_delete=models.SET_NULL, null=True, blank=True)
    project_workspace = models.ForeignKey(ProjectWorkspace, on_delete=models.SET_NULL, null=True, blank=True)
    source_issue = models.ForeignKey(
        "issues.Issue", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    mode = models.CharField(max_length=24, choices=WorkspaceMode.choices)
    strategy_type = models.CharField(
        max_length=24, choices=StrategyType.choices, default=StrategyType.PROJECT_PRIMARY
    )
    name = models.TextField()
    status = models.CharField(max_length=16, choices=WorkspaceStatus.choices, default=WorkspaceStatus.ACTIVE)
    cwd = models.TextField(null=True, blank=True)
    repo_url = models.TextField(null=True, blank=True)
    base_ref = models.TextField(null=True, blank=True)
    branch_name = models.TextField(null=True, blank=True)
    provider_type = models.CharField(
        max_length=24, choices=ProviderType.choices, default=ProviderType.LOCAL_FS
    )
    provider_ref = models.TextField(null=True, blank=True)
    derived_from_execution_workspace = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    last_used_at = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    cleanup_eligible_at = models.DateTimeField(null=True, blank=True)
    cleanup_reason = models.TextField(null=True, blank=True)
    metadata = models.JSONField(null=True, blank=True)
    repo_root = models.TextField(null=True, blank=True)
    # The folder this system made for it, links resolved; null when it only moved into one that was there.
    managed_path = models.CharField(max_length=1024, null=True, blank=True)
    # Whether this system made the branch as well, so that an archive may delete it once it is merged (WW-9).
    created_by_runtime = models.BooleanField(default=False)

    class Meta:
        db_table = "execution_workspaces"
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=WorkspaceStatus.values), name="execution_workspace_status_known"
            ),
            # WW-10: the runs of a project that share its folder share one record of it.
            models.UniqueConstraint(
                fields=["project_workspace"],
                condition=Q(mode=WorkspaceMode.SHARED_WORKSPACE) & _OPEN,
                name="execution_workspace_one_shared",
            ),
            models.UniqueConstraint(
                fields=["project"],
                condition=Q(mode=WorkspaceMode.SHARED_WORKSPACE, project_workspace__isnull=True) & _OPEN,
                name="execution_workspace_one_shared_without_code",
            ),
            # One folder is one workspace's to remove.
            models.UniqueConstraint(
                fields=["managed_path"],
                condition=Q(managed_path__isnull=False) & ~Q(status=WorkspaceStatus.ARCHIVED),
                name="execution_workspace_folder_once",
            ),
        ]
        indexes = [
            models.Index(
                F("company"),
                F("last_used_at").desc(nulls_last=True),
                F("id"),
                name="execution_workspace_newest",
            ),
        ]

    def __str__(self) -> str:
        return self.name
