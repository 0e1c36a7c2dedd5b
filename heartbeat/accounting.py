"""What a run used and cost (H-98, H-99)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from heartbeat import context as contexts
from heartbeat import sessions
from heartbeat.adapters.base import Result, Usage
from heartbeat.models import Run
from paperclip.companies import actors, ledger
from paperclip.companies.models import Agent
from paperclip.governance import costs
from paperclip.governance.choices import BillingType

_ACTOR = actors.system("heartbeat_service")


def cents(result: Result) -> int:
    """Return what the run costs in cents; runs a subscription covers cost nothing."""
    if result.cost_usd is None or result.billing_type == BillingType.SUBSCRIPTION_INCLUDED:
        return 0
    return round(result.cost_usd * 100)


def usage_json(run: Run, result: Result) -> dict[str, Any] | None:
    """Return the usage record of a run, None when its adapter reported neither usage nor cost (H-98).

    Token counts are the run's share: what its session's running totals grew by. `raw…` is what was reported.
    """
    if result.usage is None and result.cost_usd is None:
        return None
    context = contexts.read(run.context_snapshot)
    raw = result.usage or Usage()
    session = result.session_display_id or run.session_id_before
    before = None if raw.is_of_run else sessions.reported_before(run, context, session)
    share = decide_share(raw, before)
    reused = run.session_id_before is not None
    rotation_reason = context.text(sessions.ROTATION_REASON)
    return {
        "inputTokens": share.input_tokens,
        "cachedInputTokens": share.cached_input_tokens,
        "outputTokens": share.output_tokens,
        "rawInputTokens": raw.input_tokens,
        "rawCachedInputTokens": raw.cached_input_tokens,
        "rawOutputTokens": raw.output_tokens,
        "usageSource": "run" if raw.is_of_run else "session_delta",
        "persistedSessionId": session,
        "sessionReused": reused,
        "taskSessionReused": reused and sessions.is_of_its_task(context),
        "freshSession": not reused,
        "sessionRotated": rotation_reason is not None,
        "sessionRotationReason": rotation_reason,
        "provider": result.provider,
        "biller": result.biller,
        "model": result.model,
        "costUsd": result.cost_usd,
        "billingType": result.billing_type,
    }


def decide_share(raw: Usage, before: Usage | None) -> Usage:
    """Return what a run used, by the running totals after and before it; a counter that shrank began anew (H-98)."""
    if before is None:
        return raw
    return Usage(
        input_tokens=_grown(raw.input_tokens, before.input_tokens),
        output_tokens=_grown(raw.output_tokens, before.output_tokens),
        cached_input_tokens=_grown(raw.cached_input_tokens, before.cached_input_tokens),
    )


def used(run: Run) -> Usage:
    """Return the tokens a run used, by its usage record."""
    record = run.usage_json or {}
    return Usage(
        input_tokens=record.get("inputTokens", 0),
        output_tokens=record.get("outputTokens", 0),
        cached_input_tokens=record.get("cachedInputTokens", 0),
    )


def charge(run: Run, result: Result, *, now: datetime) -> None:
    """Record what the run, which carries its usage record, cost, when it used anything (H-99).

    A budget that is used up by it stops its agent, company or project there and then; the run's agent is read
    again, so that what follows from the end of the run sees that. The caller took the ledger's lock first of all.
    """
    tokens = used(run)
    if not (tokens.input_tokens or tokens.output_tokens or tokens.cached_input_tokens or cents(result)):
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
            "input_tokens": tokens.input_tokens,
            "cached_input_tokens": tokens.cached_input_tokens,
            "output_tokens": tokens.output_tokens,
            "cost_cents": cents(result),
            "occurred_at": now,
        },
        actor=_ACTOR,
        now=now,
    )
    if cents(result):
        run.agent = Agent.objects.select_related("company").get(pk=run.agent_id)


def hold_ledger(run_id: UUID, result: Result) -> None:
    """Take the lock under which costs are counted, for a run that cost something; it comes before any row."""
    if cents(result):
        ledger.lock(Run.objects.values_list("company_id", flat=True).get(pk=run_id))


def _grown(now: int, before: int) -> int:
    return now - before if now >= before else now
