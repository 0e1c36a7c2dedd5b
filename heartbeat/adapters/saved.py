"""A session as adapters of programs keep it between runs (A-22, A-44)."""

from __future__ import annotations

import os.path
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from heartbeat.adapters.base import Assignment

# The names under which other versions wrote a field.
_ALIASES = {
    "sessionId": ("session_id",),
    "cwd": ("workdir", "folder"),
    "workspaceId": ("workspace_id",),
    "repoUrl": ("repo_url",),
    "repoRef": ("repo_ref",),
    "promptBundleKey": ("prompt_bundle_key",),
}
DISPLAY_CHARS = 128


@dataclass(frozen=True)
class Session:
    """A session that can be gone on with. `facts` holds what else is known of it, under the names of A-44.

    `cost_usd` is what its program has said that it cost so far.
    """

    id: str
    facts: Mapping[str, str] = field(default_factory=dict)
    cost_usd: float = 0

    @property
    def display_id(self) -> str:
        """The id as people see it."""
        return self.id[:DISPLAY_CHARS]

    def to_json(self) -> dict[str, Any]:
        """Return the session as it is stored."""
        cost = {"costUsd": self.cost_usd} if self.cost_usd else {}
        return {"sessionId": self.id, **self.facts, **cost}


def read(params: Mapping[str, Any] | None) -> Session | None:
    """Return the stored session, None without an id. Fields that are not known are dropped (B-43)."""
    found = {name: value for name in _ALIASES if (value := _field(params or {}, name)) is not None}
    session_id = found.pop("sessionId", None)
    if session_id is None:
        return None
    cost = (params or {}).get("costUsd")
    is_amount = isinstance(cost, int | float) and not isinstance(cost, bool) and cost > 0
    return Session(session_id, found, float(cost) if is_amount and cost is not None else 0)


def refusal(session: Session, assignment: Assignment, *, bundle: str | None = None) -> str | None:
    """Return why a run cannot go on with its saved session, None when it can (A-22, B-6).

    `bundle` is the key of the instructions and skills the run is given, for programs that are given them once.
    """
    saved_cwd, saved_bundle = session.facts.get("cwd"), session.facts.get("promptBundleKey")
    if saved_cwd is not None and os.path.normpath(saved_cwd) != os.path.normpath(assignment.cwd):
        why = f"it was saved in {saved_cwd}, and this run is in {assignment.cwd}"
    elif bundle is not None and saved_bundle not in (None, bundle):
        why = f"its instructions or skills have changed since (saved in {saved_cwd}, this run in {assignment.cwd})"
    else:
        return None
    return f"Session {session.display_id} will not be resumed: {why}"


def facts_of(assignment: Assignment, *, bundle: str | None = None) -> dict[str, str]:
    """Return what is kept with the session of a run (A-44)."""
    place = assignment.context.more.get("paperclipWorkspace")
    place = place if isinstance(place, Mapping) else {}
    facts = {
        "cwd": str(Path(assignment.cwd)),
        "workspaceId": place.get("workspaceId"),
        "repoUrl": place.get("repoUrl"),
        "repoRef": place.get("repoRef"),
        "promptBundleKey": bundle,
    }
    return {name: value for name, value in facts.items() if isinstance(value, str) and value}


def _field(params: Mapping[str, Any], name: str) -> str | None:
    for key in (name, *_ALIASES[name]):
        value = params.get(key)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return None
