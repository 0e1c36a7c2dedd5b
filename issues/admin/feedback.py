"""What people think of what agents wrote: the list of a company, and the panel of an issue where it is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from issues import feedback
from issues.choices import SYSTEM_DOCUMENT, FeedbackTarget, Vote
from issues.models import Comment, FeedbackVote, Issue, IssueDocument
from paperclip.companies.models import Project
from paperclip.core import clock, naming, panels
from paperclip.core.admin import BoardModelAdmin
from paperclip.core.errors import BadRequest
from paperclip.core.filters import ScopedFilter
from paperclip.core.lists import Heading
from paperclip.core.panels import Panel
from paperclip.core.scope import scope_of

_TARGETS_SHOWN = 8
_VOTES_SHOWN = 20
_LONGEST_REASON = 1_000


class VoteFilter(admin.SimpleListFilter):
    """What was thought."""

    title = "vote"
    parameter_name = "vote"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """Return both."""
        return [(Vote.UP, "Good"), (Vote.DOWN, "Not good")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the votes of one kind."""
        return queryset if self.value() is None else queryset.filter(vote=self.value())


class AboutFilter(admin.SimpleListFilter):
    """What was judged."""

    title = "about"
    parameter_name = "about"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """Return the kinds."""
        return [(FeedbackTarget.COMMENT, "Comments"), (FeedbackTarget.REVISION, "Documents")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the votes about one kind."""
        return queryset if self.value() is None else queryset.filter(target_type=self.value())


class ProjectFilter(ScopedFilter):
    """In which project the issue is."""

    title = "project"
    parameter_name = "project"
    model = Project
    field = "issue__project_id"


@admin.register(FeedbackVote)
class FeedbackAdmin(BoardModelAdmin):
    """Every judgement of a company, newest first."""

    board_name = "feedback"
    icon = "thumbs_up_down"
    row_template = "issues/feedback_row.html"
    empty_title = "Nobody has judged anything yet"
    empty_text = (
        "On an issue you can say of a comment or a document whether it was good, and why. It is kept here and sent"
        " nowhere."
    )
    headings = (
        Heading("What was judged", css="grow"),
        Heading("Issue"),
        Heading("By"),
        Heading("When", "created_at", css="time"),
    )
    list_filter = (VoteFilter, AboutFilter, ProjectFilter)
    list_select_related = ("issue", "author_user")
    search_fields = ("reason", "issue__title", "issue__identifier")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list."""
        return super().changelist_view(request, {"title": "Feedback", **(extra_context or {})})

    def rows_of(self, request: HttpRequest, company_ids: Sequence[UUID | None]) -> QuerySet[Any]:
        """Return the votes on issues that are not hidden."""
        return super().rows_of(request, company_ids).filter(issue__hidden_at__isnull=True)

    def prepare_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Put on each vote where that which was judged stands."""
        super().prepare_rows(request, rows)
        for row in rows:
            row.place = _place(row)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never here: a judgement is made, and changed, on its issue."""
        return False

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Votes have no page of their own."""
        raise Http404("Feedback has no page of its own; it stands on its issue.")


def _place(row: FeedbackVote) -> str:
    page = reverse("admin:issues_issue_change", args=[row.issue_id])
    return f"{page}#comment-{row.target_id}" if row.target_type == FeedbackTarget.COMMENT else page


@dataclass(frozen=True)
class Target:
    """Something an agent wrote that can be judged, as one choice of the form."""

    value: str
    words: str


def _context(issue: Issue, request: HttpRequest) -> dict[str, Any]:
    scope = scope_of(request)
    votes = (
        FeedbackVote.objects.filter(issue=issue).select_related("author_user").order_by("-updated_at", "id")
    )
    shown = list(votes[:_VOTES_SHOWN])
    may_write = issue.company_id in scope.writable
    return {"votes": shown, "targets": _targets(issue) if may_write else [], "longest": _LONGEST_REASON}


def _targets(issue: Issue) -> list[Target]:
    """Return what agents wrote last on the issue: documents as they are now, and comments."""
    documents = IssueDocument.objects.filter(issue=issue).exclude(key=SYSTEM_DOCUMENT).order_by("key")
    papers = documents.exclude(document__latest_revision_id=None).select_related("document")[:_TARGETS_SHOWN]
    said = Comment.objects.filter(issue=issue, author_agent__isnull=False).select_related("author_agent")
    words = said.order_by("-number")[:_TARGETS_SHOWN]
    found = [
        Target(
            f"{FeedbackTarget.REVISION}:{paper.document.latest_revision_id}",
            f"Document {paper.document.title or paper.key}, version {paper.document.latest_revision_number}",
        )
        for paper in papers
    ]
    return found + [
        Target(f"{FeedbackTarget.COMMENT}:{word.pk}", f"{word.author_agent}: {_short(word.body)}")
        for word in words
    ]


def _short(body: str) -> str:
    line = " ".join(body.split())
    return line if len(line) <= 60 else f"{line[:59]}…"


class FeedbackDeeds:
    """What can be said on the page of an issue of what agents wrote there."""

    def judge(self, request: HttpRequest, row: Issue) -> str:
        """Keep what the person thinks of a comment or a document."""
        kind, _, target = request.POST.get("target", "").partition(":")
        target_id = naming.as_field_uuid(target)
        value = request.POST.get("vote", "")
        if kind not in FeedbackTarget.values or target_id is None or value not in Vote.values:
            raise BadRequest("Choose what you judge, and how")
        reason = request.POST.get("reason", "").strip()[:_LONGEST_REASON]
        feedback.vote(
            issue_id=row.pk,
            target_type=FeedbackTarget(kind),
            target_id=target_id,
            value=value,
            reason=reason or None,
            allow_sharing=False,
            actor=scope_of(request).actor,
            now=clock.now(),
        )
        return "Thank you. Your judgement is kept here, and sent nowhere."


panels.register("issue", Panel("feedback", "Feedback", "issues/parts/feedback.html", _context, order=60))
