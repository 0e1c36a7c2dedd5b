"""Every reason to refuse a wake or a run, in order (H-41, H-67, H-70).

One list of gates, each a function of the facts. Enqueue asks those that can be known then, claim asks again: what
was true when a wake was written need not be true when its run starts. A refusal is a value with a code, never a
sentence somebody has to match.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from heartbeat import policy
from heartbeat.choices import InvocationSource
from heartbeat.context import WakeContext
from issues.choices import CLOSED
from issues.models import Issue
from paperclip.companies.choices import AGENT_NOT_INVOKABLE
from paperclip.companies.models import Agent, Company, Project
from paperclip.governance import budgets


@dataclass(frozen=True)
class Facts:
    """What a gate may look at."""

    agent: Agent
    company: Company
    context: WakeContext
    source: str
    issue: Issue | None = None
    project: Project | None = None
    unresolved_blockers: Sequence[UUID] = ()
    has_active_run: bool = False


@dataclass(frozen=True)
class Refused:
    """Why a wake or run may not go on. `is_error` marks what the caller of the API is told as a conflict."""

    code: str
    message: str
    is_error: bool = False
    details: dict[str, Any] = field(default_factory=dict)


_Gate = Callable[[Facts], Refused | None]


def at_enqueue(facts: Facts) -> Refused | None:
    """Return the first reason not to accept a wake, or None (H-41, H-44, H-48)."""
    return _first(_AT_ENQUEUE, facts)


def at_claim(facts: Facts) -> Refused | None:
    """Return the first reason not to start a queued run, or None (H-67, H-70)."""
    return _first(_AT_CLAIM, facts)


def _first(gates: Sequence[_Gate], facts: Facts) -> Refused | None:
    return next((refused for gate in gates if (refused := gate(facts)) is not None), None)


def _budget(facts: Facts) -> Refused | None:
    block = budgets.invocation_block(company=facts.company, agent=facts.agent, project=facts.project)
    if block is None:
        return None
    scope = {"scopeType": block.scope_type, "scopeId": str(block.scope_id)}
    return Refused("budget.blocked", block.reason, is_error=True, details=scope)


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


def _issue_exists(facts: Facts) -> Refused | None:
    if facts.context.issue_id is None or facts.issue is not None:
        return None
    return Refused(
        "issue_execution_issue_not_found", "The issue the wake names does not exist in this company"
    )


def _dependencies_ready_or_joined(facts: Facts) -> Refused | None:
    """A wake for a blocked issue is dropped, unless somebody speaks, or a run is there to take it up (H-48)."""
    return None if facts.has_active_run else _dependencies_ready(facts)


def _dependencies_ready(facts: Facts) -> Refused | None:
    if not facts.unresolved_blockers or facts.context.is_interaction:
        return None
    blockers = {"unresolvedBlockerIssueIds": [str(blocker) for blocker in facts.unresolved_blockers]}
    return Refused("issue_dependencies_blocked", "The issue waits for other issues", details=blockers)


def _issue_still_exists(facts: Facts) -> Refused | None:
    if facts.context.issue_id is None or facts.issue is not None:
        return None
    return Refused("issue_not_found", "The issue is gone")


def _assignee_unchanged(facts: Facts) -> Refused | None:
    if facts.issue is None or facts.issue.assignee_agent_id == facts.agent.pk or facts.context.is_interaction:
        return None
    return Refused("issue_assignee_changed", "The issue is no longer assigned to this agent")


def _issue_open(facts: Facts) -> Refused | None:
    context = facts.context
    if facts.issue is None or facts.issue.status not in CLOSED or context.comment_ids:
        return None
    if context.flag("resumeIntent") or context.flag("followUpRequested"):
        return None
    return Refused("issue_terminal_status", f"The issue is {facts.issue.status}")


_AT_ENQUEUE: tuple[_Gate, ...] = (
    _budget,
    _invokable,
    _timer_enabled,
    _on_demand_enabled,
    _issue_exists,
    _dependencies_ready_or_joined,
)
_AT_CLAIM: tuple[_Gate, ...] = (
    _invokable,
    _budget,
    _dependencies_ready,
    _issue_still_exists,
    _assignee_unchanged,
    _issue_open,
)
# Refusals at claim that concern the issue: the run ends lightly, as work that is moot, not as work that was stopped.
MOOT = frozenset(
    {"issue_dependencies_blocked", "issue_not_found", "issue_assignee_changed", "issue_terminal_status"}
)
