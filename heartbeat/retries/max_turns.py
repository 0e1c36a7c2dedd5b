"""An agent that used up its turns goes on where it stopped, a bounded number of times (H-125, H-126)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from heartbeat.choices import CONTINUES_MAX_TURNS, RUN_LIVE, Mechanism, RunStatus
from heartbeat.endings import Ending
from heartbeat.models import Run
from heartbeat.retries import bounded
from heartbeat.retries.decisions import Decision, Note, Requeue
from paperclip.core import clock

RETRY_REASON = CONTINUES_MAX_TURNS
WAKE_REASON = "max_turns_continuation_retry"
_WORDS = ("max_turns_exhausted", "turn_limit_exhausted")
_MAX_ATTEMPTS = 10
_MAX_DELAY_MS = 300_000


@dataclass(frozen=True)
class ContinuationPolicy:
    """Whether an agent goes on by itself, how often, and after how many ms."""

    is_enabled: bool = True
    max_attempts: int = 2
    delay_ms: int = 1000

    def told(self) -> dict[str, Any]:
        """Return the policy as its configuration writes it."""
        return {"enabled": self.is_enabled, "maxAttempts": self.max_attempts, "delayMs": self.delay_ms}


def is_exhausted(ending: Ending) -> bool:
    """Whether the run failed because its turns were used up; text alone never says so (H-125)."""
    if ending.run.status != RunStatus.FAILED:
        return False
    return ending.result.get("stopReason") in _WORDS or ending.run.error_code in _WORDS


def propose(ending: Ending) -> Decision | None:
    """Return the continuation of a run that used up its turns, or why there is none; None for other ends."""
    if not is_exhausted(ending):
        return None
    run, now = ending.run, ending.now
    policy = policy_of(run.agent.runtime_config)
    if not policy.is_enabled or policy.max_attempts == 0:
        reason = "The agent used up its turns, and going on by itself is switched off for it"
        return Decision(Mechanism.NONE, reason, note=Note(reason, {"policy": policy.told()}))
    attempt = run.scheduled_retry_attempt + 1
    if attempt > policy.max_attempts:
        return bounded.exhausted(RETRY_REASON, attempt=attempt, most=policy.max_attempts)
    goes_on = _goes_on_already(run, attempt)
    refused = None if goes_on else bounded.refusal(ending, wake_reason=WAKE_REASON, retry_reason=RETRY_REASON)
    if refused is not None:
        return bounded.not_scheduled(refused, retry_reason=RETRY_REASON, attempt=attempt)
    due_at = now + timedelta(milliseconds=policy.delay_ms)
    told = {
        "retryReason": RETRY_REASON,
        "scheduledRetryAttempt": attempt,
        "scheduledRetryAt": clock.iso(due_at),
    }
    requeue = Requeue(
        wake_reason=WAKE_REASON,
        retry_reason=RETRY_REASON,
        counters={"scheduled_retry_attempt": attempt, "scheduled_retry_reason": RETRY_REASON},
        context={**told, "modelProfile": "cheap"},
        payload={**told, "modelProfile": "cheap"},
        due_at=due_at,
        idempotency_key=f"max-turn-continuation:{run.company_id}:{run.issue_id or 'no-issue'}:{run.pk}:{attempt}",
        told=Note(
            f"The agent used up its turns; it goes on, {attempt} of {policy.max_attempts}",
            {**told, "baseDelayMs": policy.delay_ms, "delayMs": policy.delay_ms},
        ),
    )
    reason = "The agent used up its turns and goes on where it stopped"
    return Decision(Mechanism.MAX_TURNS_CONTINUATION, reason, attempt, due_at, requeue=requeue)


def policy_of(runtime_config: Any) -> ContinuationPolicy:
    """Return `heartbeat.maxTurnContinuation` of a runtime configuration, read strictly (H-3)."""
    heartbeat = runtime_config.get("heartbeat") if isinstance(runtime_config, dict) else None
    config = heartbeat.get("maxTurnContinuation") if isinstance(heartbeat, dict) else None
    config = config if isinstance(config, dict) else {}
    default = ContinuationPolicy()
    return ContinuationPolicy(
        is_enabled=config["enabled"] if isinstance(config.get("enabled"), bool) else default.is_enabled,
        max_attempts=_whole(config.get("maxAttempts"), default.max_attempts, most=_MAX_ATTEMPTS),
        delay_ms=_whole(config.get("delayMs"), default.delay_ms, most=_MAX_DELAY_MS),
    )


def _whole(value: Any, default: int, *, most: int) -> int:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return int(min(max(value, 0), most)) if is_number else default


def _goes_on_already(run: Run, attempt: int) -> bool:
    continuations = Run.objects.filter(retry_of_run=run, scheduled_retry_reason=RETRY_REASON)
    return continuations.filter(scheduled_retry_attempt=attempt, status__in=RUN_LIVE).exists()
