"""Whether an adapter's configuration could work on this host, before any run tries it (A-75)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from heartbeat.adapters import registry, settings
from heartbeat.adapters.base import Check


@dataclass(frozen=True)
class Report:
    """All findings about one configuration; `status` is the worst of them as pass, warn or fail."""

    adapter_type: str
    status: str
    checks: Sequence[Check]


def look(kind: str, config: Mapping[str, Any], *, may_start: bool) -> Report:
    """Return what can be said about `config` of an adapter of `kind` on this host.

    `may_start` says whether the agent's own program may be started for it.
    """
    checks = list(_findings(kind, config, may_start))
    levels = {check.level for check in checks}
    return Report(kind, "fail" if "error" in levels else "warn" if "warn" in levels else "pass", checks)


def faults(kind: str, config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is wrong with the values of a configuration, by key; nothing of a kind that cannot run here."""
    if kind not in registry.KINDS:
        return []
    return [
        (problem.key, problem.message) for problem in settings.problems(registry.get(kind).settings, config)
    ]


def _findings(kind: str, config: Mapping[str, Any], may_start: bool) -> Iterator[Check]:
    if kind not in registry.KINDS:
        known = ", ".join(sorted(registry.KINDS))
        yield Check(
            "adapter_unavailable",
            "error",
            f"Agents of type {kind} cannot run here",
            hint=f"This installation runs agents of type {known}",
        )
        return
    adapter = registry.get(kind)
    for key, message in faults(kind, config):
        hint = "A run would take its default in place of it"
        yield Check(f"{kind}_setting_invalid", "warn", f"{key}: {message}", hint=hint)
    yield from adapter.look(config, may_start=may_start)
