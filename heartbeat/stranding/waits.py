"""What an open issue may wait for without a run: an answer, a look that is planned, the work of its children.

Each of these calls its agent when it comes; until then nobody needs to do anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from heartbeat.choices import RUN_LIVE, RunStatus
from heartbeat.stranding.verdicts import Last
from issues.choices import CLOSED, ORIGIN_ONE_OPEN, InteractionStatus
from issues.models import ApprovalLink, Interaction, Issue
from paperclip.companies.choices import AGENT_NOT_INVOKABLE
from paperclip.governance.choices import APPROVAL_OPEN

# A look that is overdue by more than this is not relied on any longer.
MONITOR_GRACE = timedelta(minutes=10)


@dataclass(frozen=True)
class Waits:
    """What an issue waits for. `has_moving_children`: some child of it is being worked on, or will be."""

    has_open_approval: bool = False
    monitor_at: datetime | None = None
    has_moving_children: bool = False

    def reason(self, last: Last | None) -> str | None:
        """Return why nothing needs to be done after the `last` run, None when something does.

        Children count after a run that went well: it may have handed the work on to them.
        """
        if self.has_open_approval:
            return "It waits for the answer to a question"
        if self.monitor_at is not None:
            return "It is looked at again when its monitor is due"
        if self.has_moving_children and last is not None and last.status == RunStatus.SUCCEEDED:
            return "It waits for its children"
        return None


NOTHING = Waits()

_PARENTS = """
SELECT DISTINCT child.parent_id
FROM issues AS child LEFT JOIN agents AS agent ON agent.id = child.assignee_agent_id
WHERE child.parent_id = ANY(%(parents)s::uuid[]) AND child.status <> ALL(%(closed)s::text[])
  AND child.origin_kind <> ALL(%(recoveries)s::text[])
  AND ((child.assignee_user_id IS NOT NULL AND child.status <> 'backlog')
    OR EXISTS (SELECT FROM heartbeat_runs AS run
               WHERE run.issue_id = child.id AND run.status = ANY(%(live)s::text[]))
    OR (child.status IN ('todo', 'in_progress') AND agent.status <> ALL(%(idle)s::text[])
        AND NOT EXISTS (SELECT FROM issue_relations AS link JOIN issues AS blocker ON blocker.id = link.issue_id
                        WHERE link.related_issue_id = child.id AND blocker.status <> 'done')))
"""
_WORDS: dict[str, Any] = {
    "closed": [status.value for status in CLOSED],
    "recoveries": [kind.value for kind in ORIGIN_ONE_OPEN],
    "live": [status.value for status in RUN_LIVE],
    "idle": [status.value for status in AGENT_NOT_INVOKABLE],
}


def of(issue: Issue, *, now: datetime) -> Waits:
    """Return what `issue` waits for."""
    return of_many([issue], now=now)[issue.pk]


def of_many(issues: Sequence[Issue], *, now: datetime) -> dict[UUID, Waits]:
    """Return what each of `issues` waits for, in two queries; none for no issue."""
    ids = [issue.pk for issue in issues]
    if not ids:
        return {}
    linked = ApprovalLink.objects.filter(issue_id__in=ids, approval__status__in=APPROVAL_OPEN)
    put = Interaction.objects.filter(issue_id__in=ids, status=InteractionStatus.PENDING)
    asked = set(linked.values_list("issue_id", flat=True).union(put.values_list("issue_id", flat=True)))
    with connection.cursor() as cursor:
        cursor.execute(_PARENTS, {**_WORDS, "parents": ids})
        parents = {row[0] for row in cursor.fetchall()}
    return {issue.pk: Waits(issue.pk in asked, _monitor(issue, now), issue.pk in parents) for issue in issues}


def _monitor(issue: Issue, now: datetime) -> datetime | None:
    at = issue.monitor_next_check_at
    return at if at is not None and at > now - MONITOR_GRACE else None
