"""When a session has grown too large or too old, and what its successor is told (H-81, A-49)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

# Programs that keep their own context small are left to it; the others get a fresh session now and then.
_MANAGE_THEMSELVES = frozenset({"claude_local", "codex_local", "acpx_local", "hermes_local"})
_ROTATED = frozenset({"cursor", "cursor_cloud", "gemini_local", "opencode_local", "pi_local"})
_SETTINGS = ("sessionCompaction", "sessionRotation")
_SUMMARY_CHARS = 1500


@dataclass(frozen=True)
class Limits:
    """How long a session may be gone on with; 0 is no limit. Age in hours."""

    max_runs: float = 0
    max_raw_input_tokens: float = 0
    max_age_hours: float = 0


@dataclass(frozen=True)
class Spent:
    """What a session has been used for so far: runs, input tokens as last reported, and since when."""

    runs: int = 0
    raw_input_tokens: int = 0
    since: datetime | None = None


def limits(adapter_type: str, runtime_config: Mapping[str, Any]) -> Limits | None:
    """Return the limits that hold for an agent's sessions, None when they are never rotated.

    Values of the wrong type fall back to the adapter's default (H-3).
    """
    config = _configured(runtime_config)
    known = adapter_type in _MANAGE_THEMSELVES or adapter_type in _ROTATED
    enabled = config.get("enabled") if isinstance(config.get("enabled"), bool) else known
    if not enabled:
        return None
    default = Limits(200, 2_000_000, 72) if adapter_type in _ROTATED else Limits()
    return Limits(
        max_runs=_number(config, "maxSessionRuns", default.max_runs),
        max_raw_input_tokens=_number(config, "maxRawInputTokens", default.max_raw_input_tokens),
        max_age_hours=_number(config, "maxSessionAgeHours", default.max_age_hours),
    )


def next_reason(limits: Limits | None, spent: Spent, *, now: datetime) -> str | None:
    """Return why a session is not gone on with, None while it may be (H-81)."""
    if limits is None:
        return None
    if limits.max_runs and spent.runs > limits.max_runs:
        return f"The session has served {spent.runs} runs; the limit is {limits.max_runs:g}"
    if limits.max_raw_input_tokens and spent.raw_input_tokens >= limits.max_raw_input_tokens:
        return (
            f"The session has grown to {spent.raw_input_tokens} input tokens;"
            f" the limit is {limits.max_raw_input_tokens:g}"
        )
    if limits.max_age_hours and spent.since is not None:
        age = (now - spent.since) / timedelta(hours=1)
        if age >= limits.max_age_hours:
            return f"The session is {age:.0f} hours old; the limit is {limits.max_age_hours:g}"
    return None


def handoff(
    *,
    session: str | None,
    issue: str | None,
    reason: str,
    last_summary: str | None,
    continuation_summary: str | None,
) -> str:
    """Return what a fresh session is told of the one before it, as Markdown (A-49)."""
    lines = ["## Session handoff", ""]
    lines += [f"- Previous session: {session}"] if session else []
    lines += [f"- Issue: {issue}"] if issue else []
    lines.append(f"- Reason: {reason}")
    for title, text in (("Last summary", last_summary), ("Continuation summary", continuation_summary)):
        if text and text.strip():
            lines += ["", f"### {title}", "", _bounded(text.strip())]
    lines += [
        "",
        "Go on from here. Read again only what you need for the next step; do not repeat finished work.",
    ]
    return "\n".join(lines)


def _configured(runtime_config: Mapping[str, Any]) -> Mapping[str, Any]:
    heartbeat = runtime_config.get("heartbeat")
    places = [(heartbeat, name) for name in _SETTINGS] if isinstance(heartbeat, dict) else []
    for place, name in [*places, (runtime_config, "sessionCompaction")]:
        found = place.get(name)
        if isinstance(found, dict):
            return found
    return {}


def _number(config: Mapping[str, Any], key: str, default: float) -> float:
    value = config.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return default
    return max(value, 0)


def _bounded(text: str) -> str:
    return text if len(text) <= _SUMMARY_CHARS else text[: _SUMMARY_CHARS - 1].rstrip() + "…"
