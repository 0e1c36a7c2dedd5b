"""What an invite says beforehand of whoever comes by it (C-36): how an agent is run, and what it may do.

`{"agent": {"adapterType", "adapterConfig", "capabilities", "grants"}, "human": {"grants"}}`, of which everything may be
absent; other keys are kept and mean nothing. Who asks to join has the last word on how it is run, and whoever lets it
in gives no right they do not hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from paperclip.companies.choices import ADAPTER_TYPES, Permission
from paperclip.core.errors import Invalid

_TEXTS = ("adapterType", "capabilities")


@dataclass(frozen=True)
class Defaults:
    """The defaults of one kind of joiner."""

    adapter_type: str | None = None
    capabilities: str | None = None
    adapter_config: Mapping[str, Any] = field(default_factory=dict)
    grants: tuple[str, ...] = ()


def of_agent(payload: Mapping[str, Any] | None) -> Defaults:
    """Return what an invite says of agents. Raises Invalid for what cannot be meant."""
    said = _said(payload, "agent")
    for name in _TEXTS:
        if not isinstance(said.get(name), str | None):
            raise Invalid.at("defaultsPayload", "agent", name, message="Expected string", code="invalid_type")
    kind = said.get("adapterType")
    if kind is not None and kind not in ADAPTER_TYPES:
        raise Invalid.at("defaultsPayload", "agent", "adapterType", message=f"Unknown adapter type: {kind}")
    return Defaults(
        adapter_type=kind,
        capabilities=said.get("capabilities"),
        adapter_config=_object(said.get("adapterConfig"), "agent", "adapterConfig"),
        grants=_grants(said, "agent"),
    )


def of_person(payload: Mapping[str, Any] | None) -> Defaults:
    """Return what an invite says of people. Raises Invalid for what cannot be meant."""
    return Defaults(grants=_grants(_said(payload, "human"), "human"))


def check(payload: Mapping[str, Any] | None) -> None:
    """Raise Invalid, naming the field, unless the defaults can be applied when somebody joins."""
    of_agent(payload)
    of_person(payload)


def _said(payload: Mapping[str, Any] | None, kind: str) -> Mapping[str, Any]:
    return _object((payload or {}).get(kind), kind)


def _object(value: Any, *path: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Invalid.at("defaultsPayload", *path, message="Expected object", code="invalid_type")
    return value


def _grants(said: Mapping[str, Any], kind: str) -> tuple[str, ...]:
    """Return the keys of the permissions, given as words or as `{"permissionKey": …}`."""
    listed = said.get("grants") or []
    if not isinstance(listed, list):
        raise Invalid.at("defaultsPayload", kind, "grants", message="Expected array", code="invalid_type")
    keys: dict[str, None] = {}
    for each in listed:
        key = each.get("permissionKey") if isinstance(each, dict) else each
        if not isinstance(key, str) or key not in Permission.values:
            message = f"Expected permissions: {', '.join(Permission.values)}"
            raise Invalid.at("defaultsPayload", kind, "grants", message=message)
        keys[key] = None
    return tuple(keys)
