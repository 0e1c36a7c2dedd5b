"""A run on a cheaper model: which profile was asked for, and what comes of it (H-75, H-76).

Whoever calls an agent may ask for a profile; every retry and recovery of the product asks for `cheap`. The adapter
may have settings for it, the agent may have its own on top of those, and where neither does the run goes on as usual.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from heartbeat.adapters import registry
from heartbeat.context import MODEL_PROFILES, WakeContext
from issues.models import Issue
from paperclip.companies.models import Agent

CONTEXT_KEY = "paperclipModelProfile"


@dataclass(frozen=True)
class Applied:
    """What became of a request for a profile; `settings` lie on top of the agent's adapter configuration."""

    requested: str
    requested_by: str
    config_source: str | None = None
    fallback_reason: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """Return it as runs carry it in context, result and event (H-76)."""
        applied = None if self.fallback_reason is not None else self.requested
        facts = {
            "requested": self.requested,
            "requestedBy": self.requested_by,
            "applied": applied,
            "configSource": self.config_source,
            "fallbackReason": self.fallback_reason,
        }
        return {key: value for key, value in facts.items() if value is not None}


def choose(agent: Agent, issue: Issue | None, context: WakeContext) -> Applied | None:
    """Return the profile a run of `agent` gets, None when none was asked for.

    What the issue says for its assignee comes before what the call asks for.
    """
    of_issue = overrides(agent, issue).get("modelProfile")
    by_issue = isinstance(of_issue, str) and of_issue in MODEL_PROFILES
    wanted = of_issue if by_issue else context.text("modelProfile")
    if wanted not in MODEL_PROFILES:
        return None
    requested_by = "issue_override" if by_issue else "wake_context"
    own = of_agent(agent, wanted)
    if own.get("enabled") is False:
        return Applied(wanted, requested_by, fallback_reason="agent_runtime_profile_disabled")
    default, laid_on = registry.profiles_of(agent.adapter_type).get(wanted), own.get("adapterConfig")
    if laid_on is not None and not isinstance(laid_on, dict):
        return Applied(wanted, requested_by, fallback_reason="adapter_profile_resolution_failed")
    if default is None and not laid_on:
        return Applied(wanted, requested_by, fallback_reason="adapter_profile_not_supported")
    source = "agent_runtime" if laid_on else "adapter_default"
    return Applied(wanted, requested_by, source, settings={**(default or {}), **(laid_on or {})})


def in_words(context: Mapping[str, Any] | None) -> str | None:
    """Return for people which profile a run had, by its stored context; None where it ran as usual."""
    told = (context or {}).get(CONTEXT_KEY)
    if not isinstance(told, dict) or "applied" not in told:
        return None
    whose = "the agent's" if told.get("configSource") == "agent_runtime" else "its adapter's"
    return f"profile {told['applied']}, by {whose} settings"


def overrides(agent: Agent, issue: Issue | None) -> dict[str, Any]:
    """Return what an issue says about the adapter of its assignee, nothing for any other agent (H-75)."""
    found = issue.assignee_adapter_overrides if issue is not None else None
    if not isinstance(found, dict) or issue is None or issue.assignee_agent_id != agent.pk:
        return {}
    return found


def of_agent(agent: Agent, key: str) -> dict[str, Any]:
    """Return the agent's own settings of a profile."""
    profiles = agent.runtime_config.get("modelProfiles")
    found = profiles.get(key) if isinstance(profiles, dict) else None
    return found if isinstance(found, dict) else {}
