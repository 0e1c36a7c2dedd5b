"""What an agent's configuration was before and after each change, with secrets taken out (C-64)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from paperclip.companies.actors import Actor
from paperclip.companies.choices import RevisionSource
from paperclip.companies.models import Agent, AgentConfigRevision
from paperclip.core import redaction

# Wire names of the tracked fields, with the column of each.
TRACKED = {
    "name": "name",
    "role": "role",
    "title": "title",
    "reportsTo": "reports_to_id",
    "capabilities": "capabilities",
    "adapterType": "adapter_type",
    "adapterConfig": "adapter_config",
    "runtimeConfig": "runtime_config",
    "budgetMonthlyCents": "budget_monthly_cents",
    "metadata": "metadata",
}
_SECRETIVE = ("adapterConfig", "runtimeConfig", "metadata")


def tracked(agent: Agent) -> dict[str, Any]:
    """Return the tracked fields of an agent as they are, ids as text, secrets included."""
    values = {wire: getattr(agent, column) for wire, column in TRACKED.items()}
    return {wire: str(value) if isinstance(value, UUID) else value for wire, value in values.items()}


def record(
    *,
    agent: Agent,
    before: dict[str, Any],
    source: RevisionSource,
    actor: Actor,
    now: datetime,
    rolled_back_from: AgentConfigRevision | None = None,
) -> AgentConfigRevision | None:
    """Keep a revision if a tracked field of `agent` differs from `before`, an earlier answer of `tracked`."""
    after = tracked(agent)
    changed = [wire for wire in TRACKED if before[wire] != after[wire]]
    if not changed:
        return None
    return AgentConfigRevision.objects.create(
        company_id=agent.company_id,
        agent=agent,
        created_by_agent_id=actor.agent_id,
        created_by_user_id=actor.user_id,
        source=source,
        rolled_back_from_revision=rolled_back_from,
        changed_keys=changed,
        before_config=_without_secrets(before),
        after_config=_without_secrets(after),
        created_at=now,
    )


def _without_secrets(values: dict[str, Any]) -> dict[str, Any]:
    redacted = {
        wire: redaction.data(value) if wire in _SECRETIVE else value for wire, value in values.items()
    }
    # The interface's snapshot names the environment too; there is none to choose from yet.
    return redacted | {"defaultEnvironmentId": None}
