"""What is kept of a run when it ends: its session, and what its agent used up over all its runs (H-16, H-100)."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F

from heartbeat import accounting, sessions
from heartbeat import context as contexts
from heartbeat.adapters.base import Result
from heartbeat.models import Run, RuntimeState


def keep(run: Run, result: Result, *, now: datetime) -> None:
    """Keep the session and the agent's totals before anything else may start (beats HW-16)."""
    context = contexts.read(run.context_snapshot)
    own_session = sessions.keep(
        run=run,
        agent=run.agent,
        context=context,
        params=result.session_params,
        display_id=result.session_display_id,
        clear=result.clear_session,
        error=run.error,
        now=now,
        usage=result.usage,
    )
    tokens = accounting.used(run)
    totals = {
        "last_run_id": run.pk,
        "last_run_status": run.status,
        "last_error": run.error,
        "total_input_tokens": F("total_input_tokens") + tokens.input_tokens,
        "total_output_tokens": F("total_output_tokens") + tokens.output_tokens,
        "total_cached_input_tokens": F("total_cached_input_tokens") + tokens.cached_input_tokens,
        "total_cost_cents": F("total_cost_cents") + accounting.cents(result),
        "updated_at": now,
        **own_session,
    }
    if not RuntimeState.objects.filter(pk=run.agent_id).update(**totals):
        sessions.runtime_state(run.agent, now=now)
        RuntimeState.objects.filter(pk=run.agent_id).update(**totals)
