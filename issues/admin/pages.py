"""The list of issues and the page of one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import BooleanField, ExpressionWrapper, Prefetch, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse

from issues import comments, lifecycle, search
from issues.admin import filters, interactions, orders, parts, policy
from issues.admin.attachments import AttachmentDeeds
from issues.admin.feedback import FeedbackDeeds
from issues.admin.forms import (
    IssueForm,
    assignee_choices,
    assignee_fields,
    project_choices,
    read_changes,
    status_choices,
)
from issues.admin.interactions import InteractionDeeds
from issues.admin.orders import OrderPages
from issues.admin.parts import LiveParts
from issues.admin.policy import PolicyDeeds
from issues.admin.work_products import WorkProductDeeds
from issues.choices import CLOSED, SYSTEM_DOCUMENT, IssuePriority
from issues.fields import Fields
from issues.models import Issue, IssueDocument, IssueLabel, Relation
from paperclip.companies import told
from paperclip.companies.models import Activity
from paperclip.core import clock, links, naming, panels
from paperclip.core.admin import BoardModelAdmin
from paperclip.core.errors import BadRequest
from paperclip.core.filters import StatusFilter
from paperclip.core.links import Link
from paperclip.core.lists import Heading
from paperclip.core.scope import scope_of

_CHILDREN_SHOWN = 100
_ACTIVITY_SHOWN = 40


@admin.register(Issue)
class IssueAdmin(
    AttachmentDeeds,
    FeedbackDeeds,
    WorkProductDeeds,
    InteractionDeeds,
    PolicyDeeds,
    LiveParts,
    OrderPages,
    BoardModelAdmin,
):
    """Tickets: the work that people write and agents take."""

    board_name = "issue"
    icon = "task_alt"
    row_template = "issues/issue_row.html"
    page_template = "issues/issue_page.html"
    form_class = IssueForm
    may_add = True
    empty_title = "No issues here"
    empty_text = "An issue says what is wanted. Assign it to an agent and the agent is woken."
    headings = (
        Heading("Issue", "issue_number", css="grow"),
        Heading("Status", "status"),
        Heading("Assignee"),
        Heading("Project"),
        Heading("Updated", "last_activity_at", css="time"),
    )
    deferred = (
        "description", "assignee_adapter_overrides", "execution_policy", "execution_state",
        "execution_workspace_settings", "monitor_notes",
    )  # fmt: skip
    list_filter = (
        filters.ViewFilter,
        StatusFilter,
        "priority",
        filters.AssigneeFilter,
        filters.ProjectFilter,
        filters.LabelFilter,
    )
    list_select_related = ("assignee_agent", "assignee_user", "project")
    search_fields = ("title",)
    search_help_text = "Search issues"
    ordering = ("-last_activity_at",)
    live_on = "activity heartbeat.run.queued heartbeat.run.status"
    deeds = {
        "update": "change",
        "comment": "comment",
        "detach": "detach",
        "judge": "judge",
        "review": "review",
        "accept": "accept",
        "reject": "reject",
        "answer": "answer",
        "put-away": "put_away",
        "approve": "approve",
        "request-changes": "request_changes",
        "check-monitor": "check_monitor",
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the issues that are not hidden, with their labels."""
        rows = super().get_queryset(request).filter(hidden_at__isnull=True)
        labelled = Prefetch("label_links", IssueLabel.objects.select_related("label"))
        return rows.prefetch_related(labelled)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return the issues that match, as the interface's search finds them."""
        company_id = scope_of(request).company_id
        if not search_term.strip() or company_id is None:
            return queryset, False
        return search.matching(queryset, search_term.strip()), False

    def page_rows(self, request: HttpRequest, company_ids: Sequence[UUID]) -> QuerySet[Any]:
        """Return issues with all the page names of them."""
        related = (
            "assignee_agent", "assignee_user", "project", "goal", "parent", "created_by_agent",
            "created_by_user", "checkout_run",
        )  # fmt: skip
        rows = self.rows_of(request, company_ids).select_related(*related)
        shown: QuerySet[Any] = rows.filter(hidden_at__isnull=True).annotate(
            has_cancelled_tree=orders.has_cancelled_tree()
        )
        return shown.defer("checkout_run__context_snapshot", "checkout_run__result_json")

    def find(self, request: HttpRequest, reference: str, *, to_write: bool = False) -> Any:
        """Return the issue that an id or an identifier such as PAP-12 names."""
        identifier = naming.as_identifier(reference)
        if identifier is not None:
            rows = Issue.objects.filter(identifier=identifier, company_id__in=scope_of(request).company_ids)
            reference = str(rows.values_list("pk", flat=True).first() or reference)
        return super().find(request, reference, to_write=to_write)

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Return thread, relations, documents, activity, and the panels of higher floors."""
        may_write = self.has_change_permission(request, row)
        return {
            "title": f"{row.identifier} {row.title}",
            **parts.head(row, request),
            **parts.thread(row, request),
            "panels": [(panel, panel.context(row, request)) for panel in panels.of("issue")],
            "asks": interactions.context(row),
            "flow": policy.context(row, request),
            "orders": orders.context(row),
            "labels": [link.label for link in row.label_links.select_related("label")],
            **_related(row),
            "children": list(
                row.children.select_related("assignee_agent").order_by("issue_number")[:_CHILDREN_SHOWN]
            ),
            "documents": _documents(row),
            "entries": _entries(row),
            "is_closed": row.status in CLOSED,
            **(_choices(row) if may_write else {}),
        }

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Issue:
        """Write an issue."""
        scope = scope_of(request)
        wanted: Fields = {
            "title": values["title"],
            "description": values["description"] or None,
            "status": values["status"],
            "priority": values["priority"],
            "project_id": naming.as_field_uuid(values["project"]),
            "goal_id": naming.as_field_uuid(values["goal"]),
            **assignee_fields(values["assignee"]),
        }
        return lifecycle.create(company_id=scope.chosen.pk, fields=wanted, actor=scope.actor, now=clock.now())

    def change(self, request: HttpRequest, row: Issue) -> str:
        """Change the properties that were sent, and no other."""
        wanted = read_changes(request.POST)
        lifecycle.update(issue_id=row.pk, fields=wanted, actor=scope_of(request).actor, now=clock.now())
        return f"{row.identifier} is changed."

    def comment(self, request: HttpRequest, row: Issue) -> str:
        """Add a comment, reopening a closed issue when asked to."""
        body = request.POST.get("body", "").strip()
        if not body:
            raise BadRequest("Write something first")
        comments.add(
            issue_id=row.pk,
            body=body,
            actor=scope_of(request).actor,
            now=clock.now(),
            reopen=request.POST.get("reopen") == "1",
        )
        return "Comment added."


def _choices(issue: Issue) -> dict[str, Any]:
    return {
        "status_choices": status_choices(),
        "priority_choices": IssuePriority.choices,
        "assignee_choices": assignee_choices(issue.company_id),
        "assignee_value": _assignee_value(issue),
        "project_choices": project_choices(issue.company_id),
        "project_value": str(issue.project_id or ""),
    }


def _assignee_value(issue: Issue) -> str:
    if issue.assignee_agent_id:
        return f"agent:{issue.assignee_agent_id}"
    return f"user:{issue.assignee_user_id}" if issue.assignee_user_id else ""


def _related(issue: Issue) -> dict[str, list[Issue]]:
    """Return the issues that block this one, and those that it blocks, in one query, which takes the former first."""
    ends = ("issue__assignee_agent", "related_issue__assignee_agent")
    rows = Relation.objects.filter(Q(issue=issue) | Q(related_issue=issue), type="blocks").select_related(
        *ends
    )
    is_blocked = ExpressionWrapper(Q(issue=issue), output_field=BooleanField())
    listed = list(rows.order_by(is_blocked, "created_at", "id")[: 2 * _CHILDREN_SHOWN])
    return {
        "blockers": [row.issue for row in listed if row.related_issue_id == issue.pk][:_CHILDREN_SHOWN],
        "blocked": [row.related_issue for row in listed if row.issue_id == issue.pk][:_CHILDREN_SHOWN],
    }


def _documents(issue: Issue) -> list[IssueDocument]:
    """Return the documents, the oldest first and the product's own last."""
    rows = IssueDocument.objects.filter(issue=issue).select_related("document", "document__updated_by_agent")
    is_own = ExpressionWrapper(Q(key=SYSTEM_DOCUMENT), output_field=BooleanField())
    return list(rows.order_by(is_own, "created_at")[:50])


def _entries(issue: Issue) -> list[told.Told]:
    rows = Activity.objects.filter(entity_type="issue", entity_id=str(issue.pk)).select_related("agent")
    newest = list(rows.order_by("-created_at", "-id")[:_ACTIVITY_SHOWN])
    known = {("issue", str(issue.pk)): _link(issue)}
    return told.tell(newest, company_id=issue.company_id, known=known)


def _links(company_id: UUID, ids: Collection[UUID]) -> dict[UUID, Link]:
    rows = Issue.objects.filter(company_id=company_id, pk__in=ids).only("id", "identifier", "title")
    return {row.pk: _link(row) for row in rows}


def _link(issue: Issue) -> Link:
    return Link(issue.identifier, reverse("admin:issues_issue_change", args=[issue.pk]), issue.title)


links.register("issue", _links)
