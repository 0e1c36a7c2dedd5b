"""How a scope that its budget stopped goes on: more is allowed, or a new window began."""

from __future__ import annotations

from datetime import datetime

from paperclip.companies.actors import Actor
from paperclip.governance import incidents, policies, scopes
from paperclip.governance.choices import ApprovalStatus, IncidentStatus
from paperclip.governance.models import BudgetPolicy

VIA_UPDATE = "Resolved via budget update"
MONTH_ENDED = "The month this was asked for has ended"


def lift(policy: BudgetPolicy, *, note: str | None, actor: Actor, now: datetime) -> None:
    """Close what is open about a budget that stops nothing any more, and let its scope go on (C-91)."""
    incidents.close(
        policy,
        status=IncidentStatus.RESOLVED,
        approval_status=ApprovalStatus.APPROVED,
        note=note,
        actor=actor,
        now=now,
    )
    resume(policy, actor=actor, now=now)


def roll(policy: BudgetPolicy, *, now: datetime) -> bool:
    """Begin the window that holds `now`: what the last one left open is closed, its pause ends (CW-24).

    Return whether the scope goes on. A "keep paused" ends with its window too: a lasting stop is a pause by hand.
    """
    policies.recount(policy, now=now)
    incidents.close(
        policy,
        status=IncidentStatus.RESOLVED,
        approval_status=ApprovalStatus.CANCELLED,
        note=MONTH_ENDED,
        actor=incidents.SERVICE,
        now=now,
    )
    return not policy.is_spent and resume(policy, actor=incidents.SERVICE, now=now)


def resume(policy: BudgetPolicy, *, actor: Actor, now: datetime) -> bool:
    """Let the scope go on, unless another of its budgets stops it; return whether it does."""
    return not policies.others_stop(policy) and scopes.resume(policy, actor=actor, now=now)
