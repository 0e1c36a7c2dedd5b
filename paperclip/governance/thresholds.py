"""Each cost is held against the budgets it falls under, and what it crosses takes effect at once (C-89).

The cost, the incident, the question to the board, the pause and the cancelled work commit together, under the
ledger's lock: of any number of reports at once exactly one crosses (CW-26). An amount is crossed once in a window:
later costs add to the figure and repeat nothing (CW-7), and an amount that was raised can be crossed anew (CW-5).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from paperclip.core import clock
from paperclip.governance import approvals, budget_decisions, incidents, policies, relief, scopes
from paperclip.governance.choices import ApprovalStatus, ApprovalType, BudgetThreshold, IncidentStatus
from paperclip.governance.models import BudgetIncident, BudgetPolicy, CostEvent

_GUIDANCE = (
    "Approving allows more, as much as proposed here or as is needed by then, and lets the work go on."
    " Rejecting keeps it paused until the budget's window ends."
)


def count(event: CostEvent, *, now: datetime) -> None:
    """Count a cost that was just stored against its budgets. The caller holds the ledger's lock."""
    for policy in policies.falling_under(event):
        if policy.window_end <= now:
            relief.roll(policy, now=now)  # nobody came by since the window ended; the cost is counted with it
        elif not policies.add(policy, event):
            continue
        if policy.notify_enabled and policy.observed_amount >= policy.warn_at:
            _warn(policy, now=now)
        if policy.is_spent and not incidents.is_known(policy, BudgetThreshold.HARD):
            _stop(policy, now=now)


def apply(policy: BudgetPolicy, *, now: datetime) -> None:
    """Hold a budget that was changed against what is spent: it stops its scope now if it is used up (C-91)."""
    if policy.is_active and policy.notify_enabled and policy.observed_amount >= policy.warn_at:
        _warn(policy, now=now)
    if not policy.is_spent:
        return
    known = incidents.standing(policy)
    if known is None:
        _stop(policy, now=now)
        return
    BudgetIncident.objects.filter(pk=known.pk).update(
        amount_limit=policy.amount, amount_observed=policy.observed_amount, updated_at=now
    )
    scopes.stop(policy, actor=incidents.SERVICE, now=now)


def _warn(policy: BudgetPolicy, *, now: datetime) -> None:
    if incidents.is_known(policy, BudgetThreshold.SOFT) or incidents.is_known(policy, BudgetThreshold.HARD):
        return
    _close_soft(policy, now=now)
    incidents.tell(incidents.open_new(policy, BudgetThreshold.SOFT, now=now), now=now)


def _stop(policy: BudgetPolicy, *, now: datetime) -> None:
    _close_soft(policy, now=now)
    approval = approvals.create(
        company=policy.company,
        type=ApprovalType.BUDGET_OVERRIDE_REQUIRED,
        payload=_payload(policy),
        actor=incidents.SERVICE,
        now=now,
        is_told=False,
    )
    incident = incidents.open_new(policy, BudgetThreshold.HARD, now=now, approval=approval)
    scopes.stop(policy, actor=incidents.SERVICE, now=now)
    incidents.tell(incident, now=now)


def _close_soft(policy: BudgetPolicy, *, now: datetime) -> None:
    incidents.close(
        policy,
        status=IncidentStatus.RESOLVED,
        approval_status=ApprovalStatus.CANCELLED,
        note=None,
        actor=incidents.SERVICE,
        now=now,
        thresholds=[BudgetThreshold.SOFT],
    )


def _payload(policy: BudgetPolicy) -> dict[str, Any]:
    name = str(scopes.of(policy))
    return {
        "title": f"{name} has used up its budget",
        "scopeType": policy.scope_type,
        "scopeId": str(policy.scope_id),
        "scopeName": name,
        "metric": policy.metric,
        "windowKind": policy.window_kind,
        "thresholdType": BudgetThreshold.HARD.value,
        "budgetAmount": policy.amount,
        "observedAmount": policy.observed_amount,
        "proposedAmount": budget_decisions.next_amount(policy),
        "warnPercent": policy.warn_percent,
        "windowStart": clock.iso(policy.window_start),
        "windowEnd": clock.iso(policy.window_end),
        "policyId": str(policy.pk),
        "guidance": _GUIDANCE,
    }
