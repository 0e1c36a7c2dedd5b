"""A failure whose kind says that it may pass is tried again, at most twice in a chain (H-114 to H-117).

The retry carries issue, task, session and workspace of the run that failed, and tells the agent what went wrong. A
rate limit waits for the agent's next heartbeat; everything else goes at once.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from heartbeat import policy
from heartbeat.choices import MAX_DIAGNOSTIC_RETRIES, FailureCategory, Mechanism
from heartbeat.endings import Ending
from heartbeat.retries import backoff, bounded, diagnosis, max_turns, transient
from heartbeat.retries.classify import Diagnosis
from heartbeat.retries.decisions import Decision, Note, Requeue
from paperclip.companies.models import Agent
from paperclip.core import clock, redaction

RETRY_REASON = "diagnostic_retry"
# What a rate limit waits for an agent without a timer.
DEFAULT_INTERVAL = timedelta(minutes=5)
_ERROR_CHARS = 2000


def propose(ending: Ending) -> Decision | None:
    """Return the diagnostic retry of a failed run, or why there is none; None when it is not this module's to say."""
    found = diagnosis.of(ending.run) if _is_asked(ending) else None
    return None if found is None else bounded.keeping_off(ending, _decide(ending, found))


def due_at(ending: Ending, category: str) -> datetime | None:
    """Return when to try again: after a rate limit not before the next heartbeat, and never before the upstream says.

    None means at once.
    """
    now = ending.now
    stated = backoff.not_before(ending.result, now=now)
    if category == FailureCategory.RATE_LIMIT:
        return backoff.later(now + interval(ending.run.agent), stated)
    return stated if stated is not None and stated > now else None


def interval(agent: Agent) -> timedelta:
    """Return how far the agent's heartbeats are apart; DEFAULT_INTERVAL for one without a timer."""
    timer = policy.of(agent)
    if not timer.timer_enabled or timer.interval_seconds <= 0:
        return DEFAULT_INTERVAL
    return timedelta(seconds=min(timer.interval_seconds, backoff.LONGEST_WAIT.total_seconds()))


def _is_asked(ending: Ending) -> bool:
    """Whether program, set-up or clock ended the run, and no other mechanism is responsible for its failure."""
    others = ending.was_lost or max_turns.is_exhausted(ending) or transient.is_named(ending)
    return ending.failed and not others


def _decide(ending: Ending, found: Diagnosis) -> Decision:
    run = ending.run
    if not found.is_retryable:
        return _nothing(f"{found.kind}: not tried again by itself. {found.advice}")
    if run.diagnostic_retry_count >= MAX_DIAGNOSTIC_RETRIES:
        return _nothing(f"{found.kind}: tried again {MAX_DIAGNOSTIC_RETRIES} times already. {found.advice}")
    attempt = run.diagnostic_retry_count + 1
    refused = bounded.refusal(ending, wake_reason=RETRY_REASON, retry_reason=RETRY_REASON)
    if refused is not None:
        return bounded.not_scheduled(refused, retry_reason=RETRY_REASON, attempt=attempt)
    return _retry(ending, found, attempt)


def _nothing(reason: str) -> Decision:
    return Decision(Mechanism.NONE, reason.rstrip("."))


def _retry(ending: Ending, found: Diagnosis, attempt: int) -> Decision:
    run = ending.run
    due = due_at(ending, found.category)
    told = {
        "failedRunId": str(run.pk),
        "diagnosticRetryCount": attempt,
        "category": found.category,
        "analysis": found.analysis,
    }
    stated = backoff.not_before(ending.result, now=ending.now)
    when = {"scheduledRetryAt": clock.iso(due)} if due is not None else {}
    if stated is not None:
        when["transientRetryNotBefore"] = clock.iso(stated)
    error = redaction.text(run.error or "")[:_ERROR_CHARS]
    requeue = Requeue(
        wake_reason=RETRY_REASON,
        retry_reason=RETRY_REASON,
        counters={
            "diagnostic_retry_count": attempt,
            **({"scheduled_retry_reason": RETRY_REASON} if due is not None else {}),
        },
        context={"source": "scheduler", "reason": RETRY_REASON, **told, **when, "originalError": error},
        due_at=due,
        told=Note(
            f"Tried again, {attempt} of {MAX_DIAGNOSTIC_RETRIES}: {found.kind}",
            {"retryReason": RETRY_REASON, **told, **when},
        ),
    )
    return Decision(Mechanism.DIAGNOSTIC_RETRY, bounded.cause(run), attempt, due, requeue=requeue)
