"""Whom a change of an issue calls, why, and with what (I-89 to I-94).

A change collects its wakes in a `Batch` and sends them once, at its end, inside its transaction. What becomes
of a wake is the run engine's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from issues import signals
from paperclip.companies.actors import Actor


@dataclass(frozen=True)
class Wake:
    """One agent called for one issue: a row of the table I-90."""

    agent_id: UUID
    issue_id: UUID
    reason: str
    source: str
    payload: dict[str, Any] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)
    trigger_detail: str = "system"
    idempotency_key: str | None = None


class Batch:
    """The wakes of one change: at most one per agent and issue."""

    def __init__(self) -> None:
        self._wakes: dict[tuple[UUID, UUID], Wake] = {}

    def add(self, wake: Wake | None, *, keep_first: bool = False) -> None:
        """Add a wake; a later one for the same agent and issue replaces an earlier, unless `keep_first`."""
        if wake is None:
            return
        key = (wake.agent_id, wake.issue_id)
        if keep_first and key in self._wakes:
            return
        self._wakes[key] = wake

    def send(self, *, actor: Actor, now: datetime) -> None:
        """Hand the wakes to whoever runs agents, in a fixed order of issues so that locks never cross."""
        if not self._wakes:
            return
        wakes = sorted(self._wakes.values(), key=lambda wake: (str(wake.issue_id), str(wake.agent_id)))
        signals.agents_called.send(sender=Batch, wakes=wakes, actor=actor, now=now)


def send(wake: Wake, *, actor: Actor, now: datetime) -> str | None:
    """Hand one wake to whoever runs agents and return why nobody will run for it, None when somebody will."""
    answers: list[Any] = signals.agents_called.send(sender=Batch, wakes=[wake], actor=actor, now=now)
    refusals = [refused for _, told in answers for refused in told or () if refused is not None]
    return refusals[0] if refusals else None


# --- The rows of the table I-90 --------------------------------------------------------------------------


@dataclass(frozen=True)
class Trace:
    """What a change tells its wakes beside the plain facts (I-89): `…+` in the table."""

    resumed: bool = False
    interrupted_run_id: UUID | None = None

    def keys(self) -> dict[str, Any]:
        """Return the extra keys of payload and context."""
        keys: dict[str, Any] = {}
        if self.resumed:
            keys |= {"resumeIntent": True, "followUpRequested": True}
        if self.interrupted_run_id is not None:
            keys["interruptedRunId"] = str(self.interrupted_run_id)
        return keys


NO_TRACE = Trace()


def assigned(
    *,
    issue_id: UUID,
    agent_id: UUID,
    mutation: str = "create",
    source: str = "issue.create",
    comment_id: UUID | None = None,
    trace: Trace = NO_TRACE,
) -> Wake:
    """An agent was given the issue; the comment that came with it travels along."""
    issue, extra = str(issue_id), trace.keys()
    payload = {"issueId": issue, "mutation": mutation, **extra}
    context = {"issueId": issue, "source": source, **extra}
    if comment_id is not None:
        payload["commentId"] = str(comment_id)
        context |= {"taskId": issue, **_comment(comment_id)}
    return Wake(agent_id, issue_id, "issue_assigned", "assignment", payload, context)


def status_changed(*, issue_id: UUID, agent_id: UUID, trace: Trace = NO_TRACE) -> Wake:
    """The issue became ready for its assignee."""
    payload = {"issueId": str(issue_id), "mutation": "update", **trace.keys()}
    context = {"issueId": str(issue_id), "source": "issue.status_change", **trace.keys()}
    return Wake(agent_id, issue_id, "issue_status_changed", "automation", payload, context)


def commented(
    *,
    issue_id: UUID,
    agent_id: UUID,
    comment_id: UUID,
    reopened_from: str | None = None,
    trace: Trace = NO_TRACE,
) -> Wake:
    """Somebody wrote to the assignee, and perhaps brought the issue back by it."""
    reason = "issue_reopened_via_comment" if reopened_from else "issue_commented"
    extra = trace.keys() | ({"reopenedFrom": reopened_from} if reopened_from else {})
    payload = {"issueId": str(issue_id), "commentId": str(comment_id), "mutation": "comment", **extra}
    source = "issue.comment.reopen" if reopened_from else "issue.comment"
    context = _task(issue_id, reason, source) | _comment(comment_id) | extra
    return Wake(agent_id, issue_id, reason, "automation", payload, context)


def mentioned(*, issue_id: UUID, agent_id: UUID, comment_id: UUID) -> Wake:
    """An agent was named in a comment."""
    reason = "issue_comment_mentioned"
    payload = {"issueId": str(issue_id), "commentId": str(comment_id)}
    context = _task(issue_id, reason, "comment.mention") | _comment(comment_id)
    return Wake(agent_id, issue_id, reason, "automation", payload, context)


def blockers_resolved(*, issue_id: UUID, agent_id: UUID, resolved: UUID, blockers: Iterable[UUID]) -> Wake:
    """The last thing the issue waited for is out of the way."""
    facts = {
        "resolvedBlockerIssueId": str(resolved),
        "blockerIssueIds": [str(blocker) for blocker in blockers],
    }
    reason = "issue_blockers_resolved"
    context = _task(issue_id, reason, "issue.blockers_resolved") | facts
    return Wake(agent_id, issue_id, reason, "automation", {"issueId": str(issue_id)} | facts, context)


def children_completed(
    *,
    issue_id: UUID,
    agent_id: UUID,
    completed: UUID,
    children: Sequence[UUID],
    summaries: list[dict[str, Any]],
) -> Wake:
    """Every child of the issue is closed; `summaries` holds the first of them."""
    facts = {
        "completedChildIssueId": str(completed),
        "childIssueIds": [str(child) for child in children],
        "childIssueSummaries": summaries,
        "childIssueSummaryTruncated": len(children) > len(summaries),
    }
    reason = "issue_children_completed"
    context = _task(issue_id, reason, "issue.children_completed") | facts
    return Wake(agent_id, issue_id, reason, "automation", {"issueId": str(issue_id)} | facts, context)


def checked_out(*, issue_id: UUID, agent_id: UUID) -> Wake:
    """Somebody else took the issue for the agent."""
    payload = {"issueId": str(issue_id), "mutation": "checkout"}
    context = {"issueId": str(issue_id), "source": "issue.checkout"}
    return Wake(agent_id, issue_id, "issue_checked_out", "assignment", payload, context)


def tree_restored(*, issue_id: UUID, agent_id: UUID, root_issue_id: UUID, hold_id: UUID) -> Wake:
    """An issue that was called off with its tree is back."""
    facts = {"rootIssueId": str(root_issue_id), "restoreHoldId": str(hold_id)}
    reason = "issue_tree_restored"
    context = _task(issue_id, reason, "issue.tree_restore") | facts
    return Wake(agent_id, issue_id, reason, "assignment", {"issueId": str(issue_id)} | facts, context)


def tree_resumed(*, issue_id: UUID, agent_id: UUID, root_issue_id: UUID, hold_id: UUID) -> Wake:
    """The pause that stopped the agent's work, or kept it from starting, is over."""
    facts = {"rootIssueId": str(root_issue_id), "pauseHoldId": str(hold_id)}
    reason = "issue_tree_resumed"
    context = _task(issue_id, reason, "issue.tree_resume") | facts
    return Wake(agent_id, issue_id, reason, "assignment", {"issueId": str(issue_id)} | facts, context)


def stage_called(
    *, issue_id: UUID, agent_id: UUID, reason: str, stage: dict[str, Any], trace: Trace = NO_TRACE
) -> Wake:
    """The issue's policy asks the agent to judge, or to change what was judged; `stage` is I-91."""
    payload = {"issueId": str(issue_id), "mutation": "update", "executionStage": stage, **trace.keys()}
    context = _task(issue_id, reason, "issue.execution_stage") | {"executionStage": stage} | trace.keys()
    return Wake(agent_id, issue_id, reason, "assignment", payload, context)


def interaction_resolved(*, issue_id: UUID, agent_id: UUID, verb: str, facts: dict[str, Any]) -> Wake:
    """A person resolved what was put to them, by `verb`: accept, reject, respond or cancel (I-125)."""
    reason = "issue_commented"
    payload = {"issueId": str(issue_id), "mutation": "interaction", **facts}
    context = _task(issue_id, reason, f"issue.interaction.{verb}") | facts
    return Wake(agent_id, issue_id, reason, "automation", payload, context)


def monitor_due(
    *, issue_id: UUID, agent_id: UUID, facts: dict[str, Any], is_manual: bool, idempotency_key: str | None
) -> Wake:
    """It is time to look at the issue again, by its monitor or because somebody wants it now (I-112, I-113)."""
    reason = "issue_monitor_due"
    payload = {"issueId": str(issue_id), **facts, "source": "manual" if is_manual else "scheduled"}
    context = _task(issue_id, reason, "issue.monitor") | facts | {"manualTrigger": is_manual}
    return Wake(
        agent_id,
        issue_id,
        reason,
        "on_demand" if is_manual else "automation",
        payload,
        context,
        trigger_detail="manual" if is_manual else "system",
        idempotency_key=idempotency_key,
    )


def monitor_ended(*, issue_id: UUID, agent_id: UUID, facts: dict[str, Any]) -> Wake:
    """The issue's monitor has used up its time or its attempts, and its agent is to see to that (I-112)."""
    reason = "issue_monitor_recovery"
    context = _task(issue_id, reason, "issue.monitor.recovery") | facts
    return Wake(agent_id, issue_id, reason, "automation", {"issueId": str(issue_id), **facts}, context)


def monitor_recovery(*, issue_id: UUID, agent_id: UUID, facts: dict[str, Any]) -> Wake:
    """The agent is given an issue of its own about a monitor that came to its end (I-112)."""
    reason = "issue_monitor_recovery_issue"
    context = _task(issue_id, reason, "issue.monitor.recovery_issue") | facts
    return Wake(agent_id, issue_id, reason, "automation", {"issueId": str(issue_id), **facts}, context)


def _task(issue_id: UUID, reason: str, source: str) -> dict[str, Any]:
    return {"issueId": str(issue_id), "taskId": str(issue_id), "wakeReason": reason, "source": source}


def _comment(comment_id: UUID) -> dict[str, Any]:
    return {"commentId": str(comment_id), "wakeCommentId": str(comment_id)}
