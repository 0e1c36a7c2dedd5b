"""The run that takes a stranded issue up again."""

from __future__ import annotations

from heartbeat.choices import Mechanism
from heartbeat.models import Run
from heartbeat.retries.decisions import Decision, Note, Requeue
from heartbeat.stranding.verdicts import Step


def decision(run: Run, step: Step) -> Decision:
    """Return the decision that after `run` the issue is taken up again as `step` says (H-142, H-144).

    The new run knows the issue only, not what the old one was called for, and takes the issue's lock.
    """
    told = {"retryOfRunId": run.pk, "retryReason": step.retry_reason, "recoveryAttempt": step.attempt}
    requeue = Requeue(
        wake_reason=step.wake_reason,
        retry_reason=step.retry_reason,
        counters={"recovery_attempt": step.attempt},
        context={"source": step.source, "modelProfile": "cheap"},
        payload={"retryReason": step.retry_reason, "source": step.source, "modelProfile": "cheap"},
        is_fresh=True,
        takes_lock=True,
        event=Note(f"Queued to get the issue going again: {_lower(step.reason)}", told),
    )
    return Decision(
        Mechanism.RECOVERY,
        f"{step.reason}; the issue is taken up again",
        step.attempt or None,
        requeue=requeue,
    )


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
