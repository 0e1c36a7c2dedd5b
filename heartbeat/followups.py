"""One failure, one follow-up: what comes after a run that ended, decided once and written on it (H-135).

Every mechanism is a module of `heartbeat.retries` or `heartbeat.stranding` that is asked in order; the first that
has an answer gets its way. The unique index on `retry_of_run` makes a second follow-up impossible even if this
module were wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from heartbeat import events, wakeups
from heartbeat.choices import Mechanism
from heartbeat.endings import Ending
from heartbeat.retries import (
    continuation,
    diagnostic,
    fresh_session,
    handoff,
    max_turns,
    missing_comment,
    process_loss,
    requeue,
    transient,
)
from heartbeat.retries.decisions import Decision
from heartbeat.stranding import at_release
from issues import checkout
from paperclip.governance import notices
from paperclip.governance.choices import NoticeKind

_Mechanism = Callable[[Ending], Decision | None]

# Tries of the same work: they go before wakes that wait for the issue, which ride along or wait on.
_RETRIES: Sequence[_Mechanism] = (
    process_loss.propose,
    max_turns.propose,
    fresh_session.propose,
    transient.propose,
    diagnostic.propose,
    missing_comment.propose,
)
# What moves an issue that would otherwise be left without a run: only when nobody waits for it.
_RECOVERIES: Sequence[_Mechanism] = (at_release.propose, continuation.propose, handoff.propose)


def settle(ending: Ending, *, is_stopped: bool = False) -> Decision:
    """Decide what follows the ended run, do it, and return the decision for the run's row.

    `is_stopped` says that the agent's automatic calls were found to go in circles: then none is added.
    The caller holds the locks of agent and issue, has ended the run in the same transaction and stored what it
    left behind, so that whatever starts next finds it.
    """
    why_not = _why_nothing(ending, is_stopped)
    refusals: list[str] = []
    decision = _ask(_RETRIES, ending, refusals) if why_not is None else None
    if decision is None:
        checkout.clear_lock(run_id=ending.run.pk)
        decision = _let_waiting_in(ending)
    if decision is None and why_not is None:
        decision = _ask(_RECOVERIES, ending, refusals)
    if decision is not None:
        return decision
    if ending.failed and why_not is None:
        _tell_operators(ending)
    return Decision(Mechanism.NONE, why_not or ". ".join(refusals) or _otherwise(ending))


def columns(decision: Decision) -> dict[str, Any]:
    """Return what of `decision` is written on the run it was made for."""
    return {
        "followup_mechanism": decision.mechanism,
        "followup_reason": decision.reason,
        "followup_attempt": decision.attempt,
        "followup_due_at": decision.due_at,
    }


def _ask(mechanisms: Sequence[_Mechanism], ending: Ending, refusals: list[str]) -> Decision | None:
    """Carry out the first decision that is more than a refusal and return it; collect why others refused."""
    for propose in mechanisms:
        decision = propose(ending)
        if decision is None:
            continue
        if decision.note is not None:
            note = decision.note
            events.append(
                ending.run, note.message, now=ending.now, level=note.level, payload=dict(note.payload)
            )
        if decision.remark is not None:
            decision.remark()
        if decision.is_refusal:
            refusals.append(decision.reason)
            continue
        if decision.requeue is not None:
            requeue.make(ending.run, decision.requeue, now=ending.now)
        if decision.act is not None:
            decision.act()
        return decision
    return None


def _let_waiting_in(ending: Ending) -> Decision | None:
    """Turn the oldest wake that waited for the issue into a run (H-60)."""
    if ending.issue is None:
        return None
    promoted = wakeups.promote_deferred(issue_id=ending.issue.pk, now=ending.now)
    if promoted is None:
        return None
    return Decision(Mechanism.DEFERRED_WAKE, "A call that waited for the issue goes next")


def _why_nothing(ending: Ending, is_stopped: bool) -> str | None:
    """Why no mechanism is asked: somebody decided, or the work is settled otherwise."""
    if ending.cancelled_by_person:
        return "A person cancelled the run; it is not tried again"
    if is_stopped:
        return "The agent's calls go in circles; a person has to say how it goes on"
    return None if ending.succeeded else ending.moot


def _tell_operators(ending: Ending) -> None:
    """Tell whoever is to hear of it that nothing tries the work again; once a day for an agent and an issue."""
    run, issue = ending.run, ending.issue
    where = f" on {issue.identifier}" if issue is not None else ""
    notices.tell(
        company_id=run.company_id,
        kind=NoticeKind.RUN_EXHAUSTED,
        key=f"{run.agent_id}:{run.issue_id}",
        title=f"{run.agent.name} failed{where}, and is not tried again",
        body=run.failure_advice or "",
        path=f"/admin/heartbeat/run/{run.pk}/change/",
        now=ending.now,
    )


def _otherwise(ending: Ending) -> str:
    if ending.succeeded:
        return "The run succeeded"
    return "Failures of this kind are not tried again by themselves"
