"""Agents whose timer is due (H-71). Found by their policy, re-checked by the gates when woken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from heartbeat import policy, wakeups
from heartbeat.choices import RUN_LIVE, InvocationSource, TriggerDetail
from heartbeat.models import Run
from heartbeat.wakeups import Call
from paperclip.companies import actors
from paperclip.companies.choices import AGENT_NOT_INVOKABLE, CompanyStatus
from paperclip.companies.models import Agent
from paperclip.core import clock

_ACTOR = actors.system("heartbeat_scheduler")


@dataclass(frozen=True)
class Pass:
    """What one pass did."""

    checked: int
    enqueued: int
    skipped: int


def wake_due(*, now: datetime) -> Pass:
    """Wake every agent whose interval has passed since its last run ended, or since it was made.

    An agent with a live timer run is left alone: the wake could only be laid onto it (beats HW-15).
    """
    agents = (
        Agent.objects.filter(runtime_config__heartbeat__enabled=True, company__status=CompanyStatus.ACTIVE)
        .exclude(status__in=AGENT_NOT_INVOKABLE)
        .order_by("id")
    )
    busy = set(
        Run.objects.filter(status__in=RUN_LIVE, invocation_source=InvocationSource.TIMER).values_list(
            "agent_id", flat=True
        )
    )
    checked = enqueued = skipped = 0
    for agent in agents:
        checked += 1
        if agent.pk in busy or not is_due(agent, now=now):
            continue
        outcome = wakeups.enqueue(
            agent_id=agent.pk,
            company_id=agent.company_id,
            call=Call(
                source=InvocationSource.TIMER,
                trigger_detail=TriggerDetail.SYSTEM,
                reason="heartbeat_timer",
                context={"source": "scheduler", "reason": "interval_elapsed", "now": clock.iso(now)},
            ),
            actor=_ACTOR,
            now=now,
        )
        if outcome.run is not None:
            enqueued += 1
        else:
            skipped += 1
    return Pass(checked, enqueued, skipped)


def is_due(agent: Agent, *, now: datetime) -> bool:
    """Return whether the agent's interval has passed."""
    interval = policy.of(agent).interval_seconds
    since = agent.last_heartbeat_at or agent.created_at
    return interval > 0 and now - since >= timedelta(seconds=interval)
