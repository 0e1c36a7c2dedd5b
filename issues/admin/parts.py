"""The parts of an issue's page that change while somebody reads it: how it stands, and what is said."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

from issues.models import Comment, Issue
from paperclip.core import fragments, panels

_COMMENTS_SHOWN = 200


class LiveParts:
    """For the issue's page."""

    def get_custom_urls(self: Any) -> tuple[tuple[str, str, Any], ...]:
        """Return the addresses beside those every page has."""
        part = ("<str:object_id>/part/<slug:part>/", "issues_issue_part", self.part_view)
        return (*super().get_custom_urls(), part)  # type: ignore[misc]

    def part_view(self: Any, request: HttpRequest, object_id: str, part: str, **_: Any) -> HttpResponse:
        """Return a part of an issue's page, as the page asks for it when something has happened."""
        row = self.find(request, object_id)
        parts = {"head": head, "thread": thread}
        if part not in parts:
            raise Http404("There is no such part.")
        return fragments.answer(
            request, f"issues/parts/{part}.html", {"row": row, **parts[part](row, request)}
        )


def head(issue: Issue, request: HttpRequest) -> dict[str, Any]:
    """Return what is said of the issue beside its title."""
    return {"heads": [(panel, panel.context(issue, request)) for panel in panels.of("issue-head")]}


def thread(issue: Issue, request: HttpRequest) -> dict[str, Any]:
    """Return the newest comments, oldest first."""
    rows = Comment.objects.filter(issue=issue).select_related("author_agent", "author_user")
    newest = list(
        rows.defer("presentation", "metadata").order_by("-created_at", "-number")[: _COMMENTS_SHOWN + 1]
    )
    shown = {"comments": list(reversed(newest[:_COMMENTS_SHOWN])), "is_cut": len(newest) > _COMMENTS_SHOWN}
    return {"thread": shown}
