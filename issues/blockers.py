"""What an issue waits for (I-81 to I-85): relations without circles, readiness, and news when the wait is
over.

Every edit of relations runs under `locks.relations`, so that no two of them can close a circle together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef

from issues import wakes
from issues.choices import WAKES_NOBODY, IssueStatus
from issues.models import Issue, Relation
from paperclip.companies.actors import Actor
from paperclip.core.errors import Unprocessable

_MAX_DEPTH = 8
_MAX_NODES = 2000


@dataclass(frozen=True)
class Readiness:
    """Whether an issue may be worked on (I-82). Only `done` resolves a blocker."""

    issue_id: UUID
    blocker_issue_ids: tuple[UUID, ...] = ()
    unresolved_blocker_issue_ids: tuple[UUID, ...] = ()

    @property
    def unresolved_blocker_count(self) -> int:
        """How many blockers are not done."""
        return len(self.unresolved_blocker_issue_ids)

    @property
    def all_blockers_done(self) -> bool:
        """Whether every blocker is done; true without any."""
        return not self.unresolved_blocker_issue_ids

    @property
    def is_dependency_ready(self) -> bool:
        """Whether nothing is in the way."""
        return self.all_blockers_done


def readiness(issue_id: UUID) -> Readiness:
    """Return what `issue_id` waits for."""
    return readiness_of([issue_id])[issue_id]


def readiness_of(issue_ids: Iterable[UUID]) -> dict[UUID, Readiness]:
    """Return what each of `issue_ids` waits for, in one query."""
    wanted = list(issue_ids)
    rows = Relation.objects.filter(related_issue_id__in=wanted, type="blocks").order_by("created_at", "id")
    found: dict[UUID, list[tuple[UUID, str]]] = defaultdict(list)
    for blocked, blocker, status in rows.values_list("related_issue_id", "issue_id", "issue__status"):
        found[blocked].append((blocker, status))
    return {
        issue_id: Readiness(
            issue_id,
            tuple(blocker for blocker, _ in found[issue_id]),
            tuple(blocker for blocker, status in found[issue_id] if status != IssueStatus.DONE),
        )
        for issue_id in wanted
    }


def unresolved_among(issue_ids: Sequence[UUID]) -> list[UUID]:
    """Return those of `issue_ids` that are not done."""
    if not issue_ids:
        return []
    return list(
        Issue.objects.filter(pk__in=issue_ids).exclude(status=IssueStatus.DONE).values_list("pk", flat=True)
    )


def require_done(blocker_ids: Sequence[UUID]) -> None:
    """Raise Unprocessable unless all of `blocker_ids` are done (I-30)."""
    waiting = unresolved_among(blocker_ids)
    if waiting:
        raise refusal(waiting)


def refusal(unresolved: Sequence[UUID]) -> Unprocessable:
    """Return the refusal of work on an issue that still waits (I-30, IL-7)."""
    rows = Issue.objects.filter(pk__in=unresolved).order_by("title", "id")
    return Unprocessable(
        "Issue is blocked by unresolved blockers",
        details={
            "unresolvedBlockerIssueIds": [str(issue_id) for issue_id in unresolved],
            "unresolvedBlockers": [
                {
                    "issueId": str(row["id"]),
                    "identifier": row["identifier"],
                    "title": row["title"],
                    "reason": row["status"],
                }
                for row in rows.values("id", "identifier", "title", "status")
            ],
        },
    )


@dataclass(frozen=True)
class Change:
    """What an edit of blockers did."""

    now: tuple[UUID, ...]
    added: tuple[UUID, ...]
    removed: tuple[UUID, ...]


def wanted_set(issue: Issue, blocker_ids: Sequence[UUID]) -> list[UUID]:
    """Return `blocker_ids` without repetition, or raise Unprocessable why they cannot block `issue` (I-81).

    The caller holds `locks.relations`.
    """
    wanted = list(dict.fromkeys(blocker_ids))
    if issue.pk in wanted:
        raise Unprocessable("Issue cannot be blocked by itself")
    if not wanted:
        return []
    if Issue.objects.filter(company_id=issue.company_id, pk__in=wanted).count() != len(wanted):
        raise Unprocessable("Blocked-by issues must belong to the same company")
    if _waits_for(wanted, issue.pk):
        raise Unprocessable("Blocking relations cannot contain cycles")
    return wanted


def replace(*, issue: Issue, blocker_ids: Sequence[UUID], actor: Actor, now: datetime) -> Change:
    """Make `blocker_ids` (as `wanted_set` returned them) the whole set of what blocks `issue`."""
    links = Relation.objects.filter(related_issue=issue, type="blocks").order_by("created_at", "id")
    before = list(links.values_list("issue_id", flat=True))
    removed = [blocker for blocker in before if blocker not in blocker_ids]
    added = [blocker for blocker in blocker_ids if blocker not in before]
    if removed:
        links.filter(issue_id__in=removed).delete()
    Relation.objects.bulk_create(
        Relation(
            company_id=issue.company_id,
            issue_id=blocker,
            related_issue=issue,
            created_by_agent_id=actor.agent_id,
            created_by_user_id=actor.user_id,
            created_at=now,
            updated_at=now,
        )
        for blocker in added
    )
    return Change(tuple(blocker_ids), tuple(added), tuple(removed))


def add(*, issue: Issue, blocker_id: UUID, actor: Actor, now: datetime) -> Change:
    """Make `issue` wait for one more, under `locks.relations`. Raises Unprocessable for a circle."""
    links = Relation.objects.filter(related_issue=issue, type="blocks").order_by("created_at", "id")
    wanted = wanted_set(issue, [*links.values_list("issue_id", flat=True), blocker_id])
    return replace(issue=issue, blocker_ids=wanted, actor=actor, now=now)


def called_by_resolution(blocker: Issue) -> list[wakes.Wake]:
    """Return the wakes of every issue whose wait ends with `blocker` (I-83).

    Call it after the blocker was marked done, or its relations were read and dropped; under
    `locks.relations`, for of two last blockers that close side by side neither would see the other.
    """
    dependents = Relation.objects.filter(issue=blocker, type="blocks").values_list(
        "related_issue_id", flat=True
    )
    return called_when_ready(dependents, resolved=blocker.pk)


def called_when_ready(dependents: Iterable[UUID], *, resolved: UUID) -> list[wakes.Wake]:
    """Return a wake for each of `dependents` that has an agent, is open and ready; `resolved` was the last
    blocker.

    They are locked first: one that is being given to an agent at this moment is waited for, not missed.
    """
    locked = Issue.objects.select_for_update(no_key=True).filter(pk__in=list(dependents)).order_by("pk")
    assigned = {
        row.pk: row.assignee_agent_id
        for row in locked.only("assignee_agent_id", "status")
        if row.assignee_agent_id is not None and row.status not in WAKES_NOBODY
    }
    state = readiness_of(assigned)
    return [
        wakes.blockers_resolved(
            issue_id=issue_id,
            agent_id=agent_id,
            resolved=resolved,
            blockers=state[issue_id].blocker_issue_ids,
        )
        for issue_id, agent_id in assigned.items()
        if state[issue_id].is_dependency_ready
    ]


def has_dependents(issue_id: UUID) -> bool:
    """Whether anything waits for `issue_id`."""
    return Relation.objects.filter(issue_id=issue_id, type="blocks").exists()


# --- Reading ---------------------------------------------------------------------------------------------

_SUMMARY = ("id", "identifier", "title", "status", "priority", "assignee_agent_id", "assignee_user_id")


def summary(row: dict[str, Any]) -> dict[str, Any]:
    """Return the summary object of a relation (I-15)."""
    return {
        "id": row["id"],
        "identifier": row["identifier"],
        "title": row["title"],
        "status": row["status"],
        "priority": row["priority"],
        "assigneeAgentId": row["assignee_agent_id"],
        "assigneeUserId": row["assignee_user_id"],
    }


def summaries(issue_ids: Iterable[UUID]) -> list[dict[str, Any]]:
    """Return the summaries of `issue_ids`, by title."""
    rows = Issue.objects.filter(pk__in=list(issue_ids)).order_by("title", "pk").values(*_SUMMARY)
    return [summary(dict(row)) for row in rows]


def summaries_by_blocked(issue_ids: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """Return, by issue, the summaries of what blocks it, each list by title; one query for any number."""
    links = Relation.objects.filter(related_issue_id__in=list(issue_ids), type="blocks")
    names = [f"issue__{name}" for name in _SUMMARY]
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for blocked, *values in links.order_by("issue__title", "issue_id").values_list(
        "related_issue_id", *names
    ):
        found[str(blocked)].append(summary(dict(zip(_SUMMARY, values, strict=True))))
    return found


def relation_summaries(issue_id: UUID) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return `(blockedBy, blocks)` of one issue, each by title, with `terminalBlockers` where there are any
    (I-85).
    """
    rows = (
        Issue.objects.filter(Exists(_links(issue_id)))
        .annotate(
            is_blocker=Exists(
                Relation.objects.filter(issue=OuterRef("pk"), related_issue=issue_id, type="blocks")
            )
        )
        .order_by("title", "pk")
        .values(*_SUMMARY, "is_blocker")
    )
    blocked_by: list[dict[str, Any]] = []
    blocks: list[dict[str, Any]] = []
    for row in rows:
        (blocked_by if row["is_blocker"] else blocks).append(summary(dict(row)))
    add_terminal_blockers(blocked_by)
    return blocked_by, blocks


def add_terminal_blockers(blocked_by: list[dict[str, Any]]) -> None:
    """Lay `terminalBlockers` on those entries that themselves wait for something (I-85)."""
    waiting = [entry for entry in blocked_by if entry["status"] != IssueStatus.DONE]
    if not waiting:
        return
    edges, facts = _chains([entry["id"] for entry in waiting])
    for entry in waiting:
        ends = _leaves(entry["id"], edges)
        if ends:
            entry["terminalBlockers"] = sorted(
                (facts[end] for end in ends), key=lambda end: (end["title"], str(end["id"]))
            )


def _links(issue_id: UUID) -> Any:
    """Relations between the outer issue and `issue_id`, in either direction."""
    links = Relation.objects.filter(type="blocks")
    return links.filter(issue=OuterRef("pk"), related_issue=issue_id) | links.filter(
        issue=issue_id, related_issue=OuterRef("pk")
    )


_CHAINS = """
WITH RECURSIVE chain (blocked, blocker, depth) AS (
  SELECT related_issue_id, issue_id, 1 FROM issue_relations
  WHERE related_issue_id = ANY(%(start)s) AND type = 'blocks'
  UNION
  SELECT link.related_issue_id, link.issue_id, chain.depth + 1
  FROM chain
  JOIN issues AS waiting ON waiting.id = chain.blocker AND waiting.status <> 'done'
  JOIN issue_relations AS link ON link.related_issue_id = waiting.id AND link.type = 'blocks'
  WHERE chain.depth < %(depth)s
)
SELECT chain.blocked, issue.id, issue.identifier, issue.title, issue.status, issue.priority,
       issue.assignee_agent_id, issue.assignee_user_id
FROM (SELECT DISTINCT blocked, blocker FROM chain LIMIT %(nodes)s) AS chain
JOIN issues AS issue ON issue.id = chain.blocker AND issue.status <> 'done'
"""


def _chains(start: Sequence[UUID]) -> tuple[dict[UUID, list[UUID]], dict[UUID, dict[str, Any]]]:
    """Return the unresolved blockers below `start` as edges, and the summary of each."""
    edges: dict[UUID, list[UUID]] = defaultdict(list)
    facts: dict[UUID, dict[str, Any]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_CHAINS, {"start": list(start), "depth": _MAX_DEPTH, "nodes": _MAX_NODES})
        for blocked, *values in cursor.fetchall():
            row = dict(zip(_SUMMARY, values, strict=True))
            edges[blocked].append(row["id"])
            facts[row["id"]] = summary(row)
    return edges, facts


def _leaves(start: UUID, edges: dict[UUID, list[UUID]]) -> set[UUID]:
    seen, layer, leaves = {start}, [start], set()
    while layer:
        layer, current = [], layer
        for node in current:
            below = edges.get(node, [])
            if not below and node != start:
                leaves.add(node)
            layer.extend(child for child in below if child not in seen)
            seen.update(below)
    return leaves


_WAITS_FOR = """
WITH RECURSIVE upstream (id) AS (
  SELECT unnest(%(start)s::uuid[])
  UNION
  SELECT link.issue_id FROM upstream JOIN issue_relations AS link
    ON link.related_issue_id = upstream.id AND link.type = 'blocks'
)
SELECT EXISTS (SELECT 1 FROM upstream WHERE id = %(target)s)
"""


def _waits_for(issue_ids: Sequence[UUID], target: UUID) -> bool:
    """Whether any of `issue_ids` waits, at any distance, for `target`."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITS_FOR, {"start": list(issue_ids), "target": target})
        row = cursor.fetchone()
    return bool(row and row[0])
