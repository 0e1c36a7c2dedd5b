from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from paperclip.companies.choices import AgentRole, AgentStatus, PauseReason, RevisionSource
from paperclip.companies.models.company import Company
from paperclip.companies.models.people import User
from paperclip.core import naming
from paperclip.core.models import ChangingRow, Row


class Agent(ChangingRow):
    """A worker of a company: who it is, where it stands in the tree, and how it is run (C-40)."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="agents")
    name = models.TextField()
    role = models.CharField(max_length=16, choices=AgentRole.choices, default=AgentRole.GENERAL)
    title = models.TextField(null=True, blank=True)
    icon = models.CharField(max_length=32, null=True, blank=True)
    capabilities = models.TextField(null=True, blank=True)
    status = models.CharField(max_length=20, choices=AgentStatus.choices, default=AgentStatus.IDLE)
    pause_reason = models.CharField(max_length=16, choices=PauseReason.choices, null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    reports_to = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="reports"
    )
    adapter_type = models.CharField(max_length=64, default="process")
    adapter_config = models.JSONField(default=dict, blank=True)
    runtime_config = models.JSONField(default=dict, blank=True)
    permissions = models.JSONField(default=dict, blank=True)
    budget_monthly_cents = models.PositiveBigIntegerField(default=0)
    last_heartbeat_at = models.DateTimeField(null=True, blank=True)
    metadata = models.JSONField(null=True, blank=True)

    class Meta:
        db_table = "agents"
        constraints = [
            models.CheckConstraint(condition=Q(status__in=AgentStatus.values), name="agent_status_known"),
            models.CheckConstraint(
                condition=Q(reports_to__isnull=True) | ~Q(reports_to=F("id")),
                name="agent_not_its_own_manager",
            ),
        ]
        indexes = [
            models.Index(fields=["company", "status"], name="agent_by_company_status"),
            models.Index(fields=["reports_to"], name="agent_by_manager"),
        ]

    @property
    def url_key(self) -> str:
        """The shortname that stands for the agent in addresses."""
        return naming.slug(self.name) or str(self.id)

    @property
    def can_create_agents(self) -> bool:
        """Whether the agent may hire; the flag decides, also for a CEO (C-28)."""
        return self.permissions.get("canCreateAgents") is True

    def __str__(self) -> str:
        return self.name


class AgentApiKey(Row):
    """A long-lived token of an agent (C-41). Only its hash is kept."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="api_keys")
    name = models.TextField()
    key_hash = models.CharField(max_length=64, unique=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "agent_api_keys"

    def __str__(self) -> str:
        return self.name


class AgentConfigRevision(Row):
    """What an agent's configuration was before and after a change, secrets taken out (C-64)."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="config_revisions")
    created_by_agent = models.ForeignKey(
        Agent, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_by_user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    source = models.CharField(max_length=32, choices=RevisionSource.choices, default=RevisionSource.PATCH)
    rolled_back_from_revision = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True)
    changed_keys = models.JSONField(default=list)
    before_config = models.JSONField(default=dict)
    after_config = models.JSONField(default=dict)

    class Meta:
        db_table = "agent_config_revisions"
        indexes = [models.Index(fields=["agent", "-created_at"], name="agent_revision_newest")]

    def __str__(self) -> str:
        return f"{self.source} of {', '.join(self.changed_keys)}"
