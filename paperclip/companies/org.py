"""The tree of who reports to whom: shape, chain of command, and the lock that keeps it a tree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection

from paperclip.companies.choices import AgentStatus
from paperclip.companies.models import Agent, Company
from paperclip.core.errors import NotFound, Unprocessable

MAX_CHAIN = 50
MAX_DEPTH = 100

_CHAIN = """
    WITH RECURSIVE chain (id, reports_to_id, name, role, title, depth, path) AS (
        SELECT id, reports_to_id, name, role, title, 1, ARRAY[id] FROM agents WHERE id = %s
        UNION ALL
        SELECT a.id, a.reports_to_id, a.name, a.role, a.title, c.depth + 1, c.path || a.id
        FROM agents a JOIN chain c ON a.id = c.reports_to_id
        WHERE c.depth < %s AND NOT a.id = ANY (c.path)
    )
    SELECT id, name, role, title FROM chain ORDER BY depth
"""


@dataclass(frozen=True)
class Superior:
    """One manager in a chain of command."""

    id: UUID
    name: str
    role: str
    title: str | None


@dataclass(frozen=True)
class Node:
    """One agent of the tree, with those who report to it."""

    id: UUID
    name: str
    role: str
    status: str
    reports: list[Node] = field(default_factory=list)


def lock(company_id: UUID) -> None:
    """Let one writer at a time change names and reporting lines of a company, until the transaction ends.

    Two moves that are each fine may make a circle together, and two new agents may take the same shortname;
    no constraint can see either. Rows that merely refer to the company are not held up.
    """
    Company.objects.select_for_update(no_key=True).only("id").get(pk=company_id)


def chain_of_command(agent: Agent) -> list[Superior]:
    """Return the managers above `agent`, nearest first, at most 50 (C-40)."""
    if agent.reports_to_id is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_CHAIN, [agent.reports_to_id, MAX_CHAIN])
        return [Superior(*row) for row in cursor.fetchall()]


def tree(company_id: UUID) -> list[Node]:
    """Return the company's tree without terminated agents, whose reports stand as roots (C-50, CW-18)."""
    rows = Agent.objects.filter(company_id=company_id).exclude(status=AgentStatus.TERMINATED)
    agents = list(
        rows.order_by("created_at", "id").values_list("id", "name", "role", "status", "reports_to_id")
    )
    nodes = {pk: Node(pk, name, role, status) for pk, name, role, status, _ in agents}
    below: dict[UUID | None, list[Node]] = defaultdict(list)
    for pk, _, _, _, manager in agents:
        below[manager if manager in nodes else None].append(nodes[pk])
    for node in nodes.values():
        node.reports.extend(below[node.id])
    return below[None]


def require_manager(company_id: UUID, manager_id: UUID) -> None:
    """Raise NotFound or Unprocessable unless `manager_id` is an agent of the company (C-54)."""
    found = Agent.objects.filter(pk=manager_id).values_list("company_id", flat=True).first()
    if found is None:
        raise NotFound("Manager not found")
    if found != company_id:
        raise Unprocessable("Manager must belong to same company")


def require_place(company_id: UUID, agent_id: UUID | None, manager_id: UUID) -> None:
    """Raise Unprocessable if an agent cannot report to `manager_id`: a circle, or a tree too deep (C-56).

    `agent_id` is None for an agent that is yet to be made. Call under `lock`.
    """
    if manager_id == agent_id:
        raise Unprocessable("Agent cannot report to itself")
    managers = dict(Agent.objects.filter(company_id=company_id).values_list("id", "reports_to_id"))
    above = _line(managers, manager_id)
    if agent_id in above:
        raise Unprocessable("Reporting relationship would create cycle")
    lines = (_line(managers, other) for other in managers) if agent_id is not None else ()
    height = max((line.index(agent_id) + 1 for line in lines if agent_id in line), default=1)
    if len(above) + height > MAX_DEPTH:
        raise Unprocessable(f"Reporting lines cannot be longer than {MAX_DEPTH} agents")


def _line(managers: Mapping[UUID, UUID | None], start: UUID) -> list[UUID]:
    """Return `start` and everybody above it, nearest first."""
    line = [start]
    while (above := managers.get(line[-1])) is not None and above not in line:
        line.append(above)
    return line
