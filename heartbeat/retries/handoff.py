"""A run that did something and left its issue in progress is asked, once, how the work stands (H-111, H-112)."""

from __future__ import annotations

from functools import partial
from typing import Any

from heartbeat import actionability, system_notices
from heartbeat.choices import MAX_HANDOFFS, CommentPolicy, Liveness, Mechanism
from heartbeat.endings import Ending
from heartbeat.models import Run
from heartbeat.retries import standing
from heartbeat.retries.decisions import Decision, Requeue
from issues import handoffs, trail
from issues.choices import IssueStatus

WAKE_REASON = "finish_successful_run_handoff"
REASON = "successful_run_missing_state"
DISPOSITIONS = (
    "mark_done_or_cancelled",
    "send_for_review_or_ask_for_input",
    "mark_blocked",
    "delegate_or_continue_from_checkpoint",
)
MAX_PROGRESS = 280
_INSTRUCTION = (
    "The run before did something, and left the issue in progress with nobody to move it. Say how it stands: mark it "
    "done or cancelled, send it for review or ask for what is missing, mark it blocked by what blocks it, or hand "
    "the rest on. Do not do the work again."
)
_UNFINISHED = (
    Liveness.ADVANCED,
    Liveness.COMPLETED,
    Liveness.BLOCKED,
    Liveness.NEEDS_FOLLOWUP,
    Liveness.PLAN_ONLY,
)
_NO_WORD = (CommentPolicy.RETRY_QUEUED, CommentPolicy.RETRY_EXHAUSTED)


def propose(ending: Ending) -> Decision | None:
    """Return the question how the work stands, or why it is not asked; None when nothing needs to be asked."""
    run, issue = ending.run, ending.issue
    if not ending.succeeded or issue is None or issue.status != IssueStatus.IN_PROGRESS:
        return None
    if run.liveness_state not in _UNFINISHED or run.issue_comment_status in _NO_WORD:
        return None
    why_not = _why_not(ending)
    if why_not is not None:
        return Decision(Mechanism.HANDOFF, why_not)
    attempt = run.handoff_attempt + 1
    key = f"{WAKE_REASON}:{run.issue_id}:{run.pk}:{attempt}"
    found = standing.of(ending, key=key)
    for holds, reason in (
        (found.is_live or found.is_called, "The issue is called for already"),
        (found.awaits_answer, "The issue waits for an answer to a question"),
        (found.awaits_approval, "The issue waits for an approval"),
        (found.awaits_issue, "The issue waits for other issues"),
        (found.awaits_children, "The issue waits for its children"),
        (found.is_recovered, "Somebody sees to the issue in an issue of its own"),
    ):
        if holds:
            return Decision(Mechanism.HANDOFF, reason)
    refused = ending.refusal_of(WAKE_REASON)
    if refused is not None:
        return Decision(Mechanism.HANDOFF, refused.message)
    progress = _progress(ending)
    return Decision(
        Mechanism.HANDOFF,
        "The run did something and left the issue in progress; it is asked how the work stands",
        attempt,
        requeue=_requeue(run, attempt, key, progress),
        act=partial(_tell, ending, progress),
    )


def _why_not(ending: Ending) -> str | None:
    if ending.run.handoff_attempt >= MAX_HANDOFFS:
        return "The issue is still in progress after the agent was asked how the work stands"
    if (ending.context.wake_reason or "").startswith("issue_monitor"):
        return "The run only looked after the issue"
    return standing.why_not_mine(ending)


def _progress(ending: Ending) -> str:
    """What the run came to, in one line without secrets."""
    text = ending.said[0] if ending.said else ending.run.liveness_reason or ""
    return actionability.sentence(text, MAX_PROGRESS)


def _requeue(run: Run, attempt: int, key: str, progress: str) -> Requeue:
    told: dict[str, Any] = {
        "modelProfile": "cheap",
        "handoffRequired": True,
        "handoffReason": REASON,
        "missingDisposition": "clear_next_step",
        "validDispositionOptions": list(DISPOSITIONS),
        "detectedProgressSummary": progress,
        "handoffAttempt": attempt,
        "maxHandoffAttempts": MAX_HANDOFFS,
        "resumeIntent": True,
        "followUpRequested": True,
        "resumeFromRunId": run.pk,
        "sourceRunId": run.pk,
        "instruction": _INSTRUCTION,
    }
    return Requeue(
        wake_reason=WAKE_REASON,
        retry_reason=WAKE_REASON,
        counters={"handoff_attempt": attempt},
        context=told,
        payload=told,
        is_fresh=True,
        idempotency_key=key,
    )


def _tell(ending: Ending, progress: str) -> None:
    """Say on the issue, and in the log, that the agent was asked."""
    issue, run = ending.issue, ending.run
    assert issue is not None
    asked = Run.objects.only("pk").get(retry_of_run=run)
    system_notices.post(
        issue,
        run,
        body=(
            f"{run.agent.name}'s run ended well and left this issue in progress with nobody to move it. "
            "It was called once more to say how the work stands."
        ),
        title="How does the work stand?",
        rows=[
            system_notices.run_link("Run that ended", run),
            system_notices.run_link("Run that answers", asked),
            system_notices.fact("Missing", "A clear next step"),
            system_notices.fact("Progress", progress),
        ],
        now=ending.now,
    )
    details = {
        "identifier": issue.identifier,
        "sourceRunId": run.pk,
        "correctiveRunId": asked.pk,
        "assigneeAgentId": run.agent_id,
        "detectedProgressSummary": progress,
    }
    trail.record(issue, handoffs.REQUIRED, actor=system_notices.ACTOR, now=ending.now, details=details)
