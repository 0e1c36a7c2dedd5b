"""A program the control plane lost is started once more, whatever else failed before (H-113)."""

from __future__ import annotations

from heartbeat.choices import MAX_PROCESS_LOSS_RETRIES, Mechanism
from heartbeat.endings import PROCESS_LOST, Ending
from heartbeat.retries.decisions import Decision, Note, Requeue


def propose(ending: Ending) -> Decision | None:
    """Return the one retry of a lost program, or why there is none; None when the program was not lost."""
    run = ending.run
    if not ending.was_lost:
        return None
    if run.process_loss_retry_count >= MAX_PROCESS_LOSS_RETRIES:
        return Decision(Mechanism.NONE, "The program was lost again after its one retry")
    attempt = run.process_loss_retry_count + 1
    requeue = Requeue(
        wake_reason="process_lost_retry",
        retry_reason=PROCESS_LOST,
        counters={"process_loss_retry_count": attempt},
        context={"modelProfile": "cheap"},
        payload={"modelProfile": "cheap"},
        event=Note("Queued again: the program of the run before was lost", {"retryOfRunId": run.pk}),
    )
    reason = "The program was lost; it is started once more"
    return Decision(Mechanism.PROCESS_LOSS_RETRY, reason, attempt, requeue=requeue)
