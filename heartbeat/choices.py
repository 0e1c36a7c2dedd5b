"""Words of the run engine, with their groups beside them."""

from __future__ import annotations

from django.db import models


class InvocationSource(models.TextChoices):
    TIMER = "timer"
    ASSIGNMENT = "assignment"
    ON_DEMAND = "on_demand"
    AUTOMATION = "automation"


class TriggerDetail(models.TextChoices):
    MANUAL = "manual"
    PING = "ping"
    CALLBACK = "callback"
    SYSTEM = "system"


class RunStatus(models.TextChoices):
    QUEUED = "queued"  # waits for a runner
    SCHEDULED_RETRY = "scheduled_retry"  # waits for its due time
    RUNNING = "running"  # claimed by a runner
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"


RUN_LIVE = (RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.SCHEDULED_RETRY)
RUN_TERMINAL = (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.TIMED_OUT)
RUN_UNSUCCESSFUL = (RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.TIMED_OUT)


class WakeupStatus(models.TextChoices):
    QUEUED = "queued"
    DEFERRED = "deferred_issue_execution"
    CLAIMED = "claimed"
    COALESCED = "coalesced"
    SKIPPED = "skipped"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"


WAKEUP_WAITING = (WakeupStatus.QUEUED, WakeupStatus.DEFERRED)


class CommentPolicy(models.TextChoices):
    NOT_APPLICABLE = "not_applicable"
    SATISFIED = "satisfied"
    RETRY_QUEUED = "retry_queued"
    RETRY_EXHAUSTED = "retry_exhausted"


class Liveness(models.TextChoices):
    COMPLETED = "completed"
    ADVANCED = "advanced"
    PLAN_ONLY = "plan_only"
    EMPTY_RESPONSE = "empty_response"
    BLOCKED = "blocked"
    FAILED = "failed"
    NEEDS_FOLLOWUP = "needs_followup"


class Mechanism(models.TextChoices):
    """What follows a run that ended; exactly one is recorded on it."""

    PROCESS_LOSS_RETRY = "process_loss_retry"
    MAX_TURNS_CONTINUATION = "max_turns_continuation"
    SCHEDULED_RETRY = "scheduled_retry"
    DIAGNOSTIC_RETRY = "diagnostic_retry"
    FRESH_SESSION = "fresh_session"
    COMMENT_RETRY = "comment_retry"
    DEFERRED_WAKE = "deferred_wake"
    LIVENESS_CONTINUATION = "liveness_continuation"
    HANDOFF = "handoff"
    RECOVERY = "recovery"
    ESCALATION = "escalation"
    NONE = "none"


class FailureCategory(models.TextChoices):
    """What made a run fail, as far as its error text, exit code and signal tell (H-115)."""

    PROCESS_KILLED = "process_killed", "Program killed"
    NOT_FOUND = "not_found", "Something missing"
    PERMISSION_DENIED = "permission_denied", "No permission"
    RATE_LIMIT = "rate_limit", "Rate limit"
    TIMEOUT = "timeout", "Took too long"
    NETWORK_ERROR = "network_error", "Connection broke"
    EOF_ERROR = "eof_error", "Answer cut off"
    OOM = "oom", "Out of memory"
    UNKNOWN = "unknown", "Unknown failure"


class EventType(models.TextChoices):
    LIFECYCLE = "lifecycle"
    ADAPTER_INVOKE = "adapter.invoke"
    ERROR = "error"


class EventLevel(models.TextChoices):
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


class Stream(models.TextChoices):
    SYSTEM = "system"
    STDOUT = "stdout"
    STDERR = "stderr"


class RunnerState(models.TextChoices):
    ACTIVE = "active"
    DRAINING = "draining"
    STOPPED = "stopped"


class WatchdogVerdict(models.TextChoices):
    """What somebody says to a run that has gone silent (H-153)."""

    SNOOZE = "snooze", "Look again later"
    CONTINUE = "continue", "It may go on"
    DISMISSED = "dismissed_false_positive", "Nothing is wrong"


class GateState(models.TextChoices):
    """Whether a provider's account takes calls."""

    OPEN = "open"  # runs start
    CLOSED = "closed"  # runs wait, at least until its time
    PROBING = "probing"  # one run finds out, the others wait


# Wake reasons that let a comment through a dependency gate (H-7).
INTERACTION_REASONS = ("issue_commented", "issue_reopened_via_comment", "issue_comment_mentioned")
# What the context of such a wake says of its origin, when it is what it claims to be (H-8).
INTERACTION_SOURCES = {
    "issue_commented": "issue.comment",
    "issue_reopened_via_comment": "issue.comment.reopen",
    "issue_comment_mentioned": "comment.mention",
}
# Why a run is tried again, where gates ask for it (H-70).
CONTINUES_WORK = "issue_continuation_needed"
CONTINUES_MAX_TURNS = "max_turns_continuation"
# Wake reasons that tell of something a run may have looked for in vain a moment before.
NEWS_REASONS = (
    "approval_approved",
    "issue_blockers_resolved",
    "issue_children_completed",
    "execution_review_requested",
    "execution_approval_requested",
    "execution_changes_requested",
    "issue_monitor_due",
    "issue_monitor_recovery",
)
# Wake reasons that start with a fresh session (H-79).
FRESH_SESSION_REASONS = (
    "issue_assigned",
    "execution_review_requested",
    "execution_approval_requested",
    "execution_changes_requested",
)
EXCERPT_BYTES = 32 * 1024
MAX_PROCESS_LOSS_RETRIES = 1
MAX_DIAGNOSTIC_RETRIES = 2
MAX_SCHEDULED_RETRIES = 4
MAX_COMMENT_RETRIES = 1
MAX_LIVENESS_CONTINUATIONS = 2
MAX_HANDOFFS = 1
# One attempt to take up an issue again, and one to go on after a run that did something without an end.
MAX_RECOVERIES = 2
