"""A failure its adapter calls transient is tried again later and later, a bounded number of times (H-119 to H-124)."""

from __future__ import annotations

import random as randomness
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from heartbeat.choices import MAX_SCHEDULED_RETRIES, Mechanism, RunStatus
from heartbeat.endings import Ending
from heartbeat.retries import backoff, bounded, max_turns
from heartbeat.retries.classify import TRANSIENT_FAMILY
from heartbeat.retries.decisions import Decision, Note, Requeue
from paperclip.core import clock

RETRY_REASON = "transient_failure"
WAKE_REASON = "transient_failure_retry"
_CODES = ("codex_transient_upstream", "claude_transient_upstream")
_CODEX = "codex_local"
_CODEX_MODES = ("same_session", "safer_invocation", "fresh_session", "fresh_session_safer_invocation")


def is_named(ending: Ending) -> bool:
    """Whether the adapter called the failure transient (H-119)."""
    if ending.run.status != RunStatus.FAILED or ending.was_lost:
        return False
    family = ending.result.get("errorFamily")
    return family == TRANSIENT_FAMILY if family else ending.run.error_code in _CODES


def propose(ending: Ending, *, random: Callable[[], float] = randomness.random) -> Decision | None:
    """Return the next bounded retry, or why there is none; None when the failure is not called transient.

    `random` gives a number between 0 and 1 for the jitter.
    """
    if not is_named(ending) or max_turns.is_exhausted(ending):
        return None
    return bounded.keeping_off(ending, _decide(ending, random()))


def codex_mode(adapter_type: str, attempt: int) -> str | None:
    """Return how Codex is to be called at this attempt (H-123, A-68); None for other programs."""
    if adapter_type != _CODEX:
        return None
    return _CODEX_MODES[min(max(attempt, 1), len(_CODEX_MODES)) - 1]


def _decide(ending: Ending, u: float) -> Decision:
    run, now = ending.run, ending.now
    attempt = run.scheduled_retry_attempt + 1
    wait = backoff.delay(attempt, u=u)
    if wait is None:
        return bounded.exhausted(RETRY_REASON, attempt=attempt, most=MAX_SCHEDULED_RETRIES)
    refused = bounded.refusal(ending, wake_reason=WAKE_REASON, retry_reason=RETRY_REASON)
    if refused is not None:
        return bounded.not_scheduled(refused, retry_reason=RETRY_REASON, attempt=attempt)
    stated = backoff.not_before(ending.result, now=now)
    due_at = backoff.later(now + timedelta(milliseconds=wait.delay_ms), stated)
    told: dict[str, Any] = {
        "retryReason": RETRY_REASON,
        "errorFamily": TRANSIENT_FAMILY,
        "scheduledRetryAttempt": attempt,
        "scheduledRetryAt": clock.iso(due_at),
        "transientRetryNotBefore": clock.iso(stated) if stated is not None else None,
        "codexTransientFallbackMode": codex_mode(ending.run.agent.adapter_type, attempt),
    }
    told = {key: value for key, value in told.items() if value is not None}
    requeue = Requeue(
        wake_reason=WAKE_REASON,
        retry_reason=RETRY_REASON,
        counters={"scheduled_retry_attempt": attempt, "scheduled_retry_reason": RETRY_REASON},
        context={**told, "modelProfile": "cheap"},
        payload={**told, "modelProfile": "cheap"},
        due_at=due_at,
        told=Note(
            f"Retry {attempt} of {MAX_SCHEDULED_RETRIES} is due at {due_at:%Y-%m-%d %H:%M:%S} UTC",
            {**told, "baseDelayMs": wait.base_ms, "delayMs": wait.delay_ms},
        ),
    )
    return Decision(Mechanism.SCHEDULED_RETRY, bounded.cause(run), attempt, due_at, requeue=requeue)
