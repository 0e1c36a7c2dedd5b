"""The page of a document: what it says, and what each version changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from issues import documents
from issues.models import DocumentRevision, IssueDocument
from paperclip.core import clock, diffs, naming
from paperclip.core.admin import BoardModelAdmin
from paperclip.core.errors import BadRequest
from paperclip.core.scope import scope_of

_SHOWN = 100


@admin.register(IssueDocument)
class DocumentAdmin(BoardModelAdmin):
    """Documents of issues, with every version."""

    board_name = "document"
    icon = "description"
    page_template = "issues/document_page.html"
    deeds = {"write": "write", "restore": "restore"}

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the issues: documents are found there."""
        return redirect("admin:issues_issue_changelist")

    def page_rows(self, request: HttpRequest, company_ids: Sequence[UUID]) -> QuerySet[Any]:
        """Return documents with their issue, unless that is hidden."""
        rows = self.rows_of(request, company_ids).filter(issue__hidden_at__isnull=True)
        return rows.select_related("issue", "document")

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Return the versions, and what the chosen one changed."""
        history = DocumentRevision.objects.filter(document=row.document).order_by("-revision_number")
        listed = history.select_related("created_by_agent", "created_by_user").defer("body")[:_SHOWN]
        chosen = _asked(request, "version") or row.document.latest_revision_number
        after = history.filter(revision_number=chosen).first()
        if after is None:
            raise Http404("There is no such version of the document.")
        against = _asked(request, "against") or chosen - 1
        before = history.filter(revision_number=against).first()
        return {
            "title": f"{row.document.title or row.key} of {row.issue.identifier}",
            "revisions": list(listed),
            "shown": after,
            "before": before,
            "changes": diffs.lines(before.body if before else "", after.body),
            "is_latest": after.pk == row.document.latest_revision_id,
        }

    def write(self, request: HttpRequest, row: IssueDocument) -> str:
        """Write a new version, unless somebody wrote one meanwhile."""
        base = naming.as_field_uuid(request.POST.get("base", ""))
        body = request.POST.get("body", "").replace("\r\n", "\n")
        if len(body) > documents.MAX_BODY:
            raise BadRequest("The document is too long")
        written = documents.put(
            issue_id=row.issue_id,
            key=row.key,
            body=body,
            change_summary=request.POST.get("summary", "").strip()[:500] or None,
            base_revision_id=base,
            actor=scope_of(request).actor,
            now=clock.now(),
        )
        return f"Version {written.revision_number} is written."

    def restore(self, request: HttpRequest, row: IssueDocument) -> str:
        """Make an older version the newest again."""
        revision_id = naming.as_field_uuid(request.POST.get("revision", ""))
        if revision_id is None:
            raise BadRequest("Choose a version")
        written = documents.restore(
            issue_id=row.issue_id,
            key=row.key,
            revision_id=revision_id,
            actor=scope_of(request).actor,
            now=clock.now(),
        )
        return f"Version {written.revision_number} says what the chosen one said."


def _asked(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
