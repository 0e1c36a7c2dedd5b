"""What a workspace's `workspaceRuntime` declares: services and jobs, in order (W-67 to W-71, W-82).

Pure: the JSON is free, so what is not understood is skipped or takes its default.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from workspaces.choices import ServiceLifecycle

SERVICE = "service"
JOB = "job"
_NOT_IN_IDS = re.compile(r"[^a-z0-9_-]+")


@dataclass(frozen=True)
class Definition:
    """One command of a workspace. `service_index` counts services only; None for jobs."""

    id: str
    name: str
    kind: str
    command: str | None
    cwd: str | None
    service_index: int | None
    raw: Mapping[str, Any]

    @property
    def lifecycle(self) -> str:
        """Return `ephemeral` where that was asked for, else `shared`."""
        asked = self.raw.get("lifecycle")
        return ServiceLifecycle.EPHEMERAL if asked == ServiceLifecycle.EPHEMERAL else ServiceLifecycle.SHARED


class Recorded(Protocol):
    """What is known of a service by its record."""

    service_name: str
    command: str | None
    cwd: str | None


def read(runtime: Mapping[str, Any] | None) -> list[Definition]:
    """Return the declared commands: of `commands`, or where that is missing of the older `services` and `jobs`."""
    runtime = runtime or {}
    listed = runtime.get("commands")
    if isinstance(listed, list) and listed:
        entries = [("commands", index, entry, _kind(entry)) for index, entry in enumerate(listed)]
    else:
        entries = [
            (key, index, entry, kind)
            for key, kind in (("services", SERVICE), ("jobs", JOB))
            for index, entry in enumerate(_list(runtime.get(key)))
        ]
    found: list[Definition] = []
    for key, index, entry, kind in entries:
        if isinstance(entry, Mapping):
            found.append(_definition(entry, kind, found, f"{key}-{index}"))
    return found


def services(definitions: Iterable[Definition]) -> list[Definition]:
    """Return the services among the definitions, in the order of their index."""
    return [each for each in definitions if each.kind == SERVICE]


def match(definition: Definition, recorded: Recorded) -> int:
    """Return how well a recorded service fits a definition; 0 is not at all (W-71)."""
    if definition.command and recorded.command and definition.command != recorded.command:
        return 0
    score = 4 if definition.name == recorded.service_name else 0
    score += 4 if definition.command and definition.command == recorded.command else 0
    wanted, found = (definition.cwd or "").removeprefix("./").rstrip("/"), (recorded.cwd or "").rstrip("/")
    if score and wanted and wanted != "." and (found == wanted or found.endswith(f"/{wanted}")):
        score += 2
    return score


def _definition(entry: Mapping[str, Any], kind: str, before: list[Definition], place: str) -> Definition:
    same_kind = [each for each in before if each.kind == kind]
    named = next((text for key in ("name", "label", "title") if (text := _text(entry.get(key)))), None)
    name = named or f"{kind.capitalize()} {len(same_kind) + 1}"
    given = _text(entry.get("id"))
    row_id = _slug(given) if given else f"{kind}:{_slug(name)}"
    if any(each.id == row_id for each in before):
        row_id = f"{row_id}-{place}"
    return Definition(
        id=row_id,
        name=name,
        kind=kind,
        command=_text(entry.get("command")),
        cwd=_text(entry.get("cwd")),
        service_index=len(same_kind) if kind == SERVICE else None,
        raw=entry,
    )


def _kind(entry: Any) -> str:
    return JOB if isinstance(entry, Mapping) and entry.get("kind") == JOB else SERVICE


def _slug(text: str) -> str:
    return _NOT_IN_IDS.sub("-", text.lower()).strip("-") or "command"


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
