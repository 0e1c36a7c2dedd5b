"""What the engine itself says on an issue: a short comment with the facts attached (I-12, I-13)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from heartbeat.models import Run
from issues import comments, wakes
from issues.models import Comment, Issue
from paperclip.companies import actors

ACTOR = actors.system("heartbeat")
_VALUE_CHARS = 2000


def post(
    issue: Issue,
    run: Run,
    *,
    body: str,
    title: str,
    rows: Sequence[dict[str, Any]],
    now: datetime,
    tone: str = "warning",
) -> Comment:
    """Say `body` on the locked `issue` because of `run`; nobody is called by it.

    `rows` are the attached facts, as `fact`, `run_link` and their like return them.
    """
    comment = comments.insert(
        issue=issue,
        body=body,
        actor=ACTOR,
        now=now,
        presentation={
            "kind": "system_notice",
            "tone": tone,
            "title": title,
            "detailsDefaultOpen": False,
        },
        metadata={
            "version": 1,
            "sourceRunId": str(run.pk),
            "sections": [{"title": "Facts", "rows": list(rows)}],
        },
    )
    comments.record(issue, comment, actor=ACTOR, now=now, reopened_from=None, trace=wakes.NO_TRACE)
    return comment


def fact(label: str, value: str) -> dict[str, Any]:
    """Return a row that names a fact."""
    return {"type": "key_value", "label": label, "value": value[:_VALUE_CHARS]}


def run_link(label: str, run: Run) -> dict[str, Any]:
    """Return a row that leads to a run."""
    return {"type": "run_link", "label": label, "runId": str(run.pk)}
