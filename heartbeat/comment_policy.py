"""A run called to work on an issue leaves a word there; one that did not is asked for it once (H-103, H-104).

Only a run that succeeded is asked: a failed one has its own follow-up (beats HW-19).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from heartbeat.choices import (
    FRESH_SESSION_REASONS,
    MAX_COMMENT_RETRIES,
    CommentPolicy,
    EventLevel,
    WakeupStatus,
)
from heartbeat.endings import Ending
from heartbeat.models import Run, WakeupRequest
from issues.models import Issue

MISSING_COMMENT = "missing_issue_comment"
# The calls that ask for work to be taken up or judged.
_ASKS_FOR_A_WORD = frozenset(FRESH_SESSION_REASONS)


@dataclass(frozen=True)
class Judgement:
    """Where a run stands with the policy, and the event to write on it."""

    status: str = CommentPolicy.NOT_APPLICABLE
    comment_id: UUID | None = None
    message: str | None = None
    level: str = EventLevel.WARN


def judge(ending: Ending, *, last_word: UUID | None) -> Judgement:
    """Return where the ended run stands; `last_word` is the comment its end wrote for it, if any.

    `retry_queued` is a promise: the decision about what follows keeps it in the same transaction.
    """
    if ending.issue is None or not ending.succeeded:
        return Judgement()
    comment_id = ending.evidence.comment_id or last_word
    if comment_id is not None:
        return Judgement(CommentPolicy.SATISFIED, comment_id)
    if ending.context.text("retryReason") == MISSING_COMMENT:
        return _exhausted("Again no comment on the issue; it was asked for once")
    if ending.context.wake_reason not in _ASKS_FOR_A_WORD:
        return Judgement()
    if _somebody_waits(ending.run, ending.issue):
        return Judgement(
            message="No comment on the issue, and none is asked for: a comment waits to be answered",
            level=EventLevel.INFO,
        )
    if ending.run.comment_retry_count >= MAX_COMMENT_RETRIES:
        return _exhausted("Again no comment on the issue; it was asked for once")
    if not ending.holds_lock:
        return _exhausted("No comment on the issue, which is no longer this run's to ask about")
    refused = ending.refusal_of(MISSING_COMMENT, is_fresh=False)
    if refused is not None:
        return _exhausted(f"No comment on the issue, and none can be asked for: {refused.message}")
    return Judgement(CommentPolicy.RETRY_QUEUED, message="No comment on the issue; one is asked for")


def columns(judgement: Judgement, *, now: datetime) -> dict[str, Any]:
    """Return what of `judgement` is written on the run."""
    asks = judgement.status == CommentPolicy.RETRY_QUEUED
    return {
        "issue_comment_status": judgement.status,
        "issue_comment_satisfied_by_comment_id": judgement.comment_id,
        "issue_comment_retry_queued_at": now if asks else None,
    }


def _exhausted(message: str) -> Judgement:
    return Judgement(CommentPolicy.RETRY_EXHAUSTED, message=message)


def _somebody_waits(run: Run, issue: Issue) -> bool:
    """Whether a comment for the same agent waits for the issue: answering it will be the word."""
    return WakeupRequest.objects.filter(
        agent_id=run.agent_id,
        issue_id=issue.pk,
        status=WakeupStatus.DEFERRED,
        payload___paperclipWakeContext__commentId__isnull=False,
    ).exists()
