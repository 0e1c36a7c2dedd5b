from __future__ import annotations

from django.db import models
from django.db.models import Q

from paperclip.companies.models import Company
from paperclip.core.models import ChangingRow
from workspaces.choices import OperationPhase, OperationStatus
from workspaces.models.execution import ExecutionWorkspace
from workspaces.models.project import ProjectWorkspace


class WorkspaceOperation(ChangingRow):
    """One thing that was done on the host for a workspace, with the end of its output (W-4, W-12).

    Written as `running` before it is done, so that what a crash interrupts is seen.
    """

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    execution_workspace = models.ForeignKey(
        ExecutionWorkspace, on_delete=models.SET_NULL, null=True, blank=True, related_name="operations"
    )
    project_workspace = models.ForeignKey(
        ProjectWorkspace, on_delete=models.SET_NULL, null=True, blank=True, related_name="operations"
    )
    heartbeat_run = models.ForeignKey(
        "heartbeat.Run", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    phase = models.CharField(max_length=24, choices=OperationPhase.choices)
    command = models.TextField(null=True, blank=True)
    cwd = models.TextField(null=True, blank=True)
    status = models.CharField(max_length=16, choices=OperationStatus.choices, default=OperationStatus.RUNNING)
    exit_code = models.IntegerField(null=True, blank=True)
    log_store = models.CharField(max_length=16, null=True, blank=True)
    log_ref = models.TextField(null=True, blank=True)
    log_bytes = models.BigIntegerField(null=True, blank=True)
    log_sha256 = models.CharField(max_length=64, null=True, blank=True)
    log_compressed = models.BooleanField(default=False)
    stdout_excerpt = models.TextField(null=True, blank=True)
    stderr_excerpt = models.TextField(null=True, blank=True)
    metadata = models.JSONField(null=True, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "workspace_operations"
        constraints = [
            models.CheckConstraint(
                condition=Q(status=OperationStatus.RUNNING, finished_at__isnull=True)
                | (~Q(status=OperationStatus.RUNNING) & Q(finished_at__isnull=False)),
                name="workspace_operation_finished_has_time",
            ),
        ]
        indexes = [
            models.Index(fields=["execution_workspace", "-started_at"], name="workspace_operation_newest"),
            models.Index(fields=["project_workspace", "-started_at"], name="workspace_operation_project"),
        ]

    def __str__(self) -> str:
        return f"{self.phase} {self.status}"
