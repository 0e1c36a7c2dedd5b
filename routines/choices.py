"""Words of the routines floor, with their groups beside them."""

from __future__ import annotations

from django.db import models


class RoutineStatus(models.TextChoices):
    ACTIVE = "active"  # its triggers fire
    PAUSED = "paused"  # only a person or agent starts it
    ARCHIVED = "archived"  # over for good; kept for the record


class ConcurrencyPolicy(models.TextChoices):
    """What a dispatch does while work of the same kind is still going on."""

    COALESCE_IF_ACTIVE = "coalesce_if_active"
    ALWAYS_ENQUEUE = "always_enqueue"
    SKIP_IF_ACTIVE = "skip_if_active"


class CatchUpPolicy(models.TextChoices):
    """What becomes of occurrences that nobody was there to fire."""

    SKIP_MISSED = "skip_missed"
    ENQUEUE_MISSED_WITH_CAP = "enqueue_missed_with_cap"


class TriggerKind(models.TextChoices):
    SCHEDULE = "schedule"
    WEBHOOK = "webhook"
    API = "api"


class SigningMode(models.TextChoices):
    """How the sender of a webhook proves to know its secret."""

    BEARER = "bearer"
    HMAC_SHA256 = "hmac_sha256"
    GITHUB_HMAC = "github_hmac"
    NONE = "none"


class ClockChanges(models.TextChoices):
    """What a schedule with a fixed time does on the day that the clock is changed (RW-4)."""

    ONCE = "once"  # right after a gap, at the first of two equal times
    AS_SHOWN = "as_shown"  # as often as a clock on the wall shows the time: not at all, or twice


class VariableType(models.TextChoices):
    TEXT = "text"
    TEXTAREA = "textarea"
    NUMBER = "number"
    BOOLEAN = "boolean"
    SELECT = "select"


class RunSource(models.TextChoices):
    SCHEDULE = "schedule"
    MANUAL = "manual"
    API = "api"
    WEBHOOK = "webhook"


class RunStatus(models.TextChoices):
    RECEIVED = "received"  # being dispatched; never seen outside of its transaction
    COALESCED = "coalesced"  # folded into work that goes on
    SKIPPED = "skipped"  # left out, for work goes on
    ISSUE_CREATED = "issue_created"
    COMPLETED = "completed"  # its issue is done
    FAILED = "failed"


class RunOutcome(models.TextChoices):
    """What became of the issue a run is linked to, whoever made it."""

    COMPLETED = "completed"
    FAILED = "failed"


# What a caller may say of themselves.
CALLER_SOURCES = (RunSource.MANUAL, RunSource.API)
# These say why.
EXPLAINED = (RunStatus.COALESCED, RunStatus.SKIPPED, RunStatus.FAILED)
# Other work took these up.
FOLDED = (RunStatus.COALESCED, RunStatus.SKIPPED)

CATCH_UP_CAP = 25
RECENT_RUNS = 25
RUNS_DEFAULT = 50
RUNS_MAX = 200
TITLE_MAX = 200
LABEL_MAX = 120
IDEMPOTENCY_KEY_MAX = 255
ROUTINES_MAX = 500
REVISIONS_MAX = 100
VARIABLES_MAX = 100
OPTIONS_MAX = 50
OPTION_MAX = 120
REPLAY_WINDOW_SEC = 300
REPLAY_WINDOW_MIN_SEC, REPLAY_WINDOW_MAX_SEC = 30, 86_400
GRACE_MAX_SEC = 366 * 86_400
