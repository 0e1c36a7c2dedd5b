"""Issues that stand still, and the runs they were left by."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from heartbeat.models import Run, WakeupRequest
from issues.models import Comment, Issue
from paperclip.companies.models import Activity, Agent
from paperclip.core import clock
from tests import factories


def stranded(agent: Agent, *, status: str = "in_progress", last: str | None = "failed", **run: Any) -> Issue:
    """An issue of `agent` whose last run ended as `last`; without one, that was never called for."""
    issue = factories.issue(agent.company, assignee_agent=agent, status=status)
    if last is not None:
        ended(issue, agent, status=last, **run)
    return issue


def ended(
    issue: Issue, agent: Agent, *, status: str = "failed", at: datetime | None = None, **run: Any
) -> Run:
    moment = at or clock.now() - timedelta(minutes=1)
    run.setdefault("followup_mechanism", "none")
    run.setdefault("followup_reason", "It was left at that")
    return factories.run(
        agent, issue=issue, status=status, started_at=moment, finished_at=moment, created_at=moment, **run
    )


def live(issue: Issue) -> Run:
    return Run.objects.get(issue=issue, status__in=("queued", "running", "scheduled_retry"))


def recoveries(issue: Issue) -> list[Issue]:
    kind = "stranded_issue_recovery"
    return list(Issue.objects.filter(origin_kind=kind, origin_id=str(issue.pk)).order_by("created_at"))


def words(issue: Issue) -> list[Comment]:
    return list(Comment.objects.filter(issue=issue).order_by("number"))


def blockers(issue: Issue) -> list[Issue]:
    return list(Issue.objects.filter(blocks_links__related_issue=issue))


def calls(issue: Issue) -> list[WakeupRequest]:
    return list(WakeupRequest.objects.filter(issue=issue).order_by("created_at"))


def deeds(issue: Issue) -> list[Activity]:
    return list(Activity.objects.filter(entity_type="issue", entity_id=str(issue.pk)).order_by("created_at"))
