"""The end of a run that leaves its issue without one: taken up again, or handed to somebody (H-142).

Asked when no retry of the same work applies and no call waits for the issue. What cannot be done here, because it
would have to wait for locks in the wrong order, the periodic pass does seconds later: it asks the same questions.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from heartbeat.choices import Mechanism
from heartbeat.endings import Ending
from heartbeat.retries.decisions import Decision
from heartbeat.stranding import attempts, escalation, refusals, verdicts, waits
from heartbeat.stranding.verdicts import Kind, Scene, Step
from issues import locks
from issues.choices import IssueStatus
from issues.models import Issue

_WORKED_ON = (IssueStatus.TODO, IssueStatus.IN_PROGRESS)


def propose(ending: Ending) -> Decision | None:
    """Return what keeps the ended run's issue from being left alone, or why nothing does.

    None when the run went well and may still be asked how the work goes on, or when the issue is not its own.
    """
    issue, run = ending.issue, ending.run
    if issue is None or issue.status not in _WORKED_ON or not ending.is_mine or ending.has_other_live_run:
        return None
    last = verdicts.last_of(run)
    step = verdicts.decide_step(
        Scene(issue.status, last, was_called=True), is_recovery=verdicts.is_recovery(issue)
    )
    if ending.succeeded and step.cause != verdicts.MISSING_STATE:
        return None
    waiting = waits.of(issue, now=ending.now).reason(last)
    if waiting is not None:
        return Decision(Mechanism.NONE, waiting)
    refused = refusals.of(issue=issue, agent=run.agent, run=run, step=step, now=ending.now)
    if refused is not None:
        told = f"The issue is not taken up again: {refused.message[:1].lower()}{refused.message[1:]}"
        return Decision(Mechanism.NONE, told)
    match step.kind:
        case Kind.REQUEUE:
            return attempts.decision(run, step)
        case Kind.ESCALATE:
            return escalation_decision(step, partial(_escalate, ending, issue, step))
    return Decision(Mechanism.NONE, step.reason)


def may_escalate(issue: Issue) -> bool:
    """Take what the escalation of a locked `issue` needs, unless somebody holds it; whether it is taken."""
    return verdicts.is_recovery(issue) or locks.try_company(issue.company_id)


def escalation_decision(step: Step, act: Callable[[], None] | None = None) -> Decision:
    """Return the decision to block the issue and have somebody see to it."""
    return Decision(Mechanism.ESCALATION, f"{step.reason}; the issue is blocked and handed on", act=act)


def _escalate(ending: Ending, issue: Issue, step: Step) -> None:
    if may_escalate(issue):
        escalation.escalate(issue, ending.run, step, now=ending.now)
