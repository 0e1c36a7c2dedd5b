from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.utils import timezone

from issues.choices import (
    CLOSED,
    MAX_REQUEST_DEPTH,
    ORIGIN_ONE_OPEN,
    PRIORITY_ORDER,
    IssuePriority,
    IssueStatus,
    OriginKind,
    WorkMode,
    WorkspacePreference,
)
from paperclip.companies.models import Agent, Company, Goal, Project, User
from paperclip.core.models import ChangingRow, Row
from paperclip.governance.models import Approval

_OPEN_AND_VISIBLE = ~Q(status__in=CLOSED) & Q(hidden_at__isnull=True)
# The order of lists (I-146), which an index keeps.
LIST_ORDER = (
    Case(
        *(When(priority=priority, then=Value(rank)) for priority, rank in PRIORITY_ORDER.items()),
        output_field=models.IntegerField(),
    ),
    F("last_activity_at").desc(),
    F("updated_at").desc(),
    F("id").desc(),
)


class Label(ChangingRow):
    """A coloured word of a company (I-16)."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="labels")
    name = models.CharField(max_length=48)
    color = models.CharField(max_length=7, validators=[RegexValidator(r"^#[0-9a-fA-F]{6}$")])

    class Meta:
        db_table = "labels"
        constraints = [models.UniqueConstraint(fields=["company", "name"], name="label_name_once")]

    def __str__(self) -> str:
        return self.name


class Issue(ChangingRow):
    """A ticket: the unit of work that people write and agents take (I-8).

    `checkout_run` is the run that owns work in progress, `execution_run` the run that holds the execution lock.
    Only `issues.checkout` writes them.
    """

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="issues")
    project = models.ForeignKey(
        Project, on_delete=models.SET_NULL, null=True, blank=True, related_name="issues"
    )
    project_workspace = models.ForeignKey(
        "workspaces.ProjectWorkspace", on_delete=models.SET_NULL, null=True, blank=True, related_name="issues"
    )
    goal = models.ForeignKey(Goal, on_delete=models.SET_NULL, null=True, blank=True, related_name="issues")
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="children"
    )
    title = models.TextField()
    description = models.TextField(null=True, blank=True)
    status = models.CharField(max_length=16, choices=IssueStatus.choices, default=IssueStatus.BACKLOG)
    work_mode = models.CharField(max_length=16, choices=WorkMode.choices, default=WorkMode.STANDARD)
    priority = models.CharField(max_length=16, choices=IssuePriority.choices, default=IssuePriority.MEDIUM)
    assignee_agent = models.ForeignKey(
        Agent, on_delete=models.SET_NULL, null=True, blank=True, related_name="assigned_issues"
    )
    assignee_user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="assigned_issues"
    )
    checkout_run = models.ForeignKey(
        "heartbeat.Run", on_delete=models.SET_NULL, null=True, blank=True, related_name="checked_out_issues"
    )
    execution_run = models.ForeignKey(
        "heartbeat.Run", on_delete=models.SET_NULL, null=True, blank=True, related_name="locked_issues"
    )
    execution_agent_name_key = models.TextField(null=True, blank=True)
    execution_locked_at = models.DateTimeField(null=True, blank=True)
    created_by_agent = models.ForeignKey(
        Agent, on_delete=models.SET_NULL, null=True, blank=True, related_name="created_issues"
    )
    created_by_user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="created_issues"
    )
    issue_number = models.PositiveIntegerField()
    identifier = models.CharField(max_length=80, unique=True)
    origin_kind = models.CharField(max_length=160, default=OriginKind.MANUAL)
    origin_id = models.TextField(null=True, blank=True)
    origin_run_id = models.TextField(null=True, blank=True)
    origin_fingerprint = models.TextField(default="default")
    request_depth = models.PositiveIntegerField(default=0)
    billing_code = models.TextField(null=True, blank=True)
    assignee_adapter_overrides = models.JSONField(null=True, blank=True)
    execution_policy = models.JSONField(null=True, blank=True)
    execution_state = models.JSONField(null=True, blank=True)
    monitor_next_check_at = models.DateTimeField(null=True, blank=True)
    monitor_wake_requested_at = models.DateTimeField(null=True, blank=True)
    monitor_last_triggered_at = models.DateTimeField(null=True, blank=True)
    monitor_attempt_count = models.PositiveIntegerField(default=0)
    monitor_notes = models.TextField(null=True, blank=True)
    monitor_scheduled_by = models.CharField(max_length=16, null=True, blank=True)
    execution_workspace = models.ForeignKey(
        "workspaces.ExecutionWorkspace",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="issues",
    )
    execution_workspace_preference = models.CharField(
        max_length=24, choices=WorkspacePreference.choices, null=True, blank=True
    )
    execution_workspace_settings = models.JSONField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    hidden_at = models.DateTimeField(null=True, blank=True)
    # Newest of the issue's own change, its comments and its activity (I-148); kept so that lists can be indexed.
    last_activity_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "issues"
        constraints = [
            models.UniqueConstraint(fields=["company", "issue_number"], name="issue_number_once"),
            models.CheckConstraint(condition=Q(status__in=IssueStatus.values), name="issue_status_known"),
            models.CheckConstraint(
                condition=Q(priority__in=IssuePriority.values), name="issue_priority_known"
            ),
            models.CheckConstraint(
                condition=Q(assignee_agent__isnull=True) | Q(assignee_user__isnull=True),
                name="issue_one_assignee_kind",
            ),
            models.CheckConstraint(
                condition=~Q(status=IssueStatus.IN_PROGRESS)
                | Q(assignee_agent__isnull=False)
                | Q(assignee_user__isnull=False),
                name="issue_in_progress_has_assignee",
            ),
            models.CheckConstraint(
                condition=Q(parent__isnull=True) | ~Q(parent=F("id")), name="issue_not_its_own_parent"
            ),
            models.CheckConstraint(
                condition=Q(request_depth__lte=MAX_REQUEST_DEPTH), name="issue_depth_in_range"
            ),
            models.UniqueConstraint(
                fields=["company", "origin_kind", "origin_id"],
                condition=_OPEN_AND_VISIBLE & Q(origin_kind__in=ORIGIN_ONE_OPEN),
                name="issue_one_open_per_origin",
            ),
            models.UniqueConstraint(
                fields=["company", "origin_kind", "origin_fingerprint"],
                condition=_OPEN_AND_VISIBLE
                & Q(origin_kind=OriginKind.HARNESS_LIVENESS_ESCALATION)
                & ~Q(origin_fingerprint="default"),
                name="issue_one_open_escalation",
            ),
            models.UniqueConstraint(
                fields=["company", "origin_kind", "origin_id", "origin_fingerprint"],
                condition=_OPEN_AND_VISIBLE
                & Q(origin_kind=OriginKind.ROUTINE_EXECUTION)
                & Q(execution_run__isnull=False),
                name="issue_one_live_routine_execution",
            ),
        ]
        indexes = [
            models.Index(fields=["company", "status", "-last_activity_at"], name="issue_by_status"),
            models.Index(fields=["company", "-last_activity_at"], name="issue_by_activity"),
            models.Index(
                F("company"), *LIST_ORDER, condition=Q(hidden_at__isnull=True), name="issue_in_list_order"
            ),
            models.Index(fields=["assignee_agent", "status"], name="issue_by_agent"),
            models.Index(fields=["company", "project"], name="issue_by_project"),
            models.Index(fields=["origin_kind", "origin_id"], name="issue_by_origin"),
            # What recovery passes look through: open work of agents, work that waits, work in nobody's hands.
            models.Index(
                fields=["id"],
                condition=Q(
                    status__in=(IssueStatus.TODO, IssueStatus.IN_PROGRESS),
                    assignee_agent__isnull=False,
                    hidden_at__isnull=True,
                ),
                name="issue_open_of_agent",
            ),
            models.Index(
                fields=["id"],
                condition=Q(status__in=(IssueStatus.BLOCKED, IssueStatus.IN_REVIEW), hidden_at__isnull=True),
                name="issue_waiting",
            ),
            models.Index(
                fields=["id"],
                condition=Q(
                    status__in=(IssueStatus.TODO, IssueStatus.BLOCKED),
                    assignee_agent__isnull=True,
                    assignee_user__isnull=True,
                    created_by_agent__isnull=False,
                    hidden_at__isnull=True,
                ),
                name="issue_let_go_by_agent",
            ),
            models.Index(
                fields=["company", "-created_at"],
                condition=Q(origin_kind__in=ORIGIN_ONE_OPEN),
                name="issue_recovery_newest",
            ),
            models.Index(
                fields=["monitor_next_check_at"],
                condition=Q(monitor_next_check_at__isnull=False),
                name="issue_monitor_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.identifier} {self.title}"


class Relation(ChangingRow):
    """`issue` blocks `related_issue` (I-14)."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="blocks_links")
    related_issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="blocked_by_links")
    type = models.CharField(max_length=16, default="blocks")
    created_by_agent = models.ForeignKey(
        Agent, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_by_user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        db_table = "issue_relations"
        constraints = [
            models.UniqueConstraint(
                fields=["company", "issue", "related_issue", "type"], name="relation_once"
            ),
            models.CheckConstraint(condition=~Q(issue=F("related_issue")), name="relation_not_to_itself"),
        ]

    def __str__(self) -> str:
        return f"{self.issue_id} {self.type} {self.related_issue_id}"


class IssueLabel(models.Model):
    """A label on an issue."""

    issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="label_links")
    label = models.ForeignKey(Label, on_delete=models.CASCADE, related_name="issue_links")
    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "issue_labels"
        constraints = [models.UniqueConstraint(fields=["issue", "label"], name="issue_label_once")]

    def __str__(self) -> str:
        return f"{self.label_id} on {self.issue_id}"


class ReadState(ChangingRow):
    """Up to when a person has read an issue (I-17)."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="read_states")
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    last_read_at = models.DateTimeField()

    class Meta:
        db_table = "issue_read_states"
        constraints = [models.UniqueConstraint(fields=["company", "issue", "user"], name="read_state_once")]

    def __str__(self) -> str:
        return f"{self.issue_id} read by {self.user_id}"


class InboxArchive(ChangingRow):
    """A person put an issue out of their inbox (I-150)."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="inbox_archives")
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    archived_at = models.DateTimeField()

    class Meta:
        db_table = "issue_inbox_archives"
        constraints = [
            models.UniqueConstraint(fields=["company", "issue", "user"], name="inbox_archive_once")
        ]

    def __str__(self) -> str:
        return f"{self.issue_id} archived by {self.user_id}"


class ApprovalLink(Row):
    """An approval that an issue waits for or led to (I-28)."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="approval_links")
    approval = models.ForeignKey(Approval, on_delete=models.CASCADE, related_name="issue_links")
    linked_by_agent = models.ForeignKey(
        Agent, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    linked_by_user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        db_table = "issue_approvals"
        constraints = [models.UniqueConstraint(fields=["issue", "approval"], name="issue_approval_once")]

    def __str__(self) -> str:
        return f"{self.approval_id} on {self.issue_id}"
