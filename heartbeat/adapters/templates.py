"""Texts with `{{ dotted.path }}` in them (A-25)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from heartbeat.adapters.base import Assignment

_PLACE = re.compile(r"\{\{\s*([A-Za-z0-9_.-]+)\s*\}\}")


def fill(template: str, data: Mapping[str, Any]) -> str:
    """Return `template` with its places filled: objects as JSON, what is not there as nothing (A-25)."""
    return _PLACE.sub(lambda place: _shown(_at(data, place[1])), template)


def fill_all(value: Any, data: Mapping[str, Any]) -> Any:
    """Return a JSON value with the places in all its texts filled; keys stay as they are."""
    if isinstance(value, str):
        return fill(value, data)
    if isinstance(value, Mapping):
        return {key: fill_all(item, data) for key, item in value.items()}
    return [fill_all(item, data) for item in value] if isinstance(value, list) else value


def data_of(assignment: Assignment) -> dict[str, Any]:
    """Return what a template may speak of (A-25)."""
    agent = {
        "id": assignment.agent_id,
        "name": assignment.agent_name,
        "companyId": assignment.company_id,
    }
    return {
        "agentId": assignment.agent_id,
        "companyId": assignment.company_id,
        "runId": assignment.run_id,
        "company": {"id": assignment.company_id},
        "agent": agent,
        "run": {"id": assignment.run_id, "source": "on_demand"},
        "context": assignment.context.to_json(),
    }


def _at(data: Any, path: str) -> Any:
    for name in path.split("."):
        if not isinstance(data, Mapping):
            return None
        data = data.get(name)
    return data


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
