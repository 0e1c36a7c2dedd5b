from __future__ import annotations

from django.db import models
from django.db.models import Q

from issues.choices import HoldMode, HoldStatus
from issues.models.issue import Issue
from paperclip.companies.choices import ActorType
from paperclip.companies.models import Agent, Company, User
from paperclip.core.models import ChangingRow, Row


class TreeHold(ChangingRow):
    """An order over an issue and everything below it: stop, go on, call off, bring back (I-27).

    Only an active `pause` keeps work from starting. An active `cancel` remembers what it called off, so that a
    `restore` can bring it back.
    """

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    root_issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="tree_holds")
    mode = models.CharField(max_length=8, choices=HoldMode.choices)
    status = models.CharField(max_length=8, choices=HoldStatus.choices, default=HoldStatus.ACTIVE)
    reason = models.TextField(null=True, blank=True)
    release_policy = models.JSONField()
    created_by_actor_type = models.CharField(max_length=8, choices=ActorType.choices)
    created_by_agent = models.ForeignKey(
        Agent, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_by_user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_by_run = models.ForeignKey(
        "heartbeat.Run", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    released_at = models.DateTimeField(null=True, blank=True)
    released_by_actor_type = models.CharField(max_length=8, choices=ActorType.choices, null=True, blank=True)
    released_by_agent = models.ForeignKey(
        Agent, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    released_by_user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    released_by_run = models.ForeignKey(
        "heartbeat.Run", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    release_reason = models.TextField(null=True, blank=True)
    release_metadata = models.JSONField(null=True, blank=True)

    class Meta:
        db_table = "issue_tree_holds"
        constraints = [
            models.CheckConstraint(condition=Q(mode__in=HoldMode.values), name="tree_hold_mode_known"),
            models.CheckConstraint(
                condition=Q(status=HoldStatus.ACTIVE, released_at__isnull=True)
                | Q(status=HoldStatus.RELEASED, released_at__isnull=False),
                name="tree_hold_released_has_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["root_issue", "mode"],
                condition=Q(status=HoldStatus.ACTIVE),
                name="tree_hold_active_by_root",
            ),
            models.Index(fields=["root_issue", "-created_at"], name="tree_hold_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.mode} of {self.root_issue_id}"


class TreeHoldMember(Row):
    """An issue as it was when a hold was laid on its tree. Append-only."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    hold = models.ForeignKey(TreeHold, on_delete=models.CASCADE, related_name="members")
    issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="hold_memberships")
    parent_issue_id = models.UUIDField(null=True, blank=True)
    depth = models.PositiveSmallIntegerField()
    issue_identifier = models.CharField(max_length=80)
    issue_title = models.TextField()
    issue_status = models.CharField(max_length=16)
    assignee_agent_id = models.UUIDField(null=True, blank=True)
    assignee_user_id = models.UUIDField(null=True, blank=True)
    active_run_id = models.UUIDField(null=True, blank=True)
    active_run_status = models.CharField(max_length=16, null=True, blank=True)
    skipped = models.BooleanField(default=False)
    skip_reason = models.CharField(max_length=48, null=True, blank=True)

    class Meta:
        db_table = "issue_tree_hold_members"
        constraints = [models.UniqueConstraint(fields=["hold", "issue"], name="tree_hold_member_once")]

    def __str__(self) -> str:
        return f"{self.issue_identifier} under {self.hold_id}"
