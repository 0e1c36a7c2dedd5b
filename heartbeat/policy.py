"""An agent's heartbeat policy, read strictly from its runtime configuration (H-3, H-43, H-64)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from paperclip.companies.models import Agent

DEFAULT_CONCURRENT_RUNS = 1
MAX_CONCURRENT_RUNS = 50
_ON_DEMAND_FLAGS = ("wakeOnDemand", "wakeOnAssignment", "wakeOnOnDemand", "wakeOnAutomation")


@dataclass(frozen=True)
class Policy:
    """When an agent may be woken, and how many of its runs may be live at once.

    `wake_when_idle` asks for timer wakes although there is nothing to do.
    """

    timer_enabled: bool
    interval_seconds: float
    wake_on_demand: bool
    wake_when_idle: bool
    max_concurrent_runs: int


def of(agent: Agent) -> Policy:
    """Return the policy of `agent`; values of the wrong type fall back to their default (H-3)."""
    return read(agent.runtime_config)


def read(runtime_config: Any) -> Policy:
    """Return the policy that a runtime configuration states."""
    config = runtime_config.get("heartbeat") if isinstance(runtime_config, dict) else None
    config = config if isinstance(config, dict) else {}
    flags = [config[name] for name in _ON_DEMAND_FLAGS if isinstance(config.get(name), bool)]
    limit = _number(config.get("maxConcurrentRuns"), DEFAULT_CONCURRENT_RUNS)
    return Policy(
        timer_enabled=config.get("enabled") is True,
        interval_seconds=max(_number(config.get("intervalSec"), 0), 0),
        wake_on_demand=flags[0] if flags else True,
        wake_when_idle=config.get("wakeWhenIdle") is True,
        max_concurrent_runs=int(min(max(limit, 1), MAX_CONCURRENT_RUNS)),
    )


def _number(value: Any, default: float) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else default
