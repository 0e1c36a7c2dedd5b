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


class HoldMode(models.TextChoices):
    PAUSE = "pause"  # nothing of the tree starts
    RESUME = "resume"  # the pauses of the tree end
    CANCEL = "cancel"  # the tree's open issues are called off
    RESTORE = "restore"  # what a cancel called off comes back


class HoldStatus(models.TextChoices):
    ACTIVE = "active"
    RELEASED = "released"


class ReleaseStrategy(models.TextChoices):
    MANUAL = "manual"  # a person releases the hold
    AFTER_ACTIVE_RUNS_FINISH = "after_active_runs_finish"  # it ends once nothing of the tree runs any more


class SkipReason(models.TextChoices):
    """Why an order over a tree leaves one of its issues alone (I-127)."""

    TERMINAL_STATUS = "terminal_status"
    ALREADY_HELD = "already_held"
    NOT_HELD = "not_held"
    CHANGED_AFTER_CANCEL = "changed_after_cancel"
    NOT_CANCELLED = "not_cancelled"
    NOT_CANCELLED_BY_TREE_CONTROL = "not_cancelled_by_tree_control"


class StageType(models.TextChoices):
    REVIEW = "review"
    APPROVAL = "approval"


class FlowStatus(models.TextChoices):
    """How far an issue is through the stages of its policy (I-23)."""

    IDLE = "idle"  # no stage was entered; the state is there for its monitor
    PENDING = "pending"  # the current participant is asked
    CHANGES_REQUESTED = "changes_requested"  # back with whoever did the work
    COMPLETED = "completed"  # every stage was passed


class Outcome(models.TextChoices):
    """What a participant decided (I-24)."""

    APPROVED = "approved"
    CHANGES_REQUESTED = "changes_requested"


class MonitorStatus(models.TextChoices):
    SCHEDULED = "scheduled"
    TRIGGERED = "triggered"
    CLEARED = "cleared"


class ClearReason(models.TextChoices):
    """Why a monitor is not scheduled any more (I-23)."""

    MANUAL = "manual"
    TRIGGERED = "triggered"
    DONE = "done"
    CANCELLED = "cancelled"
    INVALID_STATUS = "invalid_status"
    INVALID_ASSIGNEE = "invalid_assignee"
    DISPATCH_SKIPPED = "dispatch_skipped"
    TIMEOUT_EXCEEDED = "timeout_exceeded"
    MAX_ATTEMPTS_EXHAUSTED = "max_attempts_exhausted"


class RecoveryPolicy(models.TextChoices):
    """What happens when a monitor has used up its time or its attempts (I-112)."""

    WAKE_OWNER = "wake_owner"
    CREATE_RECOVERY_ISSUE = "create_recovery_issue"
    ESCALATE_TO_BOARD = "escalate_to_board"


class InteractionKind(models.TextChoices):
    """What an agent may put to a person in the thread of an issue (I-114)."""

    SUGGEST_TASKS = "suggest_tasks"
    ASK_USER_QUESTIONS = "ask_user_questions"
    REQUEST_CONFIRMATION = "request_confirmation"


class InteractionStatus(models.TextChoices):
    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    ANSWERED = "answered"
    CANCELLED = "cancelled"
    EXPIRED = "expired"  # what it asked about has changed, or somebody spoke instead of answering
    FAILED = "failed"


class Continuation(models.TextChoices):
    """Whom the answer to an interaction calls (I-125)."""

    NONE = "none"
    WAKE_ASSIGNEE = "wake_assignee"
    WAKE_ASSIGNEE_ON_ACCEPT = "wake_assignee_on_accept"


# I-111: where a monitor may be scheduled, and stays so.
MONITORED = (IssueStatus.IN_PROGRESS, IssueStatus.IN_REVIEW)


class WorkProductType(models.TextChoices):
    PREVIEW_URL = "preview_url"
    RUNTIME_SERVICE = "runtime_service"
    PULL_REQUEST = "pull_request"
    BRANCH = "branch"
    COMMIT = "commit"
    ARTIFACT = "artifact"
    DOCUMENT = "document"


class WorkProductStatus(models.TextChoices):
    ACTIVE = "active"
    READY_FOR_REVIEW = "ready_for_review"
    APPROVED = "approved"
    CHANGES_REQUESTED = "changes_requested"
    MERGED = "merged"
    CLOSED = "closed"
    FAILED = "failed"
    ARCHIVED = "archived"
    DRAFT = "draft"


class ReviewState(models.TextChoices):
    NONE = "none"
    NEEDS_BOARD_REVIEW = "needs_board_review"  # a person is to look at it
    APPROVED = "approved"
    CHANGES_REQUESTED = "changes_requested"


class HealthStatus(models.TextChoices):
    UNKNOWN = "unknown"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


class ReferenceKind(models.TextChoices):
    """Where an issue names another, in the order in which it is told (I-143)."""

    TITLE = "title"
    DESCRIPTION = "description"
    DOCUMENT = "document"
    COMMENT = "comment"


MAX_TREE_DEPTH = 100
MAX_CHILDREN = 25
MAX_REQUEST_DEPTH = 1024
PLAN_DOCUMENT = "plan"
SYSTEM_DOCUMENT = "continuation-summary"
# Statuses of runs that are over (I-41), and of those that work or are about to. Runs belong to a higher floor,
# which is asked through the lazy key only.
RUN_OVER = ("succeeded", "failed", "cancelled", "timed_out")
RUN_ACTIVE = ("queued", "running")
# I-73, I-75: from these a comment may bring an issue back.
RESUMABLE = (IssueStatus.DONE, IssueStatus.BLOCKED, IssueStatus.TODO, IssueStatus.IN_PROGRESS)


class FeedbackTarget(models.TextChoices):
    COMMENT = "issue_comment"
    REVISION = "issue_document_revision"


class Vote(models.TextChoices):
    UP = "up"
    DOWN = "down"
