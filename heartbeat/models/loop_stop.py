"""Where an agent was called again and again without moving anything."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from heartbeat.models.run import Run
from issues.models import Issue
from paperclip.companies.choices import ActorType
from paperclip.companies.models import Agent, Company
from paperclip.core.models import ChangingRow


class LoopStop(ChangingRow):
    """An agent is no longer called by itself for an issue, or without one, until a person has a say.

    `runs` is how many runs in a row moved nothing; `run` the last of them. A stop between agents keeps other agents'
    calls away too: they called each other to and fro.
    """

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="loop_stops")
    issue = models.ForeignKey(
        Issue, on_delete=models.CASCADE, null=True, blank=True, related_name="loop_stops"
    )
    run = models.ForeignKey(Run, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    runs = models.PositiveSmallIntegerField()
    reason = models.TextField()
    is_between_agents = models.BooleanField(default=False)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by_actor_type = models.CharField(max_length=8, choices=ActorType.choices, null=True, blank=True)
    closed_by_actor_id = models.TextField(null=True, blank=True)
    close_reason = models.TextField(null=True, blank=True)

    class Meta:
        db_table = "loop_stops"
        constraints = [
            models.UniqueConstraint(
                fields=["agent", "issue"],
                condition=Q(closed_at__isnull=True, issue__isnull=False),
                name="loop_stop_one_open_per_issue",
            ),
            models.UniqueConstraint(
                fields=["agent"],
                condition=Q(closed_at__isnull=True, issue__isnull=True),
                name="loop_stop_one_open_without_issue",
            ),
        ]
        indexes = [
            models.Index(fields=["company"], condition=Q(closed_at__isnull=True), name="loop_stop_open"),
        ]

    def __str__(self) -> str:
        return f"loop of {self.agent_id} on {self.issue_id or 'its timer'}"
