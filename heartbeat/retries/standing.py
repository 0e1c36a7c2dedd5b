"""What an issue already has that moves it or holds it: who would go on with it must know (H-109, H-111)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection

from heartbeat.choices import RUN_LIVE, WakeupStatus
from heartbeat.endings import Ending
from issues.choices import CLOSED, InteractionStatus, IssueStatus, OriginKind
from issues.policy import states
from paperclip.governance.choices import APPROVAL_OPEN


@dataclass(frozen=True)
class Standing:
    """Each is a reason not to call the issue's agent again for the same work."""

    is_called: bool
    is_live: bool
    is_reviewed: bool
    is_recovered: bool
    awaits_answer: bool
    awaits_approval: bool
    awaits_issue: bool
    awaits_children: bool


_STANDING = """
SELECT
  EXISTS (SELECT FROM agent_wakeup_requests WHERE agent_id = %(agent)s AND idempotency_key = %(key)s
            AND status <> %(called_off)s),
  EXISTS (SELECT FROM heartbeat_runs WHERE issue_id = %(issue)s AND status = ANY(%(live)s) AND id <> %(run)s),
  EXISTS (SELECT FROM issues WHERE origin_kind = %(review)s AND origin_id = %(issue)s::text
            AND status <> ALL(%(closed)s) AND hidden_at IS NULL),
  EXISTS (SELECT FROM issues WHERE origin_kind = %(recovery)s AND origin_id = %(issue)s::text
            AND status <> ALL(%(closed)s) AND hidden_at IS NULL),
  EXISTS (SELECT FROM issue_thread_interactions WHERE issue_id = %(issue)s AND status = %(unanswered)s),
  EXISTS (SELECT FROM issue_approvals AS link JOIN approvals AS approval ON approval.id = link.approval_id
          WHERE link.issue_id = %(issue)s AND approval.status = ANY(%(undecided)s)),
  EXISTS (SELECT FROM issue_relations AS link JOIN issues AS blocker ON blocker.id = link.issue_id
          WHERE link.related_issue_id = %(issue)s AND link.type = 'blocks'
            AND blocker.status <> ALL(%(closed)s) AND blocker.hidden_at IS NULL),
  EXISTS (SELECT FROM issues WHERE parent_id = %(issue)s AND status = ANY(%(in_hand)s) AND hidden_at IS NULL
            AND (assignee_agent_id IS NOT NULL OR assignee_user_id IS NOT NULL))
"""
_WORDS: dict[str, Any] = {
    "called_off": WakeupStatus.CANCELLED.value,
    "live": [status.value for status in RUN_LIVE],
    "review": OriginKind.ISSUE_PRODUCTIVITY_REVIEW.value,
    "recovery": OriginKind.STRANDED_ISSUE_RECOVERY.value,
    "closed": [status.value for status in CLOSED],
    "in_hand": [IssueStatus.TODO.value, IssueStatus.IN_PROGRESS.value, IssueStatus.IN_REVIEW.value],
    "unanswered": InteractionStatus.PENDING.value,
    "undecided": [status.value for status in APPROVAL_OPEN],
}


def of(ending: Ending, *, key: str) -> Standing:
    """Return how the issue of the ended run stands, in one query; `key` is what the next call would be known by.

    A call that was called off does not count (HB-52). Any other with this key does, whatever became of it: no
    second one may be stored.
    """
    values = {**_WORDS, "key": key, "run": ending.run.pk, "agent": ending.run.agent_id}
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, {**values, "issue": ending.run.issue_id})
        return Standing(*cursor.fetchone())


def why_not_mine(ending: Ending) -> str | None:
    """Return why the ended run's agent would not be the one to go on, None when it would."""
    issue = ending.issue
    if issue is None:
        return "The issue is gone"
    if not ending.is_mine:
        return "The issue is no longer assigned to this agent"
    if states.is_in_stages(issue):
        return "The issue is in a stage of its execution policy"
    if issue.monitor_next_check_at is not None and issue.monitor_next_check_at > ending.now:
        return "The issue is looked at again when its monitor is due"
    if issue.status not in (IssueStatus.TODO, IssueStatus.IN_PROGRESS):
        return f"The issue is {issue.get_status_display().lower()}"
    return None
