"""Blockers in nobody's hands that an agent made are given back to it (H-145).

Each once: one that its agent lets go of again is the board's to see, not this pass's to press on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection

from heartbeat import wakeups
from heartbeat.choices import InvocationSource, TriggerDetail
from heartbeat.recovery import passes
from heartbeat.stranding import escalation
from heartbeat.wakeups import Call
from issues import blockers, locks, stranding
from issues.choices import CLOSED, IssueStatus
from issues.models import Issue
from issues.stranding import Word
from paperclip.companies.choices import AGENT_NOT_INVOKABLE
from paperclip.companies.models import Activity, Agent
from paperclip.governance import budgets

NAME = "recovery.orphan_blockers"
SOURCE = "recovery.reconcile_unassigned_blocking_issue"
_TOLD = 5
_LETS_GO = (IssueStatus.TODO, IssueStatus.BLOCKED)

_ORPHANS = """
SELECT issue.id FROM issues AS issue JOIN agents AS maker ON maker.id = issue.created_by_agent_id
WHERE issue.status IN ('todo', 'blocked') AND issue.assignee_agent_id IS NULL AND issue.assignee_user_id IS NULL
  AND issue.created_by_agent_id IS NOT NULL AND issue.hidden_at IS NULL AND issue.id > %(after)s
  AND maker.status <> ALL(%(idle)s::text[])
  AND EXISTS (SELECT FROM issue_relations AS link JOIN issues AS waiting ON waiting.id = link.related_issue_id
              WHERE link.issue_id = issue.id AND link.type = 'blocks' AND waiting.status <> ALL(%(closed)s::text[]))
  AND NOT EXISTS (SELECT FROM activity_log AS entry
                  WHERE entry.entity_type = 'issue' AND entry.entity_id = issue.id::text
                    AND entry.action = 'issue.updated' AND entry.details ->> 'source' = %(source)s)
ORDER BY issue.id LIMIT %(most)s
"""


def give_back(*, now: datetime) -> int:
    """Give such blockers back to their makers and call them; return how many."""
    given = 0
    for page in passes.pages(_orphans):
        for (issue_id,) in page:
            given += passes.each(NAME, issue_id, partial(_give_back, issue_id, now=now)) is True
    return given


def _orphans(after: UUID) -> Sequence[tuple[UUID]]:
    values: dict[str, Any] = {
        "after": after,
        "idle": [status.value for status in AGENT_NOT_INVOKABLE],
        "closed": [status.value for status in CLOSED],
        "source": SOURCE,
        "most": passes.PAGE,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ORPHANS, values)
        rows: list[tuple[UUID]] = cursor.fetchall()
    return rows


def _give_back(issue_id: UUID, *, now: datetime) -> bool:
    issue = locks.issue(issue_id)
    agent = Agent.objects.select_related("company").filter(created_issues=issue).first()
    if agent is None or issue.status not in _LETS_GO or agent.status in AGENT_NOT_INVOKABLE:
        return False
    if budgets.invocation_block(company=agent.company, agent=agent, project=issue.project) is not None:
        return False
    if _was_given_back(issue):
        return False
    waiting = Issue.objects.filter(blocked_by_links__issue=issue).exclude(status__in=CLOSED)
    waiting = waiting.order_by("issue_number")
    names = ", ".join(stranding.link(each) for each in waiting[:_TOLD])
    more = max(waiting.count() - _TOLD, 0)
    body = (
        f"Nobody has this issue, and {names}{f' and {more} more' if more else ''} "
        f"{'wait' if waiting.count() > 1 else 'waits'} for it. It goes back to {agent.name}, who made it."
    )
    word = Word(body, tone="info", title="Given back")
    if not stranding.give(issue, agent.pk, source=SOURCE, word=word, actor=escalation.ACTOR, now=now):
        return False
    if blockers.readiness(issue.pk).is_dependency_ready:
        _call(agent, issue, now=now)
    return True


def _was_given_back(issue: Issue) -> bool:
    entries = Activity.objects.filter(
        entity_type="issue", entity_id=str(issue.pk), action="issue.updated", details__source=SOURCE
    )
    return entries.exists()


def _call(agent: Agent, issue: Issue, *, now: datetime) -> None:
    wakeups.enqueue(
        agent_id=agent.pk,
        company_id=agent.company_id,
        call=Call(
            source=InvocationSource.ASSIGNMENT,
            trigger_detail=TriggerDetail.SYSTEM,
            reason="issue_assigned",
            payload={"issueId": str(issue.pk), "mutation": "unassigned_blocker_recovery"},
            context={"issueId": str(issue.pk), "source": "issue.unassigned_blocker_recovery"},
        ),
        actor=escalation.ACTOR,
        now=now,
    )
