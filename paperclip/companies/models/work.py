from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from paperclip.companies.choices import GoalLevel, GoalStatus, PauseReason, ProjectStatus
from paperclip.companies.models.agent import Agent
from paperclip.companies.models.company import Company
from paperclip.core import naming
from paperclip.core.models import ChangingRow


class Goal(ChangingRow):
    """What the company, a team or an agent wants to reach (C-69)."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="goals")
    title = models.TextField()
    description = models.TextField(null=True, blank=True)
    level = models.CharField(max_length=16, choices=GoalLevel.choices, default=GoalLevel.TASK)
    status = models.CharField(max_length=16, choices=GoalStatus.choices, default=GoalStatus.PLANNED)
    parent = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="children"
    )
    owner_agent = models.ForeignKey(
        Agent, on_delete=models.SET_NULL, null=True, blank=True, related_name="goals"
    )

    class Meta:
        db_table = "goals"
        constraints = [
            models.CheckConstraint(
                condition=Q(parent__isnull=True) | ~Q(parent=F("id")), name="goal_not_its_own_parent"
            )
        ]
        indexes = [models.Index(fields=["company", "level", "status", "created_at"], name="goal_by_level")]

    def __str__(self) -> str:
        return self.title


class Project(ChangingRow):
    """A body of work with its own folders, environment and lead (C-65)."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="projects")
    name = models.TextField()
    description = models.TextField(null=True, blank=True)
    status = models.CharField(max_length=16, choices=ProjectStatus.choices, default=ProjectStatus.BACKLOG)
    target_date = models.DateField(null=True, blank=True)
    goals = models.ManyToManyField(Goal, through="ProjectGoal", related_name="projects")
    lead_agent = models.ForeignKey(
        Agent, on_delete=models.SET_NULL, null=True, blank=True, related_name="led_projects"
    )
    color = models.CharField(max_length=32, null=True, blank=True)
    env = models.JSONField(null=True, blank=True)
    pause_reason = models.CharField(max_length=16, choices=PauseReason.choices, null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    execution_workspace_policy = models.JSONField(null=True, blank=True)

    class Meta:
        db_table = "projects"
        indexes = [models.Index(fields=["company", "created_at"], name="project_by_company")]

    @property
    def url_key(self) -> str:
        """The shortname in addresses; names beyond ASCII carry the start of the id to stay apart (C-65)."""
        key = naming.slug(self.name)
        return key if key and self.name.isascii() else f"{key}-{self.id.hex[:8]}".lstrip("-")

    def __str__(self) -> str:
        return self.name


class ProjectGoal(models.Model):
    """A goal a project serves; the first by position is its main goal."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="goal_links")
    goal = models.ForeignKey(Goal, on_delete=models.CASCADE, related_name="project_links")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        db_table = "project_goals"
        constraints = [models.UniqueConstraint(fields=["project", "goal"], name="project_goal_once")]
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return f"{self.project_id} for {self.goal_id}"
