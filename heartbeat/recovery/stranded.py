"""Assigned work that no run moves and nobody waits for: called again, taken up again, or handed to somebody (H-143).

Find, re-check, act: the page of an issue says with the same words what this pass does next (see `movement`), and what
it does is decided again under the issue's lock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection

from heartbeat import followups, movement, wakeups
from heartbeat.choices import RUN_LIVE, InvocationSource, TriggerDetail
from heartbeat.models import Run
from heartbeat.moves import Kind
from heartbeat.recovery import batches, orphan_blockers, passes, waiting
from heartbeat.retries import requeue
from heartbeat.retries.decisions import Decision
from heartbeat.stranding import at_release, attempts, escalation, lasts, refusals, verdicts, waits
from heartbeat.stranding.verdicts import Kind as StepKind
from heartbeat.stranding.verdicts import Scene, Step
from heartbeat.wakeups import Call
from issues.choices import IssueStatus
from issues.models import Issue
from paperclip.companies.choices import AGENT_NOT_INVOKABLE
from paperclip.companies.models import Agent

NAME = "recovery.stranded"
# What one pass does at most; the next goes on with the rest.
MOST, MOST_ONE_BY_ONE = 1000, 200
_CHUNK = 200
_OPEN_WORK = (IssueStatus.TODO, IssueStatus.IN_PROGRESS)


@dataclass(frozen=True)
class Pass:
    """What one pass did, by the names of H-143 to H-145; `skipped` are issues it left as they were."""

    assignment_dispatched: int = 0
    dispatch_requeued: int = 0
    continuation_requeued: int = 0
    successful_run_handoff_escalated: int = 0
    escalated: int = 0
    orphan_blockers_assigned: int = 0
    waiting_promoted: int = 0
    freed_called: int = 0
    locks_cleared: int = 0
    notices_settled: int = 0
    skipped: int = 0
    failed: int = 0


def sweep(*, now: datetime) -> Pass:
    """Get everything going that stands still, and return what was done; anyone may call it, twice, side by side."""
    figures: Counter[str] = Counter()
    figures["locks_cleared"] = waiting.clear_dead_locks()
    figures["waiting_promoted"] = waiting.promote(now=now)
    figures["freed_called"] = waiting.call_freed(now=now)
    moved = one_by_one = 0
    for page in passes.pages(partial(_standing_still, figures=figures)):
        ids = _to_move(page, figures, now=now)
        for start in range(0, len(ids), batches.SIZE):
            if moved >= MOST or one_by_one >= MOST_ONE_BY_ONE:
                return _figures(figures, now=now)
            chunk = ids[start : start + batches.SIZE]
            counted, rest = _move(chunk, now=now)
            figures.update(counted)
            moved, one_by_one = moved + len(chunk), one_by_one + rest
    return _figures(figures, now=now)


def _figures(figures: Counter[str], *, now: datetime) -> Pass:
    figures["orphan_blockers_assigned"] = orphan_blockers.give_back(now=now)
    figures["notices_settled"] = waiting.settle_notices(now=now)
    return Pass(**figures)


# --- Find ------------------------------------------------------------------------------------------------

# Open work of agents without a run, and with nothing to wait for. The partial index holds only such work.
_STANDING_STILL = """
SELECT issue.id, agent.status = ANY(%(idle)s::text[]) OR company.status <> 'active'
FROM issues AS issue
JOIN agents AS agent ON agent.id = issue.assignee_agent_id
JOIN companies AS company ON company.id = issue.company_id
WHERE issue.status IN ('todo', 'in_progress') AND issue.assignee_agent_id IS NOT NULL
  AND issue.hidden_at IS NULL AND issue.id > %(after)s
  AND NOT EXISTS (SELECT FROM heartbeat_runs AS run
                  WHERE run.issue_id = issue.id AND run.status IN ('queued', 'running', 'scheduled_retry'))
  AND NOT EXISTS (SELECT FROM issue_relations AS link JOIN issues AS blocker ON blocker.id = link.issue_id
                  WHERE link.related_issue_id = issue.id AND link.type = 'blocks' AND blocker.status <> 'done')
ORDER BY issue.id LIMIT %(most)s
"""


def _standing_still(after: UUID, *, figures: Counter[str]) -> Sequence[tuple[UUID, bool]]:
    """Return the next issues that stand still, each with whether its agent or company is stopped."""
    values: dict[str, Any] = {
        "after": after,
        "idle": [status.value for status in AGENT_NOT_INVOKABLE],
        "most": passes.PAGE,
    }
    with connection.cursor() as cursor:
        cursor.execute(_STANDING_STILL, values)
        rows: list[tuple[UUID, bool]] = cursor.fetchall()
    return rows


def _to_move(page: Sequence[tuple[UUID, bool]], figures: Counter[str], *, now: datetime) -> list[UUID]:
    """Return those of a page that this pass is to move; the others wait for something, or for a person."""
    ids = [issue_id for issue_id, is_stopped in page if not is_stopped]
    found: list[UUID] = []
    for start in range(0, len(ids), _CHUNK):
        issues = list(Issue.objects.filter(pk__in=ids[start : start + _CHUNK]).only("id"))
        moves = movement.of_many(issues, now=now)
        found += [issue_id for issue_id, move in sorted(moves.items()) if move.kind == Kind.RECOVERY]
    figures["skipped"] += len(page) - len(found)
    return found


# --- Re-check and act ------------------------------------------------------------------------------------


def _move(ids: Sequence[UUID], *, now: datetime) -> tuple[Counter[str], int]:
    """Do what is to be done about some issues; return the figures, and how many were done one by one."""
    together = passes.each(NAME, ids[0], partial(batches.take_up, ids, now=now))
    figures: Counter[str] = together.figures if together is not None else Counter()
    rest = together.rest if together is not None else ids
    slow = Counter(
        passes.each(NAME, issue_id, partial(_recover, issue_id, now=now)) or "failed" for issue_id in rest
    )
    return figures + slow, slow.total() - slow["skipped"] - slow["failed"]


def _recover(issue_id: UUID, *, now: datetime) -> str:
    """Do what is to be done about one issue, and return the figure it counts under."""
    locked = _locked(issue_id)
    if locked is None:
        return "skipped"
    issue, agent = locked
    story = lasts.of(issue.pk)
    was_called = story.was_called or issue.checkout_run_id is not None or issue.execution_run_id is not None
    step = verdicts.decide_step(
        Scene(issue.status, story.last, was_called), is_recovery=verdicts.is_recovery(issue)
    )
    if step.kind == StepKind.LEAVE or waits.of(issue, now=now).reason(story.last) is not None:
        return "skipped"
    if step.kind == StepKind.DISPATCH:  # the call asks the gates itself
        return step.counter if _dispatch(issue, agent, step, now=now) else "skipped"
    run = Run.objects.get(pk=story.run_id) if story.run_id is not None else None
    if refusals.of(issue=issue, agent=agent, run=run, step=step, now=now) is not None:
        return "skipped"
    match step.kind:
        case StepKind.REQUEUE:
            assert run is not None
            _requeue(run, agent, step, now=now)
            return step.counter
        case StepKind.ESCALATE:
            return step.counter if _escalate(issue, run, step, now=now) else "skipped"
    raise AssertionError(step.kind)


def _locked(issue_id: UUID) -> tuple[Issue, Agent] | None:
    """Lock agent and issue, in that order; None when the issue is not stranded work of that agent any more."""
    agent_id = Issue.objects.filter(pk=issue_id).values_list("assignee_agent_id", flat=True).first()
    if agent_id is None:
        return None
    agents = Agent.objects.select_for_update(no_key=True, of=("self",)).select_related("company")
    agent = agents.get(pk=agent_id)
    rows = Issue.objects.select_for_update(no_key=True, of=("self",)).select_related("project", "company")
    issue = rows.filter(
        pk=issue_id, status__in=_OPEN_WORK, assignee_agent=agent, hidden_at__isnull=True
    ).first()
    if issue is None or Run.objects.filter(issue=issue, status__in=RUN_LIVE).exists():
        return None
    issue.assignee_agent = agent
    return issue, agent


def _dispatch(issue: Issue, agent: Agent, step: Step, *, now: datetime) -> bool:
    """Call the agent as if the issue had just been given to it (H-144b)."""
    is_assignment = step.wake_reason == "issue_assigned"
    told = {"mutation": "assigned_todo_liveness_dispatch"} if is_assignment else {}
    outcome = wakeups.enqueue(
        agent_id=agent.pk,
        company_id=agent.company_id,
        call=Call(
            source=InvocationSource.ASSIGNMENT if is_assignment else InvocationSource.AUTOMATION,
            trigger_detail=TriggerDetail.SYSTEM,
            reason=step.wake_reason,
            payload={"issueId": str(issue.pk), **told},
            context={"issueId": str(issue.pk), "taskId": str(issue.pk), "source": step.source},
        ),
        actor=escalation.ACTOR,
        now=now,
    )
    return outcome.run is not None


def _requeue(run: Run, agent: Agent, step: Step, *, now: datetime) -> None:
    """Make the run that follows the last one, and say so on that one."""
    run.agent = agent
    decision = attempts.decision(run, step)
    assert decision.requeue is not None
    requeue.make(run, decision.requeue, now=now)
    _write(run, decision)


def _escalate(issue: Issue, run: Run | None, step: Step, *, now: datetime) -> bool:
    """Block the issue and have somebody see to it; False when others hold what is needed, or it is over."""
    if not at_release.may_escalate(issue):
        return False
    escalated = escalation.escalate(issue, run, step, now=now)
    if escalated is not None and run is not None:
        _write(run, at_release.escalation_decision(step))
    return escalated is not None


def _write(run: Run, decision: Decision) -> None:
    columns: dict[str, Any] = followups.columns(decision)
    Run.objects.filter(pk=run.pk).update(**columns)
