"""Which kinds of agent program there are. Adding one is adding a folder and a line here."""

from __future__ import annotations

from functools import cache
from typing import cast

from django.utils.module_loading import import_string

from heartbeat.adapters.base import Adapter, ConfigError

KINDS = {
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
