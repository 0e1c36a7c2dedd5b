"""The scheduler's door: called by django-q2 by dotted path."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from heartbeat import duties, hire_hooks
from heartbeat.models import Tick
from paperclip.core import clock

SCHEDULER_TICK = "scheduler"


def tick() -> dict[str, Any]:
    """Do what is due, and leave the mark by which `up` sees that the scheduler works."""
    done = duties.tick()
    Tick.objects.update_or_create(
        name=SCHEDULER_TICK, defaults={"committed_at": clock.now(), "summary": done}
    )
    return done


def tell_hired(agent_id: str, approval_id: str) -> None:
    """Tell an agent's adapter that the agent was hired (C-80)."""
    hire_hooks.call(agent_id=UUID(agent_id), approval_id=UUID(approval_id), now=clock.now())
