"""Everything around issues that bears on who moves them next, read in a fixed number of queries.

For the issues asked for and for what they wait for, at any distance up to a bound.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Left

from heartbeat import providers, reviews
from heartbeat.choices import RUN_LIVE, GateState, RunnerState, WakeupStatus
from heartbeat.models import LoopStop, ProviderGate, Run, Runner, WakeupRequest
from heartbeat.stranding import lasts, waits
from heartbeat.stranding.lasts import Story
from heartbeat.stranding.waits import Waits
from issues import holds
from issues.choices import CLOSED, SYSTEM_DOCUMENT, IssueStatus
from issues.holds import Gate
from issues.models import Document, Issue
from paperclip.companies.models import Agent
from paperclip.governance import budgets, policies
from paperclip.governance.budgets import Block
from paperclip.governance.policies import Spent

MAX_DEPTH = 8
MAX_NODES = 2000
# A call without a run is not relied on for longer.
CALL_GRACE = timedelta(minutes=10)
# As much of an agent's own summary as its next action stands in.
_SUMMARY_CHARS = 8000
_OPEN_WORK = (IssueStatus.TODO, IssueStatus.IN_PROGRESS)


@dataclass(frozen=True)
class Surroundings:
    """What is known of one issue. `blockers` are what it waits for and is not done, by number.

    `has_queued_call`: a call of it has no run yet. `was_freed`: all it waited for is done, and the call that told
    its agent so was refused.
    """

    issue: Issue
    blockers: Sequence[UUID] = ()
    run: Run | None = None
    has_waiting_wake: bool = False
    has_queued_call: bool = False
    story: Story = field(default_factory=Story)
    waits: Waits = field(default_factory=Waits)
    hold: Gate | None = None
    loop_stop: LoopStop | None = None
    budget: Block | None = None
    reviewer: Agent | None = None
    gate: ProviderGate | None = None
    waits_for_review: bool = False
    was_freed: bool = False


@dataclass(frozen=True)
class Picture:
    """Issues with their surroundings, by id. `has_runner`: some host takes runs."""

    around: dict[UUID, Surroundings]
    has_runner: bool


_EDGES = """
WITH RECURSIVE edges (blocked, blocker, depth) AS (
  SELECT related_issue_id, issue_id, 1 FROM issue_relations
  WHERE related_issue_id = ANY(%(start)s::uuid[]) AND type = 'blocks'
  UNION
  SELECT link.related_issue_id, link.issue_id, edges.depth + 1
  FROM edges JOIN issues AS waiting ON waiting.id = edges.blocker AND waiting.status <> ALL(%(closed)s::text[])
  JOIN issue_relations AS link ON link.related_issue_id = waiting.id AND link.type = 'blocks'
  WHERE edges.depth < %(depth)s
)
SELECT DISTINCT edges.blocked, edges.blocker, issue.issue_number
FROM edges JOIN issues AS issue ON issue.id = edges.blocker AND issue.status <> 'done'
ORDER BY issue.issue_number LIMIT %(nodes)s
"""


def load(issues: Sequence[Issue], *, now: datetime) -> Picture:
    """Return the picture around `issues`, which may be of several companies."""
    blockers = _blockers([issue.pk for issue in issues])
    ids = {issue.pk for issue in issues} | {each for found in blockers.values() for each in found}
    nodes = _nodes(ids)
    still = [issue for issue in nodes.values() if issue.status not in CLOSED]
    live = _live_runs(ids)
    resting = [issue for issue in still if issue.pk not in live]
    rest_ids = [issue.pk for issue in resting]
    stories = lasts.of_many(issue.pk for issue in resting if issue.status in _OPEN_WORK)
    waiting = waits.of_many(resting, now=now)
    woken = _woken(rest_ids, now)
    held = holds.gates_of(ids)
    stops = _loop_stops(rest_ids)
    gates = _provider_gates(live.values())
    reviewers = _reviewers(resting)
    in_review = waiting_for_review(resting, stories)
    freed = freed_among(issue.pk for issue in resting if issue.status == IssueStatus.BLOCKED)
    spent = policies.spent_scopes({issue.company_id for issue in resting})
    around = {
        issue.pk: Surroundings(
            issue=issue,
            blockers=blockers.get(issue.pk, ()),
            run=live.get(issue.pk),
            has_waiting_wake=(issue.pk, WakeupStatus.DEFERRED) in woken,
            has_queued_call=(issue.pk, WakeupStatus.QUEUED) in woken,
            story=stories.get(issue.pk, Story()),
            waits=waiting.get(issue.pk, waits.NOTHING),
            hold=held.get(issue.pk),
            loop_stop=stops.get((issue.pk, issue.assignee_agent_id)),
            budget=_budget(issue, spent) if issue.pk not in live else None,
            reviewer=reviewers.get(reviewer_id(issue)),
            gate=_gate_of(live.get(issue.pk), gates),
            waits_for_review=issue.pk in in_review,
            was_freed=issue.pk in freed,
        )
        for issue in nodes.values()
    }
    return Picture(around, has_runner=_has_runner(now) if live else True)


def reviewer_id(issue: Issue) -> str | None:
    """Return the agent whom the issue's policy asks to judge, None when it asks nobody or a person (I-23)."""
    participant = _participant(issue)
    return str(participant.get("agentId")) if participant and participant.get("agentId") else None


def has_user_reviewer(issue: Issue) -> bool:
    """Return whether the issue's policy asks a person to judge."""
    participant = _participant(issue)
    return bool(participant and participant.get("userId"))


_FREED = """
SELECT issue.id, freed.by FROM issues AS issue
CROSS JOIN LATERAL (
  SELECT max(coalesce(blocker.completed_at, blocker.updated_at)) AS at,
         (array_agg(blocker.id ORDER BY blocker.completed_at DESC NULLS LAST))[1] AS by
  FROM issue_relations AS link JOIN issues AS blocker ON blocker.id = link.issue_id
  WHERE link.related_issue_id = issue.id AND link.type = 'blocks'
  HAVING bool_and(blocker.status = 'done')
) AS freed
WHERE issue.id = ANY(%(issues)s::uuid[]) AND issue.assignee_agent_id IS NOT NULL
  AND EXISTS (SELECT FROM agent_wakeup_requests AS call
              WHERE call.issue_id = issue.id AND call.agent_id = issue.assignee_agent_id
                AND call.status = 'skipped' AND call.updated_at >= freed.at)
  AND NOT EXISTS (SELECT FROM heartbeat_runs AS run
                  WHERE run.issue_id = issue.id AND run.agent_id = issue.assignee_agent_id
                    AND run.created_at >= freed.at)
"""


def freed_among(issue_ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """Return which of `issue_ids` nobody told that all they waited for is done, each with the last of it."""
    ids = list(issue_ids)
    if not ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_FREED, {"issues": ids})
        return dict(cursor.fetchall())


def _participant(issue: Issue) -> dict[str, Any] | None:
    state = issue.execution_state
    found = state.get("currentParticipant") if isinstance(state, dict) else None
    return found if isinstance(found, dict) else None


def _blockers(start: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    values: dict[str, Any] = {
        "start": list(start),
        "closed": [status.value for status in CLOSED],
        "depth": MAX_DEPTH,
        "nodes": MAX_NODES + 10 * len(start),
    }
    found: dict[UUID, list[UUID]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_EDGES, values)
        for blocked, blocker, _ in cursor.fetchall():
            found[blocked].append(blocker)
    return dict(found)


def _nodes(ids: Iterable[UUID]) -> dict[UUID, Issue]:
    rows = Issue.objects.select_related("assignee_agent", "assignee_user", "project", "company")
    return {issue.pk: issue for issue in rows.filter(pk__in=list(ids)).defer("description")}


def _live_runs(ids: Iterable[UUID]) -> dict[UUID, Run]:
    rows = Run.objects.filter(issue_id__in=list(ids), status__in=RUN_LIVE).select_related("agent")
    wanted = rows.defer("context_snapshot", "result_json", "usage_json", "stdout_excerpt", "stderr_excerpt")
    return {run.issue_id: run for run in wanted if run.issue_id is not None}


def _woken(ids: Sequence[UUID], now: datetime) -> set[tuple[UUID | None, str]]:
    """Calls that wait for the issues' run to end, and calls that were made a moment ago and have no run yet."""
    rows = WakeupRequest.objects.filter(issue_id__in=ids, run__isnull=True)
    recent = Q(status=WakeupStatus.QUEUED, requested_at__gt=now - CALL_GRACE)
    return set(rows.filter(recent | Q(status=WakeupStatus.DEFERRED)).values_list("issue_id", "status"))


def _loop_stops(ids: Sequence[UUID]) -> dict[tuple[UUID | None, UUID | None], LoopStop]:
    rows = LoopStop.objects.filter(issue_id__in=ids, closed_at__isnull=True)
    return {(stop.issue_id, stop.agent_id): stop for stop in rows}


def _provider_gates(runs: Iterable[Run]) -> dict[tuple[UUID, str], ProviderGate]:
    rows = ProviderGate.objects.filter(company_id__in={run.company_id for run in runs})
    return {(gate.company_id, gate.key): gate for gate in rows.exclude(state=GateState.OPEN)}


def _gate_of(run: Run | None, gates: dict[tuple[UUID, str], ProviderGate]) -> ProviderGate | None:
    if run is None or not gates:
        return None
    return gates.get((run.company_id, providers.key_of(run.agent)))


def _reviewers(issues: Iterable[Issue]) -> dict[str | None, Agent]:
    ids = {reviewer_id(issue) for issue in issues if issue.status == IssueStatus.IN_REVIEW} - {None}
    if not ids:
        return {}
    return {str(agent.pk): agent for agent in Agent.objects.filter(pk__in=[each for each in ids if each])}


def waiting_for_review(issues: Iterable[Issue], stories: dict[UUID, Story]) -> set[UUID]:
    """Return which issues in progress were left, in their agent's own words, for somebody to judge (H-70)."""
    ids = [
        issue.pk
        for issue in issues
        if issue.status == IssueStatus.IN_PROGRESS and stories[issue.pk].last is not None
    ]
    if not ids:
        return set()
    rows = Document.objects.filter(issue_link__issue_id__in=ids, issue_link__key=SYSTEM_DOCUMENT)
    texts = rows.annotate(start=Left("latest_body", _SUMMARY_CHARS)).values_list(
        "issue_link__issue_id", "start"
    )
    return {issue_id for issue_id, text in texts if text and reviews.waits_for_review(text)}


def _budget(issue: Issue, spent: Spent) -> Block | None:
    agent = issue.assignee_agent
    if agent is None:
        return None
    return budgets.decide_block(company=issue.company, agent=agent, project=issue.project, spent=spent)


def _has_runner(now: datetime) -> bool:
    return Runner.objects.filter(state=RunnerState.ACTIVE, lease_expires_at__gt=now).exists()
