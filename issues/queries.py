"""What the interface and the board ask about one issue. Reads only."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import orjson
from django.db.models import QuerySet

from issues import attention, blockers, handoffs, pieces, references, snapshots, wire, workspace_links
from issues.choices import PLAN_DOCUMENT, SYSTEM_DOCUMENT, IssueStatus
from issues.models import Comment, Document, DocumentRevision, Interaction, Issue
from paperclip.companies.models import Activity, Project
from paperclip.core import naming

MAX_ACTIVITY = 1000

_PROJECT_LINK = re.compile(r"\]\(project://([0-9a-fA-F-]{36})(?:\?[^)\s]{0,100})?\)")
_PLAN = re.compile(r"<plan>(.*?)</plan>", re.IGNORECASE | re.DOTALL)

_DETAIL = snapshots.statement(
    wire.select(Issue, "issue"),
    "goal_ref.id",
    snapshots.LABELS,
    snapshots.FULL_ANCESTORS,
    snapshots.BLOCKED_BY,
    snapshots.BLOCKS,
    snapshots.SCHEDULED_RETRY,
    snapshots.PROJECT,
    snapshots.GOAL,
    snapshots.DOCUMENT_SUMMARIES,
    snapshots.PLAN_DOCUMENT,
    snapshots.WORK_PRODUCTS,
    references.OUTBOUND,
    references.INBOUND,
    handoffs.SHOWN,
)
_PLAIN = (
    f"SELECT {wire.select(Issue, 'issue')}, {snapshots.LABELS} FROM issues AS issue WHERE issue.id = %(id)s"  # noqa: S608
)


def locate(reference: str, company_ids: Iterable[UUID]) -> tuple[UUID, UUID] | None:
    """Return `(issue id, company id)` of what a path names by id or identifier within companies (I-6)."""
    names = named(reference, company_ids)
    if names is None:
        return None
    rows = Issue.objects.filter(company_id__in=names["companies"])
    rows = rows.filter(pk=names["id"]) if names["id"] else rows.filter(identifier=names["identifier"])
    return rows.values_list("pk", "company_id").first()


def named(reference: str, company_ids: Iterable[UUID]) -> dict[str, Any] | None:
    """Return the parameters by which SQL finds the issue; None when nothing can be meant (I-6)."""
    identifier = naming.as_identifier(reference)
    issue_id = naming.as_uuid(reference)
    if identifier is None and issue_id is None:
        return None
    return {"companies": list(company_ids), "id": issue_id, "identifier": identifier}


def issue_object(issue_id: UUID) -> dict[str, Any]:
    """Return the issue with its labels (I-9), as every write answers it."""
    (values,) = wire.rows(_PLAIN, {"id": issue_id})
    return wire.issue(values) | _labels(values[-1])


def detail(reference: str, company_ids: Iterable[UUID]) -> dict[str, Any] | None:
    """Return everything an issue's page shows (I-141); None when there is no such issue for the caller."""
    names = named(reference, company_ids)
    found = wire.rows_prepared(_DETAIL, names) if names else []
    if not found:
        return None
    (
        *values, goal_id, labels, ancestors, blocked_by, blocks, retry, project, goal, documents, plan,
        products, outbound, inbound, handoff,
    ) = found[0]  # fmt: skip
    row = wire.issue(values)
    waits = with_terminal_blockers(blocked_by)
    return row | _labels(labels) | {
        "goalId": goal_id, "ancestors": wire.fragment(ancestors or "[]"),
        "blockerAttention": blocker_attention(row, company_id=row["companyId"]), "productivityReview": None,
        "successfulRunHandoff": wire.fragment(handoff), "scheduledRetry": wire.fragment(retry), "blockedBy": waits,
        "blocks": wire.fragment(blocks or "[]"), **references.shown(outbound, inbound),
        "planDocument": wire.fragment(plan), "documentSummaries": wire.fragment(documents or "[]"),
        "legacyPlanDocument": None if plan else legacy_plan(row["description"]),
        "project": wire.fragment(project), "goal": wire.fragment(goal),
        "mentionedProjects": mentioned_projects(row["companyId"], row["title"], row["description"] or ""),
        "currentExecutionWorkspace": workspace_links.current(row["executionWorkspaceId"]),
        "workProducts": wire.fragment(products or "[]"),
    }  # fmt: skip


def relations(issue_id: UUID) -> dict[str, Any]:
    """Return `blockedBy` and `blocks` as an edit of blockers answers them (I-164)."""
    blocked_by, blocks = blockers.relation_summaries(issue_id)
    return {"blockedBy": blocked_by, "blocks": blocks}


def blocker_attention(row: dict[str, Any], *, company_id: UUID | str) -> dict[str, Any]:
    """Return who has to move for a blocked issue to go on (I-86), from its wire row."""
    if row["status"] != IssueStatus.BLOCKED:
        return attention.NONE
    issue_id = UUID(row["id"])
    return attention.of(company_id, [issue_id])[issue_id]


def with_terminal_blockers(text: str | None) -> list[dict[str, Any]]:
    """Return the blockers in JSON `text`, with what stands behind those that are open (I-85)."""
    entries: list[dict[str, Any]] = orjson.loads(text) if text else []
    if any(entry["status"] != IssueStatus.DONE for entry in entries):
        for entry in entries:
            entry["id"] = UUID(entry["id"])
        blockers.add_terminal_blockers(entries)
    return entries


def legacy_plan(description: str | None) -> dict[str, Any] | None:
    """Return the plan that an older description carries in it (I-135)."""
    found = _PLAN.search(description or "")
    body = found[1].strip() if found else ""
    return {"key": PLAN_DOCUMENT, "body": body, "source": "issue_description"} if body else None


def mentioned_projects(company_id: str, *texts: str) -> list[dict[str, Any]]:
    """Return the projects that Markdown links in `texts` name, in order (I-141)."""
    links = [link for text in texts for link in _PROJECT_LINK.findall(text)]
    ids = [project_id for link in links if (project_id := naming.as_field_uuid(link))]
    if not ids:
        return []
    rows = Project.objects.filter(company_id=company_id, pk__in=ids).values("id", "name", "status", "color")
    found = {row["id"]: dict(row) for row in rows}
    return [found[project_id] for project_id in dict.fromkeys(ids) if project_id in found]


def activity(issue_id: UUID, *, after: UUID | None = None, limit: int = MAX_ACTIVITY) -> QuerySet[Activity]:
    """Return what happened to an issue, newest first (I-209); what came before the entry `after`."""
    rows = Activity.objects.filter(entity_type="issue", entity_id=str(issue_id))
    return pieces.behind(rows, after, "-created_at", "-id")[:limit]


def interactions(
    issue_id: UUID, *, after: UUID | None = None, limit: int | None = None
) -> QuerySet[Interaction]:
    """Return what was put to people on an issue, oldest first (I-173); what was put behind `after`."""
    rows = Interaction.objects.filter(issue_id=issue_id)
    return pieces.behind(rows, after, "created_at", "id")[:limit]


# --- The thread ------------------------------------------------------------------------------------------

_NOT_SPOKEN = ("number",)


def comments(
    issue_id: UUID, *, after: UUID | None = None, ascending: bool = False, limit: int | None = None
) -> list[dict[str, Any]]:
    """Return comments in the order they were stored, or the reverse (I-70).

    `after` names a comment: with `ascending` only newer ones are returned, else only older ones, and it never
    is. An anchor of another issue gives nothing.
    """
    rows = Comment.objects.filter(issue_id=issue_id)
    if after is not None:
        anchor = rows.filter(pk=after).values_list("number", flat=True).first()
        if anchor is None:
            return []
        rows = rows.filter(number__gt=anchor) if ascending else rows.filter(number__lt=anchor)
    rows = rows.order_by("number" if ascending else "-number")
    return [comment_object(values) for values in _comment_values(rows)[:limit]]


def comment(issue_id: UUID, comment_id: UUID) -> dict[str, Any] | None:
    """Return one comment of an issue."""
    values = _comment_values(Comment.objects.filter(issue_id=issue_id, pk=comment_id)).first()
    return comment_object(values) if values is not None else None


def comment_object(values: Any) -> dict[str, Any]:
    """Return the object of a comment from its columns (I-11)."""
    row = dict(zip(wire.names(Comment, without=_NOT_SPOKEN), values, strict=True))
    return row | {
        "presentation": wire.fragment(row["presentation"]),
        "metadata": wire.fragment(row["metadata"]),
    }


def _comment_values(rows: QuerySet[Comment]) -> Any:
    return rows.values_list(*wire.expressions(Comment, without=_NOT_SPOKEN))


# --- Pieces ----------------------------------------------------------------------------------------------


def _labels(text: str | None) -> dict[str, Any]:
    labels = orjson.loads(text) if text else []
    return {"labels": labels, "labelIds": [label["id"] for label in labels]}


# --- Documents -------------------------------------------------------------------------------------------


def documents(issue_id: UUID, *, with_system: bool = False) -> list[dict[str, Any]]:
    """Return the issue's documents with their text, by key; the product's own on request (I-132)."""
    rows = (
        Document.objects.filter(issue_link__issue_id=issue_id)
        .select_related("issue_link")
        .order_by("issue_link__key")
    )
    if not with_system:
        rows = rows.exclude(issue_link__key=SYSTEM_DOCUMENT)
    return [_document_object(row) for row in rows]


def document(issue_id: UUID, key: str) -> dict[str, Any] | None:
    """Return one document with its text (I-19)."""
    row = (
        Document.objects.filter(issue_link__issue_id=issue_id, issue_link__key=key)
        .select_related("issue_link")
        .first()
    )
    return _document_object(row) if row is not None else None


def revisions(
    issue_id: UUID, key: str, *, after: UUID | None = None, limit: int | None = None
) -> list[dict[str, Any]]:
    """Return the versions of a document, newest first, or those before `after`; nothing of an unknown one (I-134)."""
    rows = DocumentRevision.objects.filter(
        document__issue_link__issue_id=issue_id, document__issue_link__key=key
    )
    names = (
        "id", "company_id", "document_id", "revision_number", "title", "format", "body", "change_summary",
        "created_by_agent_id", "created_by_user_id", "created_at",
    )  # fmt: skip
    return [
        {naming.camel(name): value for name, value in row.items()} | {"issueId": issue_id, "key": key}
        for row in pieces.behind(rows, after, "-revision_number").values(*names)[:limit]
    ]


def _document_object(row: Document) -> dict[str, Any]:
    return {
        "id": row.pk,
        "companyId": row.company_id,
        "issueId": row.issue_link.issue_id,
        "key": row.issue_link.key,
        "title": row.title,
        "format": row.format,
        "body": row.latest_body,
        "latestRevisionId": row.latest_revision_id,
        "latestRevisionNumber": row.latest_revision_number,
        "createdByAgentId": row.created_by_agent_id,
        "createdByUserId": row.created_by_user_id,
        "updatedByAgentId": row.updated_by_agent_id,
        "updatedByUserId": row.updated_by_user_id,
        "createdAt": row.created_at,
        "updatedAt": row.updated_at,
    }
