"""Assignments as adapters are given them, without a database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from heartbeat import context as contexts
from heartbeat.adapters.base import Assignment, Instructions, Materials, SkillFiles, Task

SKILL = SkillFiles("paperclip/paperclip", "paperclip", {"SKILL.md": "# How", "references/api.md": "GET"})
ISSUE = {
    "id": "i1",
    "identifier": "PAP-7",
    "title": "Fix it",
    "status": "todo",
    "workMode": "standard",
    "priority": "low",
}
WAKE = {
    "reason": "issue_commented",
    "issue": ISSUE,
    "comments": [
        {
            "id": f"c{n}", "body": body, "bodyTruncated": False, "createdAt": f"2026-01-0{n}T00:00:00.000Z",
            "author": {"type": "user", "id": "u1"},
        }
        for n, body in enumerate(["first words", "second ```words```"], start=1)
    ],
    "commentWindow": {"requestedCount": 2, "includedCount": 2, "missingCount": 0},
    "commentIds": ["c1", "c2"],
    "latestCommentId": "c2",
    "fallbackFetchNeeded": False,
}  # fmt: skip


def assignment(config: dict[str, Any] | None = None, **changes: Any) -> Assignment:
    """An assignment in `/work` for the agent Ada."""
    context = contexts.read(changes.pop("context", {"wakeReason": "issue_commented"}))
    values: dict[str, Any] = {
        "run_id": "r1",
        "agent_id": "a1",
        "agent_name": "Ada",
        "company_id": "co1",
        "config": config or {},
        "context": context,
        "cwd": Path("/work"),
        "environment": {"PATH": "/bin", "CLAUDECODE": "1"},
        "wake": WAKE,
        "task": Task("PAP-7", "Fix it", "It is broken"),
        "materials": Materials(skills=(SKILL,)),
        "bundles": Path("/bundles"),
    }
    return Assignment(**{**values, **changes})


def instructions(text: str | None = "Be kind.", **changes: Any) -> Materials:
    """Materials with a file of instructions."""
    return Materials(Instructions(Path("/house/agents/AGENTS.md"), text, **changes), (SKILL,))
