"""What a run used and cost (H-98, H-99)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from heartbeat.adapters.base import Result
from heartbeat.models import Run
from paperclip.companies import actors
from paperclip.governance import costs
from paperclip.governance.choices import BillingType

_ACTOR = actors.system("heartbeat_service")


def cents(result: Result) -> int:
    """Return what the run costs in cents; runs a subscription covers cost nothing."""
    if result.cost_usd is None or result.billing_type == BillingType.SUBSCRIPTION_INCLUDED:
        return 0
    return round(result.cost_usd * 100)


def usage_json(run: Run, result: Result) -> dict[str, Any] | None:
    """Return the usage record of a run, None when its adapter reported neither usage nor cost."""
    if result.usage is None and result.cost_usd is None:
        return None
    usage = result.usage
    return {
        "inputTokens": usage.input_tokens if usage else 0,
        "cachedInputTokens": usage.cached_input_tokens if usage else 0,
        "outputTokens": usage.output_tokens if usage else 0,
        "costUsd": result.cost_usd,
        "provider": result.provider,
        "biller": result.biller,
        "model": result.model,
        "billingType": result.billing_type,
        "persistedSessionId": result.session_display_id,
        "sessionReused": run.session_id_before is not None,
        "freshSession": run.session_id_before is None,
    }


def charge(run: Run, result: Result, *, now: datetime) -> None:
    """Record the run's cost when it used anything."""
    usage = result.usage
    used = usage is not None and (usage.input_tokens or usage.output_tokens or usage.cached_input_tokens)
    if not used and not cents(result):
        return
    costs.record(
        company_id=run.company_id,
        fields={
            "agent_id": run.agent_id,
            "heartbeat_run_id": run.pk,
            "issue_id": run.issue_id,
            "project_id": run.project_id,
            "provider": result.provider or "unknown",
            "biller": result.biller,
            "billing_type": result.billing_type,
            "model": result.model or "unknown",
            "input_tokens": usage.input_tokens if usage else 0,
            "cached_input_tokens": usage.cached_input_tokens if usage else 0,
            "output_tokens": usage.output_tokens if usage else 0,
            "cost_cents": cents(result),
            "occurred_at": now,
        },
        actor=_ACTOR,
        now=now,
    )
