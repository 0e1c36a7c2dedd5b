"""What the top floor adds to pages of lower ones: the reason beside every issue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.http import HttpRequest

from paperclip.board import reasons
from paperclip.core import clock, panels
from paperclip.core.lists import Column, register_column
from paperclip.core.panels import Panel


def register() -> None:
    """Hang the board's own columns and panels on the pages of issues."""
    register_column("issue", Column("reason", _reason_cells))
    panels.register(
        "issue-head", Panel("reason", "What moves this next", "board/parts/reason.html", _reason_head)
    )


def _reason_cells(issues: Sequence[Any], request: HttpRequest) -> Mapping[UUID, Any]:
    return reasons.of(issues, now=clock.now())


def _reason_head(issue: Any, request: HttpRequest) -> dict[str, Any]:
    return {"reason": reasons.of([issue], now=clock.now())[issue.pk]}
