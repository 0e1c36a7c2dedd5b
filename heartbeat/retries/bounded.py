"""What the retries have in common: the gates before one is made, and how it is told that none is."""

from __future__ import annotations

from dataclasses import replace

from heartbeat import gates, providers
from heartbeat.choices import FailureCategory, Mechanism
from heartbeat.endings import Ending
from heartbeat.gates import Refused
from heartbeat.models import Run
from heartbeat.retries import backoff, requeue
from heartbeat.retries.decisions import Decision, Note

EXHAUSTED = "Bounded retry exhausted"
_CAUSE_CHARS = 160


def refusal(ending: Ending, *, wake_reason: str, retry_reason: str) -> Refused | None:
    """Return why the work may not be tried again as things stand, by the gates of H-131 (beats HW-26)."""
    context = ending.context.with_more(retryReason=retry_reason)
    facts = gates.look(
        agent=ending.run.agent,
        context=replace(context, wake_reason=requeue.wake_reason(context, wake_reason)),
        source=ending.run.invocation_source,
        issue=ending.issue,
        requester=(requeue.ACTOR.type, requeue.ACTOR.id),
        run=ending.run,
        now=ending.now,
    )
    return gates.at_promotion(facts)


def not_scheduled(refused: Refused, *, retry_reason: str, attempt: int) -> Decision:
    """Return the refusal of a retry that a gate stands against, told on the run that ended."""
    told = {"retryReason": retry_reason, "scheduledRetryAttempt": attempt, "outcome": "not_scheduled"}
    note = Note(f"Not tried again: {refused.message}", {**told, "code": refused.code, **refused.details})
    return Decision(Mechanism.NONE, f"Not tried again: {refused.message}", attempt, note=note)


def exhausted(retry_reason: str, *, attempt: int, most: int) -> Decision:
    """Return the refusal of an attempt beyond the bound; clients know it by how its event begins (H-11, H-128)."""
    made = attempt - 1
    message = f"{EXHAUSTED} after {made} {'attempt' if made == 1 else 'attempts'}"
    told = {"retryReason": retry_reason, "scheduledRetryAttempt": attempt, "maxAttempts": most}
    return Decision(Mechanism.NONE, message, note=Note(f"{message}; nothing more is tried by itself", told))


def cause(run: Run) -> str:
    """Return in one line why the run is tried again: the kind of its failure and what it said."""
    kind = FailureCategory(run.failure_category or FailureCategory.UNKNOWN).label
    said = (run.error or "").strip().splitlines()
    line = said[0].strip() if said else ""
    if not line:
        return str(kind)
    return f"{kind}: {line if len(line) <= _CAUSE_CHARS else line[: _CAUSE_CHARS - 1] + '…'}"


def keeping_off(ending: Ending, decision: Decision) -> Decision:
    """Return `decision` that also keeps others off the provider account, where that refused the run for its rate."""
    run = ending.run
    if run.failure_category != FailureCategory.RATE_LIMIT:
        return decision
    stated = backoff.not_before(ending.result, now=ending.now)

    def close() -> None:
        providers.close(run=run, not_before=stated, reason=cause(run), now=ending.now)

    return replace(decision, remark=close)
