from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from issues.choices import HealthStatus
from paperclip.companies.models import Agent, Company, Project
from paperclip.core.models import ChangingRow, Row
from workspaces.choices import SERVICE_LIVE, ServiceLifecycle, ServiceProvider, ServiceScope, ServiceStatus
from workspaces.models.execution import ExecutionWorkspace
from workspaces.models.project import ProjectWorkspace

_LIVE = Q(status__in=SERVICE_LIVE)
_OURS = Q(provider=ServiceProvider.LOCAL_PROCESS)


class RuntimeService(ChangingRow):
    """A long-lived process of a workspace, agent or run, or an endpoint that an adapter told of (W-3, W-11).

    The row outlives its process: a service that is started again keeps its id and, where it can, its address.
    """

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    project = models.ForeignKey(Project, on_delete=models.SET_NULL, null=True, blank=True)
    project_workspace = models.ForeignKey(
        ProjectWorkspace, on_delete=models.SET_NULL, null=True, blank=True, related_name="services"
    )
    execution_workspace = models.ForeignKey(
        ExecutionWorkspace, on_delete=models.SET_NULL, null=True, blank=True, related_name="services"
    )
    issue = models.ForeignKey(
        "issues.Issue", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    scope_type = models.CharField(max_length=24, choices=ServiceScope.choices)
    scope_id = models.TextField(null=True, blank=True)
    service_name = models.TextField()
    status = models.CharField(max_length=16, choices=ServiceStatus.choices)
    lifecycle = models.CharField(max_length=16, choices=ServiceLifecycle.choices)
    reuse_key = models.CharField(max_length=64, null=True, blank=True)
    command = models.TextField(null=True, blank=True)
    cwd = models.TextField(null=True, blank=True)
    port = models.PositiveIntegerField(null=True, blank=True)
    url = models.TextField(null=True, blank=True)
    provider = models.CharField(
        max_length=16, choices=ServiceProvider.choices, default=ServiceProvider.LOCAL_PROCESS
    )
    provider_ref = models.TextField(null=True, blank=True)
    owner_agent = models.ForeignKey(Agent, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    started_by_run = models.ForeignKey(
        "heartbeat.Run", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    last_used_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(default=timezone.now)
    stopped_at = models.DateTimeField(null=True, blank=True)
    stop_policy = models.JSONField(null=True, blank=True)
    health_status = models.CharField(
        max_length=16, choices=HealthStatus.choices, default=HealthStatus.UNKNOWN
    )
    config_index = models.PositiveIntegerField(null=True, blank=True)
    # The host whose process it is, and the folder its shim keeps: a start has a folder of its own.
    host = models.TextField(null=True, blank=True)
    launch_id = models.UUIDField(null=True, blank=True)
    # When to stop it unless a run uses it again (W-97); a due time, so that no process needs to remember it.
    stop_at = models.DateTimeField(null=True, blank=True)
    health_checked_at = models.DateTimeField(null=True, blank=True)
    # How to see that it is ready, `{kind, target}`, and by when it must be.
    readiness = models.JSONField(null=True, blank=True)
    ready_by = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "workspace_runtime_services"
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=ServiceStatus.values), name="runtime_service_status_known"
            ),
            models.UniqueConstraint(
                fields=["company", "reuse_key"],
                condition=Q(reuse_key__isnull=False) & _LIVE,
                name="runtime_service_one_live_per_key",
            ),
            # A port is one live process's on its host: reserved here before anything binds it (WW-19).
            models.UniqueConstraint(
                fields=["host", "port"],
                condition=Q(port__isnull=False, host__isnull=False) & _OURS & _LIVE,
                name="runtime_service_one_port_per_host",
            ),
        ]
        indexes = [
            models.Index(fields=["execution_workspace", "-updated_at"], name="runtime_service_execution"),
            models.Index(fields=["project_workspace", "-updated_at"], name="runtime_service_project"),
            models.Index(fields=["company", "reuse_key", "-updated_at"], name="runtime_service_by_key"),
            models.Index(F("stop_at"), condition=Q(stop_at__isnull=False), name="runtime_service_stop_due"),
            models.Index(F("host"), condition=_LIVE, name="runtime_service_live"),
        ]

    def __str__(self) -> str:
        return f"{self.service_name} {self.status}"


class RuntimeServiceLease(Row):
    """A run uses a service: it is not stopped before the last such run has ended (W-97)."""

    service = models.ForeignKey(RuntimeService, on_delete=models.CASCADE, related_name="leases")
    run = models.ForeignKey("heartbeat.Run", on_delete=models.CASCADE, related_name="service_leases")

    class Meta:
        db_table = "workspace_runtime_service_leases"
        constraints = [models.UniqueConstraint(fields=["service", "run"], name="runtime_service_lease_once")]

    def __str__(self) -> str:
        return f"{self.service_id} for {self.run_id}"
