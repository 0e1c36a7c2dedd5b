"""What the program behind an agent is told when the agent is hired (C-80).

An adapter may have something to do then, such as opening an account. It is done in the background, after the approval
has been kept, and whatever comes of it is written to the log: a hire is never undone by it.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any, Protocol, runtime_checkable
from uuid import UUID

from heartbeat.adapters import registry
from heartbeat.adapters.base import ConfigError
from paperclip.companies import activity, actors
from paperclip.companies.models import Agent

log = logging.getLogger(__name__)

_ACTOR = actors.system("hire_hook")


@runtime_checkable
class HireHook(Protocol):
    """An adapter that wants to know of the agents it is going to run."""

    def on_hired(self, *, agent_id: UUID, company_id: UUID, config: dict[str, Any]) -> str | None:
        """Do what there is to do; return why it could not be done, or None. Takes seconds."""
        ...


def of(agent: Agent) -> HireHook | None:
    """Return the hook of an agent's adapter, None where it has none."""
    try:
        adapter = registry.get(agent.adapter_type)
    except ConfigError:
        return None
    return adapter if isinstance(adapter, HireHook) else None


def call(*, agent_id: UUID, approval_id: UUID, now: datetime) -> None:
    """Tell an agent's adapter that it was hired, and log `hire_hook.succeeded`, `failed` or `error`."""
    agent = Agent.objects.filter(pk=agent_id).first()
    hook = of(agent) if agent is not None else None
    if agent is None or hook is None:
        return
    details: dict[str, Any] = {"approvalId": approval_id, "adapterType": agent.adapter_type}
    try:
        reason = hook.on_hired(
            agent_id=agent.pk, company_id=agent.company_id, config=dict(agent.adapter_config)
        )
        outcome = "failed" if reason else "succeeded"
    except Exception as error:  # noqa: BLE001  whatever an adapter raises is told, and stops nobody
        # Without its words, which may hold what the adapter was given; the log of the company has them, masked.
        log.error("The hire hook of %s agents raised %s", agent.adapter_type, type(error).__name__)
        outcome, reason = "error", f"{type(error).__name__}: {error}"
    if reason:
        details["error"] = reason[:1_000]
    activity.record(
        company_id=agent.company_id,
        actor=_ACTOR,
        action=f"hire_hook.{outcome}",
        entity_type="agent",
        entity_id=agent.pk,
        details=details,
        now=now,
    )
