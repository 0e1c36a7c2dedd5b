"""Every reason to refuse a wake or a run, in order (H-41, H-67, H-70, H-131).

Each gate is a function of the facts; a list says which are asked when. Enqueue asks those that can be known then,
claim and the promotion of a retry ask again: what was true when a wake was written need not be true when its run
starts. A refusal is a value with a code, never a sentence somebody has to match.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from heartbeat import policy, reviews, stops
from heartbeat.choices import CONTINUES_MAX_TURNS, CONTINUES_WORK, INTERACTION_SOURCES, InvocationSource
from heartbeat.context import WakeContext
from heartbeat.models import LoopStop, Run
from issues import blockers, holds
from issues.choices import CLOSED, SYSTEM_DOCUMENT, IssueStatus
from issues.models import Comment, Document, Issue
from issues.policy import states
from paperclip.companies.choices import AGENT_NOT_INVOKABLE, ActorType
from paperclip.companies.models import Agent, Company, Project
from paperclip.core import naming
from paperclip.governance import budgets, policies
from paperclip.governance.policies import Spent

# Who asks: an actor's type and id, as wakeup requests keep them.
Requester = tuple[str | None, str | None]
NOBODY: Requester = (None, None)
HELD = "issue_tree_hold_active"
HELD_TEXT = "The board paused this part of the work"
LOOP_STOPPED = "loop_stopped"


@dataclass(frozen=True)
class Facts:
    """What a gate may look at.

    `run` is the run that is to start, or that is asked whether it may be tried again. `is_verified_word` says that
    the comment the wake carries exists and is the requester's own (H-8). `is_own_write` says that the agent's own
    run on this issue made the change that calls it.
    """

    agent: Agent
    company: Company
    context: WakeContext
    source: str
    issue: Issue | None = None
    project: Project | None = None
    unresolved_blockers: Sequence[UUID] = ()
    has_active_run: bool = False
    run: Run | None = None
    hold: holds.Gate | None = None
    is_verified_word: bool = False
    is_own_write: bool = False
    loop_stop: LoopStop | None = None
    waits_for_review: bool = False
    spent: Spent = frozenset()

    @property
    def retry_reason(self) -> str | None:
        """Why the run is a retry, None when it is not."""
        return self.context.text("retryReason") or (self.run.scheduled_retry_reason if self.run else None)

    @property
    def continues_max_turns(self) -> bool:
        """Whether the run takes up work that ran out of turns: then everything must be as it was left."""
        return self.retry_reason == CONTINUES_MAX_TURNS

    @property
    def passes_hold(self) -> bool:
        """Whether the wake may start under a pause: somebody's verified word, or a retry of its run (H-8)."""
        return self.is_verified_word or self.context.flag("treeHoldInteraction")

    @property
    def passes_blockers(self) -> bool:
        """Whether the wake may start while the issue waits for others: somebody speaks, or spoke (H-47)."""
        if self.context.is_interaction or self.context.is_answer:
            return True
        return self.context.flag("dependencyBlockedInteraction")


@dataclass(frozen=True)
class Refused:
    """Why a wake or run may not go on. `is_error` marks what the caller of the API is told as a conflict."""

    code: str
    message: str
    is_error: bool = False
    details: dict[str, Any] = field(default_factory=dict)


_Gate = Callable[[Facts], Refused | None]


def look(
    *,
    agent: Agent,
    context: WakeContext,
    source: str,
    now: datetime,
    issue: Issue | None = None,
    requester: Requester = NOBODY,
    has_active_run: bool = False,
    run: Run | None = None,
    is_own_write: bool = False,
) -> Facts:
    """Read what the gates need to know. `agent` carries its company, `issue` its project and is locked.

    Few queries, and most of them only where they matter: blockers and holds for an issue, a loop stop for what
    no person asked for.
    """
    hold = holds.gate(issue.pk) if issue is not None else None
    is_loose = context.issue_id is None or issue is not None
    return Facts(
        agent=agent,
        company=agent.company,
        context=context,
        source=source,
        issue=issue,
        project=issue.project if issue is not None else None,
        unresolved_blockers=blockers.readiness(issue.pk).unresolved_blocker_issue_ids if issue else (),
        has_active_run=has_active_run,
        run=run,
        hold=hold,
        is_verified_word=hold is not None and _is_verified(context, issue, requester),
        is_own_write=is_own_write,
        loop_stop=stops.standing(
            agent=agent,
            issue_id=issue.pk if issue else None,
            requester=requester,
            is_word=context.is_interaction,
            now=now,
        )
        if is_loose
        else None,
        waits_for_review=_waits_for_review(context, issue, run),
        spent=policies.spent_scopes([agent.company_id]),
    )


def at_enqueue(facts: Facts) -> Refused | None:
    """Return the first reason not to accept a wake, or None (H-41, H-44, H-48)."""
    return _first(_AT_ENQUEUE, facts)


def at_claim(facts: Facts) -> Refused | None:
    """Return the first reason not to start a queued run, or None (H-67, H-70)."""
    return _first(_AT_CLAIM, facts)


def at_promotion(facts: Facts) -> Refused | None:
    """Return the first reason not to try a run again, or None (H-131).

    `facts.run` is the retry that is due, or the failed run before a retry is scheduled: whichever should hold the
    issue's lock now.
    """
    return _first(_AT_PROMOTION, facts)


def speaks_to_agent(context: WakeContext) -> bool:
    """Whether a wake is for its agent whosever the issue is: somebody speaks to it, or answers its question."""
    return context.is_interaction or context.wake_reason == "approval_approved"


def held_context(context: WakeContext, hold: holds.Gate | None) -> WakeContext:
    """Return the context of a wake that passes a pause: it says under which it runs (H-41 step 7)."""
    if hold is None:
        return context
    return context.with_more(treeHoldInteraction=True, activeTreeHold={**hold.told(), "interaction": True})


def _first(gates: Sequence[_Gate], facts: Facts) -> Refused | None:
    return next((refused for gate in gates if (refused := gate(facts)) is not None), None)


def _is_verified(context: WakeContext, issue: Issue | None, requester: Requester) -> bool:
    """Whether a wake under a pause really is somebody's word on the issue (H-7, H-8)."""
    if issue is None or not context.is_interaction:
        return False
    if context.text("source") != INTERACTION_SOURCES[str(context.wake_reason)]:
        return False
    carried = [naming.as_field_uuid(text) for text in context.comment_ids]
    comments = Comment.objects.filter(pk__in=[each for each in carried if each], issue=issue)
    kind, name = requester
    author_id = naming.as_field_uuid(name) if name is not None else None
    match kind:
        case ActorType.SYSTEM:
            return comments.exists()
        case ActorType.AGENT if author_id is not None:
            return comments.filter(author_agent=author_id).exists()
        case ActorType.USER if author_id is not None:
            return comments.filter(author_user=author_id).exists()
    return False


def _waits_for_review(context: WakeContext, issue: Issue | None, run: Run | None) -> bool:
    """Whether work that should go on was left waiting for somebody's judgement, in the agent's own words (H-70)."""
    if issue is None or issue.status != IssueStatus.IN_PROGRESS or context.comment_ids or run is None:
        return False
    reasons = (context.wake_reason, context.text("retryReason") or run.scheduled_retry_reason)
    if CONTINUES_WORK not in reasons:
        return False
    told = context.more.get("paperclipContinuationSummary")
    body = told.get("body") if isinstance(told, dict) else None
    if not isinstance(body, str):
        documents = Document.objects.filter(issue_link__issue=issue, issue_link__key=SYSTEM_DOCUMENT)
        body = documents.values_list("latest_body", flat=True).first()
    return body is not None and reviews.waits_for_review(body)


# --- The gates -------------------------------------------------------------------------------------------


def _budget(facts: Facts) -> Refused | None:
    block = budgets.decide_block(
        company=facts.company, agent=facts.agent, project=facts.project, spent=facts.spent
    )
    if block is None:
        return None
    scope = {"scopeType": block.scope_type, "scopeId": str(block.scope_id)}
    return Refused("budget.blocked", block.reason, is_error=True, details=scope)


def _budget_of_retry(facts: Facts) -> Refused | None:
    refused = _budget(facts)
    return None if refused is None else Refused("budget_blocked", refused.message, details=refused.details)


def _invokable(facts: Facts) -> Refused | None:
    if facts.agent.status not in AGENT_NOT_INVOKABLE:
        return None
    message = "Agent is not invokable in its current state"
    return Refused("agent_not_invokable", message, is_error=True, details={"status": facts.agent.status})


def _timer_enabled(facts: Facts) -> Refused | None:
    if facts.source != InvocationSource.TIMER or policy.of(facts.agent).timer_enabled:
        return None
    return Refused("heartbeat.disabled", "The agent's timer is switched off")


def _on_demand_enabled(facts: Facts) -> Refused | None:
    if facts.source == InvocationSource.TIMER or policy.of(facts.agent).wake_on_demand:
        return None
    return Refused("heartbeat.wakeOnDemand.disabled", "The agent takes no wakes besides its timer")


def _not_held(facts: Facts) -> Refused | None:
    """Under a pause only a verified word goes through (H-41 steps 6 and 7)."""
    if facts.hold is None or facts.passes_hold:
        return None
    details = {"holdId": str(facts.hold.hold_id), "rootIssueId": str(facts.hold.root_issue_id)}
    return Refused(HELD, HELD_TEXT, details=details)


def _retry_not_held(facts: Facts) -> Refused | None:
    refused = _not_held(facts)
    return None if refused is None else Refused("issue_paused", refused.message, details=refused.details)


def _no_loop(facts: Facts) -> Refused | None:
    if facts.loop_stop is None:
        return None
    details = {"loopStopId": str(facts.loop_stop.pk), "runs": facts.loop_stop.runs}
    return Refused(LOOP_STOPPED, facts.loop_stop.reason, details=details)


def _not_by_itself(facts: Facts) -> Refused | None:
    if not facts.is_own_write:
        return None
    message = "The agent's own run on this issue made the change; it knows of it"
    return Refused("caused_by_own_run", message)


def _issue_exists(facts: Facts) -> Refused | None:
    if facts.context.issue_id is None or facts.issue is not None:
        return None
    return Refused(
        "issue_execution_issue_not_found", "The issue the wake names does not exist in this company"
    )


def _meant_for_agent(facts: Facts) -> Refused | None:
    """A wake about an issue is for its assignee, for whom somebody speaks to, or for who asked (beats HW-20)."""
    if _is_for_agent(facts):
        return None
    message = "The issue is not assigned to this agent: assign it, or name the agent in a comment, to call it"
    return Refused("issue_not_assigned_to_agent", message)


def _is_for_agent(facts: Facts) -> bool:
    if facts.issue is None or facts.issue.assignee_agent_id == facts.agent.pk:
        return True
    return speaks_to_agent(facts.context)


def _dependencies_ready_or_joined(facts: Facts) -> Refused | None:
    """A wake for a blocked issue is dropped, unless somebody speaks, or a run is there to take it up (H-48)."""
    return None if facts.has_active_run else _dependencies_ready(facts)


def _dependencies_ready(facts: Facts) -> Refused | None:
    if not facts.unresolved_blockers or facts.passes_blockers:
        return None
    blocked_by = {"unresolvedBlockerIssueIds": [str(blocker) for blocker in facts.unresolved_blockers]}
    return Refused("issue_dependencies_blocked", "The issue waits for other issues", details=blocked_by)


def _issue_still_exists(facts: Facts) -> Refused | None:
    if facts.context.issue_id is None or facts.issue is not None:
        return None
    return Refused("issue_not_found", "The issue is gone")


def _not_in_review(facts: Facts) -> Refused | None:
    if not facts.waits_for_review:
        return None
    message = "The agent's own summary says that it waits for somebody's judgement"
    return Refused("issue_continuation_waiting_on_review", message)


def _assignee_unchanged(facts: Facts) -> Refused | None:
    if _is_for_agent(facts):
        return None
    return Refused("issue_assignee_changed", "The issue is no longer assigned to this agent")


def _not_reassigned(facts: Facts) -> Refused | None:
    if facts.issue is None or _is_for_agent(facts):
        return None
    details = {
        "previousRetryAgentId": str(facts.agent.pk),
        "currentAssigneeAgentId": str(facts.issue.assignee_agent_id)
        if facts.issue.assignee_agent_id
        else None,
    }
    return Refused("issue_reassigned", "The issue is no longer assigned to this agent", details=details)


def _issue_open(facts: Facts) -> Refused | None:
    context = facts.context
    if facts.issue is None or facts.issue.status not in CLOSED or context.comment_ids:
        return None
    if context.flag("resumeIntent") or context.flag("followUpRequested"):
        return None
    return Refused("issue_terminal_status", f"The issue is {facts.issue.status}")


def _issue_not_closed(facts: Facts) -> Refused | None:
    if facts.issue is None or facts.issue.status not in CLOSED:
        return None
    cancelled = facts.issue.status == IssueStatus.CANCELLED
    code = "issue_cancelled" if cancelled else "issue_terminal_status"
    return Refused(code, f"The issue is {facts.issue.status}", details={"issueStatus": facts.issue.status})


def _still_in_progress(facts: Facts) -> Refused | None:
    if not facts.continues_max_turns or facts.issue is None or facts.issue.status == IssueStatus.IN_PROGRESS:
        return None
    details = {"currentStatus": facts.issue.status, "requiredStatus": IssueStatus.IN_PROGRESS.value}
    return Refused("issue_not_in_progress", f"The issue is {facts.issue.status}", details=details)


def _lock_kept(facts: Facts) -> Refused | None:
    if not facts.continues_max_turns or facts.issue is None or facts.run is None:
        return None
    holder = facts.issue.execution_run_id
    if holder == facts.run.pk:
        return None
    details = {"executionRunId": str(holder) if holder else None}
    return Refused("issue_execution_lock_changed", "Another run holds the issue by now", details=details)


def _still_asked(facts: Facts) -> Refused | None:
    """Work in review is for whom its policy asks; somebody's word is for whom it names (H-70, H-131)."""
    if facts.issue is None or facts.issue.status != IssueStatus.IN_REVIEW or facts.context.comment_ids:
        return None
    asked = states.asked(facts.issue)
    if asked is None or asked.agent_id == facts.agent.pk:
        return None
    details = {"currentParticipant": asked.told()}
    message = "The issue's policy asks somebody else to judge it"
    return Refused("issue_review_participant_changed", message, details=details)


_AT_ENQUEUE: tuple[_Gate, ...] = (
    _budget,
    _invokable,
    _timer_enabled,
    _on_demand_enabled,
    _not_held,
    _no_loop,
    _issue_exists,
    _not_by_itself,
    _meant_for_agent,
    _dependencies_ready_or_joined,
)
_AT_CLAIM: tuple[_Gate, ...] = (
    _invokable,
    _budget,
    _not_held,
    _no_loop,
    _dependencies_ready,
    _issue_still_exists,
    _not_in_review,
    _assignee_unchanged,
    _issue_open,
    _still_in_progress,
    _lock_kept,
    _still_asked,
)
_AT_PROMOTION: tuple[_Gate, ...] = (
    _budget_of_retry,
    _invokable,
    _issue_still_exists,
    _not_reassigned,
    _issue_not_closed,
    _still_in_progress,
    _lock_kept,
    _still_asked,
    _no_loop,
    _retry_not_held,
    _dependencies_ready,
)
# Refusals at claim that concern the issue: the run ends lightly, as work that is moot, not as work that was stopped.
MOOT = frozenset(
    {
        LOOP_STOPPED,
        "issue_dependencies_blocked",
        "issue_not_found",
        "issue_continuation_waiting_on_review",
        "issue_assignee_changed",
        "issue_terminal_status",
        "issue_not_in_progress",
        "issue_execution_lock_changed",
        "issue_review_participant_changed",
    }
)
