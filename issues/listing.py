"""Lists of issues: the filters, the order, and the rows (I-144 to I-150, I-152).

A page is read in a fixed number of queries, whatever is on it, and without making model instances.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast

from issues import attention, blockers, handoffs, reading, search, tree, wire
from issues.choices import IssueStatus
from issues.models import LIST_ORDER, Comment, Issue, IssueLabel, Label
from paperclip.companies.models import Activity

DEFAULT_LIMIT = 500
MAX_LIMIT = 1000
_DESCRIPTION_SHOWN = 1200
_INBOX_STATUSES = (IssueStatus.TODO, IssueStatus.IN_PROGRESS, IssueStatus.BLOCKED)
_LIVE = ("queued", "running")
# Where the work stands in its policy: the state itself would be too much for a list (IW-40).
_STAGE_PARTS = ("status", "currentStageId", "currentStageType", "currentParticipant", "returnAssignee")
_STAGE = (
    "CASE WHEN page.execution_state ->> 'status' IN ('pending', 'changes_requested') THEN "
    + wire.json_object({part: f"page.execution_state -> '{part}'" for part in _STAGE_PARTS})
    + " END"
)
_SHEET = wire.sheet(
    Issue,
    # Cutting a text counts its characters, which costs more than all else here; most are short enough as they are.
    instead={
        "description": f"CASE WHEN octet_length(page.description) <= {_DESCRIPTION_SHOWN} THEN page.description"
        f" ELSE left(page.description, {_DESCRIPTION_SHOWN}) END"
    },
    seldom=(
        "execution_run", "checkout_run", "execution_agent_name_key", "execution_locked_at", "origin_id",
        "origin_run_id", "billing_code", "assignee_adapter_overrides", "monitor_next_check_at",
        "monitor_wake_requested_at", "monitor_last_triggered_at", "monitor_notes", "monitor_scheduled_by",
        "execution_workspace_preference", "cancelled_at",
    ),
    never=("execution_policy", "execution_state", "execution_workspace_settings", "hidden_at"),
    made={"executionStage": _STAGE},
    # What most rows have nothing to say about.
    also={
        "labels": (),
        "labelIds": (),
        "activeRun": None,
        "blockerAttention": attention.NONE,
        "productivityReview": None,
        "successfulRunHandoff": None,
    },
)  # fmt: skip


@dataclass(frozen=True)
class Filters:
    """What a list is narrowed to; everything given must hold (I-144)."""

    status: Sequence[str] = ()
    assignee_agent_id: UUID | None = None
    participant_agent_id: UUID | None = None
    assignee_user_id: UUID | None = None
    touched_by_user_id: UUID | None = None
    inbox_archived_by_user_id: UUID | None = None
    unread_for_user_id: UUID | None = None
    project_id: UUID | None = None
    workspace_id: UUID | None = None
    execution_workspace_id: UUID | None = None
    parent_id: UUID | None = None
    descendant_of: UUID | None = None
    label_id: UUID | None = None
    origin_kind: str | None = None
    origin_kind_prefix: str | None = None
    origin_id: str | None = None
    exclude_routine_executions: bool = False
    include_plugin_operations: bool = False
    include_blocked_by: bool = False
    q: str = ""
    is_unassigned: bool = False
    approval_id: UUID | None = None
    hidden: bool = False


def company(company_id: UUID, filters: Filters, *, limit: int, offset: int = 0) -> list[dict[str, Any]]:
    """Return the rows of a list (I-147), in its order (I-146)."""
    rows = _filtered(company_id, filters)
    reader = filters.unread_for_user_id or filters.touched_by_user_id or filters.inbox_archived_by_user_id
    page = wire.page(_ordered(rows, filters.q)[offset : offset + limit], _SHEET)
    return _complete(company_id, page, reader=reader, include_blocked_by=filters.include_blocked_by)


def count(company_id: UUID, filters: Filters) -> int:
    """Return how many issues a list with these filters has, on all its pages (IW-39)."""
    rows, term = _filtered(company_id, filters), filters.q.strip()
    return (search.matching(rows, term) if term else rows).count()


def inbox_lite(company_id: UUID, agent_id: UUID) -> list[dict[str, Any]]:
    """Return an agent's own open work, short (I-152, C-45)."""
    rows = _visible(company_id).filter(assignee_agent_id=agent_id, status__in=_INBOX_STATUSES)
    names = (
        "id",
        "identifier",
        "title",
        "status",
        "priority",
        "project_id",
        "goal_id",
        "parent_id",
        "updated_at",
    )
    page = list(_ordered(rows, "").values(*names, "execution_run_id")[:DEFAULT_LIMIT])
    ready = blockers.readiness_of([row["id"] for row in page])
    active = _active_runs(company_id, [row["id"] for row in page if row["execution_run_id"]])
    return [
        {
            **{wire_name: row[name] for name, wire_name in zip(names, _INBOX_NAMES, strict=True)},
            "activeRun": active.get(str(row["id"])),
            "dependencyReady": ready[row["id"]].is_dependency_ready,
            "unresolvedBlockerCount": ready[row["id"]].unresolved_blocker_count,
            "unresolvedBlockerIssueIds": list(ready[row["id"]].unresolved_blocker_issue_ids),
        }
        for row in page
    ]


_INBOX_NAMES = (
    "id",
    "identifier",
    "title",
    "status",
    "priority",
    "projectId",
    "goalId",
    "parentId",
    "updatedAt",
)


# --- Filters and order -----------------------------------------------------------------------------------


def _visible(company_id: UUID, *, hidden: bool = False) -> QuerySet[Issue]:
    return Issue.objects.filter(company_id=company_id, hidden_at__isnull=not hidden)


def _filtered(company_id: UUID, filters: Filters) -> QuerySet[Issue]:
    rows = _visible(company_id, hidden=filters.hidden)
    if filters.status:
        rows = rows.filter(status__in=filters.status)
    for column in (
        "assignee_agent_id", "assignee_user_id", "project_id", "parent_id", "execution_workspace_id",
        "origin_kind", "origin_id",
    ):  # fmt: skip
        value = getattr(filters, column)
        if value is not None:
            rows = rows.filter(**{column: value})
    if filters.approval_id is not None:
        rows = rows.filter(approval_links__approval_id=filters.approval_id)
    if filters.is_unassigned:
        rows = rows.filter(assignee_agent_id__isnull=True)
    if filters.participant_agent_id is not None:
        rows = rows.filter(_took_part(filters.participant_agent_id))
    if filters.workspace_id is not None:
        rows = rows.filter(
            Q(execution_workspace_id=filters.workspace_id) | Q(project_workspace_id=filters.workspace_id)
        )
    if filters.descendant_of is not None:
        rows = rows.filter(pk__in=tree.descendants(filters.descendant_of))
    if filters.label_id is not None:
        rows = rows.filter(Exists(IssueLabel.objects.filter(issue=OuterRef("pk"), label_id=filters.label_id)))
    rows = _by_origin(rows, filters)
    for user_id, narrowed in (
        (filters.touched_by_user_id, reading.touched),
        (filters.unread_for_user_id, reading.unread),
        (filters.inbox_archived_by_user_id, reading.in_inbox),
    ):
        if user_id is not None:
            rows = narrowed(rows, user_id)
    return rows


def _by_origin(rows: QuerySet[Issue], filters: Filters) -> QuerySet[Issue]:
    """Machine-made issues are shown when they are asked for, plugin operations also within a project."""
    asked = filters.origin_kind is not None or filters.origin_id is not None
    if filters.origin_kind_prefix is not None:
        rows = rows.filter(origin_kind__startswith=filters.origin_kind_prefix)
    if filters.exclude_routine_executions and not asked:
        rows = rows.exclude(origin_kind="routine_execution")
    if not (filters.include_plugin_operations or asked or filters.project_id is not None):
        operation = Q(origin_kind__regex=r"^plugin:[^:]*:operation(:|$)")
        rows = rows.filter(~Q(origin_kind__startswith="plugin:") | ~operation)
    return rows


def _took_part(agent_id: UUID) -> Q:
    commented = Comment.objects.filter(issue=OuterRef("pk"), author_agent_id=agent_id)
    acted = Activity.objects.filter(
        entity_type="issue", entity_id=Cast(OuterRef("pk"), TextField()), agent_id=agent_id
    )
    return Q(created_by_agent_id=agent_id) | Q(assignee_agent_id=agent_id) | Exists(commented) | Exists(acted)


def _ordered(rows: QuerySet[Issue], term: str) -> QuerySet[Issue]:
    if not term.strip():
        return rows.order_by(*LIST_ORDER)
    return search.ranked(rows, term.strip(), then=LIST_ORDER)


# --- Rows ------------------------------------------------------------------------------------------------


def _complete(
    company_id: UUID, rows: list[dict[str, Any]], *, reader: UUID | None, include_blocked_by: bool
) -> list[dict[str, Any]]:
    ids = [row["id"] for row in rows]
    by_id = dict(zip(ids, rows, strict=True))
    for issue_id, labels in _labels(ids).items():
        row = by_id[issue_id]
        row["labels"] = labels
        row["labelIds"] = [label["id"] for label in labels]
    held = [row["id"] for row in rows if row["executionRunId"]]
    for issue_id, run in _active_runs(company_id, held).items():
        by_id[issue_id]["activeRun"] = run
    blocked = [UUID(row["id"]) for row in rows if row["status"] == IssueStatus.BLOCKED]
    for key, verdict in attention.of(company_id, blocked).items():
        by_id[str(key)]["blockerAttention"] = verdict
    for issue_id, handoff in handoffs.of_many(ids).items():
        by_id[issue_id]["successfulRunHandoff"] = handoff
    if include_blocked_by:
        waits = blockers.summaries_by_blocked(ids)
        for row in rows:
            row["blockedBy"] = waits.get(row["id"], [])
    if reader is not None:
        touches = reading.touches(ids, reader)
        for row in rows:
            row.update(touches[row["id"]])
    return rows


_LABELS = f"""
SELECT {wire.select(Label, "label")}, string_agg(link.issue_id::text, ' ')
FROM issue_labels AS link JOIN labels AS label ON label.id = link.label_id
WHERE link.issue_id = ANY(%(issues)s::uuid[]) GROUP BY label.id ORDER BY label.name, label.id
"""  # noqa: S608


def _labels(issue_ids: Sequence[str]) -> Mapping[str, list[dict[str, Any]]]:
    """Return the labels of issues, by name; there are few labels, so each is read once with all its issues."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for *values, labelled in wire.rows_prepared(_LABELS, {"issues": wire.array(issue_ids)}):
        label = dict(zip(wire.names(Label), values, strict=True))
        for issue_id in labelled.split():
            found[issue_id].append(label)
    return found


_RUN = {
    "id": "execution_run_id",
    "status": "execution_run__status",
    "agentId": "execution_run__agent_id",
    "invocationSource": "execution_run__invocation_source",
    "triggerDetail": "execution_run__trigger_detail",
    "startedAt": "execution_run__started_at",
    "finishedAt": "execution_run__finished_at",
    "createdAt": "execution_run__created_at",
}


def _active_runs(company_id: UUID, issue_ids: Sequence[Any]) -> dict[str, dict[str, Any]]:
    """Return, by issue, the run that works on it or is about to."""
    if not issue_ids:
        return {}
    rows = Issue.objects.filter(
        pk__in=issue_ids, execution_run__status__in=_LIVE, execution_run__company_id=company_id
    ).values_list("pk", *_RUN.values())
    return {str(issue_id): dict(zip(_RUN, values, strict=True)) for issue_id, *values in rows}
