"""Who has to move for a blocked issue to go on (I-86, I-87).

The graph of what blocked issues wait for is read in one query; the verdict is worked out on it without the
database.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from issues import wire

_MAX_DEPTH = 8
_MAX_NODES = 2000

NONE: dict[str, Any] = {
    "state": "none",
    "reason": None,
    "unresolvedBlockerCount": 0,
    "coveredBlockerCount": 0,
    "stalledBlockerCount": 0,
    "attentionBlockerCount": 0,
    "sampleBlockerIdentifier": None,
    "sampleStalledBlockerIdentifier": None,
}

COVERED, STALLED, ATTENTION = "covered", "stalled", "needs_attention"


@dataclass(frozen=True)
class Node:
    """An open issue that something waits for. `is_moving`: its own run or a waiting wake is on it."""

    id: UUID
    identifier: str
    status: str
    has_agent: bool
    has_user: bool
    is_moving: bool
    is_asked: bool


@dataclass
class Graph:
    """What waits for what, among open issues."""

    nodes: dict[UUID, Node] = field(default_factory=dict)
    blockers: dict[UUID, list[UUID]] = field(default_factory=lambda: defaultdict(list))
    children: dict[UUID, list[UUID]] = field(default_factory=lambda: defaultdict(list))
    is_truncated: bool = False

    def below(self, issue_id: UUID) -> list[UUID]:
        """Return the open blockers and children of an issue."""
        return list(dict.fromkeys([*self.blockers.get(issue_id, ()), *self.children.get(issue_id, ())]))


def of(company_id: UUID | str, issue_ids: Iterable[UUID]) -> dict[UUID, dict[str, Any]]:
    """Return the `blockerAttention` of each of `issue_ids`, which are blocked issues of the company."""
    wanted = list(issue_ids)
    if not wanted:
        return {}
    graph = _load(company_id, wanted)
    return {issue_id: judge(graph, issue_id) for issue_id in wanted}


def judge(graph: Graph, root: UUID) -> dict[str, Any]:
    """Return the verdict on one blocked issue."""
    edges = graph.below(root)
    known: dict[UUID, tuple[str, UUID] | None] = {root: None}
    verdicts = {edge: _verdict(graph, edge, known, depth=1) for edge in edges}
    by_state: dict[str, list[UUID]] = defaultdict(list)
    for edge, (state, _) in verdicts.items():
        by_state[state].append(edge)
    state = next((state for state in (ATTENTION, STALLED, COVERED) if by_state[state]), ATTENTION)
    stalled = next((leaf for edge_state, leaf in verdicts.values() if edge_state == STALLED), None)
    sample = next(iter(by_state[state]), None)
    return {
        "state": state,
        "reason": _reason(state, only_children=set(edges) <= set(graph.children.get(root, ()))),
        "unresolvedBlockerCount": len(edges),
        "coveredBlockerCount": len(by_state[COVERED]),
        "stalledBlockerCount": len(by_state[STALLED]),
        "attentionBlockerCount": len(by_state[ATTENTION]),
        "sampleBlockerIdentifier": graph.nodes[sample].identifier if sample else None,
        "sampleStalledBlockerIdentifier": graph.nodes[stalled].identifier if stalled else None,
    }


def _reason(state: str, *, only_children: bool) -> str:
    if state == ATTENTION:
        return "attention_required"
    if state == STALLED:
        return "stalled_review"
    return "active_child" if only_children else "active_dependency"


def _verdict(
    graph: Graph, issue_id: UUID, known: dict[UUID, tuple[str, UUID] | None], *, depth: int
) -> tuple[str, UUID]:
    """Return whether somebody moves this issue, and the issue that decides it (I-87).

    `known` holds what was found out before, and None for what is being looked at further up.
    """
    verdict = known.get(issue_id) or _own_verdict(graph.nodes[issue_id])
    if verdict is None:
        known[issue_id] = None
        below = [each for each in graph.below(issue_id) if known.get(each, False) is not None]
        if not below or depth >= _MAX_DEPTH or graph.is_truncated:
            verdict = ATTENTION, issue_id
        else:
            found = [_verdict(graph, each, known, depth=depth + 1) for each in below]
            verdict = next(
                (each for state in (ATTENTION, STALLED) for each in found if each[0] == state), found[0]
            )
    known[issue_id] = verdict
    return verdict


def _own_verdict(node: Node) -> tuple[str, UUID] | None:
    """Return the verdict the issue itself gives, None when it hangs on what is below."""
    if node.is_asked or node.is_moving or (node.has_user and node.status != "cancelled"):
        return COVERED, node.id
    if node.status == "in_review":
        return STALLED, node.id
    if node.status == "cancelled" or (node.status == "backlog" and node.has_agent):
        return ATTENTION, node.id
    return None


# Edges from a waiting issue to what it waits for: open blockers, and open children.
_GRAPH = """
WITH RECURSIVE edges (above, below, is_child, depth) AS (
  SELECT start.id, next.id, next.is_child, 1
  FROM unnest(%(start)s::uuid[]) AS start (id) CROSS JOIN LATERAL (
    SELECT issue_id AS id, false AS is_child FROM issue_relations
    WHERE related_issue_id = start.id AND type = 'blocks'
    UNION ALL SELECT id, true FROM issues WHERE parent_id = start.id
  ) AS next JOIN issues AS open ON open.id = next.id AND open.status <> 'done'
  UNION
  SELECT edges.below, next.id, next.is_child, edges.depth + 1
  FROM edges CROSS JOIN LATERAL (
    SELECT issue_id AS id, false AS is_child FROM issue_relations
    WHERE related_issue_id = edges.below AND type = 'blocks'
    UNION ALL SELECT id, true FROM issues WHERE parent_id = edges.below
  ) AS next JOIN issues AS open ON open.id = next.id AND open.status <> 'done'
  WHERE edges.depth < %(depth)s
), walked AS (SELECT DISTINCT above, below, is_child FROM edges LIMIT %(nodes)s)
SELECT walked.above, walked.is_child, node.id, node.identifier, node.status,
       node.assignee_agent_id IS NOT NULL, node.assignee_user_id IS NOT NULL,
       EXISTS (SELECT 1 FROM heartbeat_runs AS run WHERE run.id = node.execution_run_id
               AND run.company_id = %(company)s AND run.status IN ('queued', 'running'))
       OR EXISTS (SELECT 1 FROM agent_wakeup_requests AS wake WHERE wake.issue_id = node.id
                  AND wake.company_id = %(company)s AND wake.run_id IS NULL
                  AND wake.status IN ('queued', 'deferred_issue_execution')),
       EXISTS (SELECT 1 FROM issue_approvals AS link
               JOIN approvals AS approval ON approval.id = link.approval_id
               WHERE link.issue_id = node.id AND approval.status IN ('pending', 'revision_requested'))
       OR EXISTS (SELECT 1 FROM issue_thread_interactions AS put
                  WHERE put.issue_id = node.id AND put.status = 'pending')
       OR EXISTS (SELECT 1 FROM issues AS escalation WHERE escalation.company_id = %(company)s
                  AND escalation.origin_kind = 'harness_liveness_escalation'
                  AND escalation.origin_id = node.id::text
                  AND escalation.status NOT IN ('done', 'cancelled') AND escalation.hidden_at IS NULL)
FROM walked JOIN issues AS node ON node.id = walked.below AND node.company_id = %(company)s
"""


def _load(company_id: UUID | str, start: Sequence[UUID]) -> Graph:
    graph = Graph()
    limit = _MAX_NODES * len(start)
    rows = wire.rows_prepared(
        _GRAPH, {"start": list(start), "company": company_id, "depth": _MAX_DEPTH, "nodes": limit}
    )
    graph.is_truncated = len(rows) >= limit
    for above, is_child, *facts in rows:
        node = Node(*facts)
        graph.nodes[node.id] = node
        (graph.children if is_child else graph.blockers)[above].append(node.id)
    return graph
