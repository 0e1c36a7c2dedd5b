"""A run whose session its program does not know is begun once more with a fresh one (A-47, B-3).

The lost session was set aside when the run ended, so the next run of the task starts without it and is told of it.
"""

from __future__ import annotations

from heartbeat.choices import Mechanism, RunStatus
from heartbeat.endings import Ending
from heartbeat.retries import bounded
from heartbeat.retries.decisions import Decision, Note, Requeue

RETRY_REASON = "session_lost"
WAKE_REASON = "session_lost_retry"
CODES = ("session_not_found", "session_invalid")
# A session that was named for the run would be named for the next one too.
_NAMED = ("resumeSessionParams", "resumeSessionDisplayId")


def propose(ending: Ending) -> Decision | None:
    """Return the one run with a fresh session, or why there is none; None when no session was lost."""
    run = ending.run
    if run.status != RunStatus.FAILED or run.error_code not in CODES:
        return None
    if ending.context.text("retryReason") == RETRY_REASON:
        return Decision(Mechanism.NONE, "The run with a fresh session lost that too")
    refused = bounded.refusal(ending, wake_reason=WAKE_REASON, retry_reason=RETRY_REASON)
    if refused is not None:
        return bounded.not_scheduled(refused, retry_reason=RETRY_REASON, attempt=1)
    requeue = Requeue(
        wake_reason=WAKE_REASON,
        retry_reason=RETRY_REASON,
        context=dict.fromkeys(_NAMED),
        event=Note("Begun afresh: the program did not know its session", {"retryOfRunId": run.pk}),
    )
    reason = "The program did not know its session; it begins with a fresh one"
    return Decision(Mechanism.FRESH_SESSION, reason, 1, requeue=requeue)
