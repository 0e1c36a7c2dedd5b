"""Which kinds of agent program there are. Adding one is adding a folder and a line here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, cast

from django.utils.module_loading import import_string

from heartbeat.adapters.base import Adapter, ConfigError

KINDS = {
    "claude_local": "heartbeat.adapters.claude_local.adapter.ADAPTER",
    "http": "heartbeat.adapters.http.adapter.ADAPTER",
    "process": "heartbeat.adapters.process.adapter.ADAPTER",
}


@cache
def get(kind: str) -> Adapter:
    """Return the adapter of `kind`. Raises ConfigError for one this installation cannot run (AW-1)."""
    if kind not in KINDS:
        known = ", ".join(sorted(KINDS))
        raise ConfigError(
            f"No adapter can run agents of type `{kind}` here; known types: {known}", code="adapter_unknown"
        )
    return cast(Adapter, import_string(KINDS[kind]))


def models_of(kind: str) -> Sequence[str]:
    """Return the models an adapter suggests, none of one this installation cannot run (A-77)."""
    settings = get(kind).settings if kind in KINDS else ()
    return next((setting.options for setting in settings if setting.key == "model"), ())


def profiles_of(kind: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the model profiles of an adapter, none of one this installation cannot run."""
    return get(kind).model_profiles if kind in KINDS else {}
