"""Words of the issues floor, with their groups beside them."""

from __future__ import annotations

from django.db import models


class IssueStatus(models.TextChoices):
    BACKLOG = "backlog"  # wanted some day; nobody is woken for it
    TODO = "todo"  # ready to be taken
    IN_PROGRESS = "in_progress"  # its assignee is at work
    IN_REVIEW = "in_review"  # waits for somebody's judgement
    DONE = "done"
    BLOCKED = "blocked"  # cannot go on, and says why
    CANCELLED = "cancelled"


CLOSED = (IssueStatus.DONE, IssueStatus.CANCELLED)
OPEN = tuple(status for status in IssueStatus if status not in CLOSED)
# Finished work and work nobody has promised yet wake nobody (I-83, I-84).
WAKES_NOBODY = (IssueStatus.BACKLOG, *CLOSED)


class IssuePriority(models.TextChoices):
    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


PRIORITY_ORDER = {priority: rank for rank, priority in enumerate(IssuePriority.values)}


class WorkMode(models.TextChoices):
    STANDARD = "standard"
    PLANNING = "planning"


class OriginKind(models.TextChoices):
    MANUAL = "manual"
    ROUTINE_EXECUTION = "routine_execution"
    STALE_ACTIVE_RUN_EVALUATION = "stale_active_run_evaluation"
    HARNESS_LIVENESS_ESCALATION = "harness_liveness_escalation"
    ISSUE_PRODUCTIVITY_REVIEW = "issue_productivity_review"
    STRANDED_ISSUE_RECOVERY = "stranded_issue_recovery"


# I-10: at most one open issue of these kinds per origin.
ORIGIN_ONE_OPEN = (
    OriginKind.STALE_ACTIVE_RUN_EVALUATION,
    OriginKind.HARNESS_LIVENESS_ESCALATION,
    OriginKind.ISSUE_PRODUCTIVITY_REVIEW,
    OriginKind.STRANDED_ISSUE_RECOVERY,
)


class WorkspacePreference(models.TextChoices):
    INHERIT = "inherit"
    SHARED_WORKSPACE = "shared_workspace"
    ISOLATED_WORKSPACE = "isolated_workspace"
    OPERATOR_BRANCH = "operator_branch"
    REUSE_EXISTING = "reuse_existing"
    AGENT_DEFAULT = "agent_default"


class AuthorType(models.TextChoices):
    USER = "user"
    AGENT = "agent"
    SYSTEM = "system"


MAX_CHILDREN = 25
MAX_REQUEST_DEPTH = 1024
PLAN_DOCUMENT = "plan"
SYSTEM_DOCUMENT = "continuation-summary"
# Statuses of runs that are over (I-41). Runs belong to a higher floor, which is asked through the lazy key
# only.
RUN_OVER = ("succeeded", "failed", "cancelled", "timed_out")
# I-73, I-75: from these a comment may bring an issue back.
RESUMABLE = (IssueStatus.DONE, IssueStatus.BLOCKED, IssueStatus.TODO, IssueStatus.IN_PROGRESS)
