"""A run that only planned, or said nothing, is called to go on, twice at most (H-109, H-110)."""

from __future__ import annotations

from functools import partial
from typing import Any

from heartbeat import actionability, system_notices
from heartbeat.choices import MAX_LIVENESS_CONTINUATIONS, CommentPolicy, Liveness, Mechanism
from heartbeat.endings import Ending
from heartbeat.models import Run
from heartbeat.retries import standing
from heartbeat.retries.decisions import Decision, Requeue

WAKE_REASON = "run_liveness_continuation"
EXHAUSTED = "Bounded liveness continuation exhausted"
_INSTRUCTIONS = {
    Liveness.PLAN_ONLY: "The run before ended with a plan. Take its next step now, and leave the result on the issue.",
    Liveness.EMPTY_RESPONSE: "The run before left nothing behind. Take the work up, and leave the result on the issue.",
}


def propose(ending: Ending) -> Decision | None:
    """Return the call to go on, or why there is none; None when the run did something."""
    run = ending.run
    if not ending.succeeded or run.liveness_state not in _INSTRUCTIONS:
        return None
    if run.issue_comment_status in (CommentPolicy.RETRY_QUEUED, CommentPolicy.RETRY_EXHAUSTED):
        return None
    why_not = standing.why_not_mine(ending)
    if why_not is not None:
        return _refused(why_not)
    attempt = run.continuation_attempt + 1
    key = f"{WAKE_REASON}:{run.issue_id}:{run.pk}:{run.liveness_state}:{attempt}"
    found = standing.of(ending, key=key)
    if found.is_live or found.is_called:
        return _refused("The issue is called for already")
    if found.awaits_answer:
        return _refused("The issue waits for an answer to a question")
    if found.awaits_children:
        return _refused("The issue waits for its children")
    if found.is_reviewed:
        reason = "A review of how the work goes is open"
        return _refused(reason, remark=partial(_add_to_reason, run, reason))
    if attempt > MAX_LIVENESS_CONTINUATIONS:
        used = f"{run.continuation_attempt}/{MAX_LIVENESS_CONTINUATIONS}"
        return _refused(f"{EXHAUSTED}: {used} used", remark=partial(_say_exhausted, ending, used))
    refused = ending.refusal_of(WAKE_REASON)
    if refused is not None:
        return _refused(refused.message)
    reason = (
        "The run left nothing behind"
        if run.liveness_state == Liveness.EMPTY_RESPONSE
        else "The run only planned"
    )
    requeue = _requeue(run, attempt, key)
    return Decision(
        Mechanism.LIVENESS_CONTINUATION, f"{reason}; it is called to go on", attempt, requeue=requeue
    )


def _requeue(run: Run, attempt: int, key: str) -> Requeue:
    facts: dict[str, Any] = {
        "SourceRunId": run.pk,
        "State": run.liveness_state,
        "Reason": run.liveness_reason,
        "Instruction": _INSTRUCTIONS[Liveness(str(run.liveness_state))],
    }
    return Requeue(
        wake_reason=WAKE_REASON,
        retry_reason=WAKE_REASON,
        counters={"continuation_attempt": attempt},
        context={
            "modelProfile": "cheap",
            "livenessContinuationAttempt": attempt,
            "livenessContinuationMaxAttempts": MAX_LIVENESS_CONTINUATIONS,
            **{f"livenessContinuation{name}": value for name, value in facts.items()},
        },
        payload={
            "modelProfile": "cheap",
            "sourceRunId": run.pk,
            "livenessState": run.liveness_state,
            "livenessReason": run.liveness_reason,
            "continuationAttempt": attempt,
            "maxContinuationAttempts": MAX_LIVENESS_CONTINUATIONS,
            "instruction": facts["Instruction"],
        },
        is_fresh=True,
        idempotency_key=key,
    )


def _refused(reason: str, **more: Any) -> Decision:
    return Decision(Mechanism.LIVENESS_CONTINUATION, reason, **more)


def _say_exhausted(ending: Ending, used: str) -> None:
    assert ending.issue is not None
    run = ending.run
    system_notices.post(
        ending.issue,
        run,
        body=f"{EXHAUSTED}: {used} used. The runs of {run.agent.name} left nothing on this issue.",
        title="No progress",
        rows=[
            system_notices.run_link("Last run", run),
            system_notices.fact("Continuations", used),
            system_notices.fact("What it came to", run.liveness_reason or ""),
        ],
        now=ending.now,
    )
    _add_to_reason(run, f"{EXHAUSTED}, {used}")


def _add_to_reason(run: Run, more: str) -> None:
    reason = actionability.sentence(f"{run.liveness_reason}. {more}")
    Run.objects.filter(pk=run.pk).update(liveness_reason=reason)
    run.liveness_reason = reason
