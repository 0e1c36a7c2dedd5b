"""What waits for a person: the first thing on the board."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, Q
from django.urls import reverse

from heartbeat import words
from heartbeat.choices import Mechanism, RunStatus
from heartbeat.models import Run
from issues.choices import CLOSED, IssueStatus
from issues.models import Issue, Relation
from paperclip.board import reasons
from paperclip.companies.choices import AgentStatus
from paperclip.companies.models import Agent
from paperclip.core import doctor
from paperclip.governance import words as governance_words
from paperclip.governance.choices import APPROVAL_OPEN
from paperclip.governance.models import Approval

LOOK_BACK = timedelta(days=14)
_OF_EACH_KIND = 20
_HOUSE = ("home", "runner")
_LOOKED_AT = 100
_FAILURES_LOOKED_AT = 500


@dataclass(frozen=True)
class Item:
    """One thing that waits: what it is, since when, and where to act on it."""

    key: str
    icon: str
    group: str
    who: str
    text: str
    url: str
    at: datetime
    act: str


def items(company_id: UUID, *, now: datetime) -> list[Item]:
    """Return what waits for a person, newest reason first, in a fixed number of queries."""
    failed = list(_failed_runs(company_id, now=now))
    shown_agents = {item.who for item in failed}
    found = [
        *_of_the_house(now=now),
        *_approvals(company_id),
        *failed,
        *_stuck_issues(company_id, now=now),
        *_agents_in_error(company_id, shown_agents),
    ]
    return sorted(found, key=lambda item: item.at, reverse=True)


def _of_the_house(*, now: datetime) -> Iterator[Item]:
    """What is wrong with this host itself: agents of every company stand still over it."""
    for finding in doctor.findings(*_HOUSE):
        if finding.state == "ok" or (finding.state == "warn" and finding.part != "home"):
            continue
        yield Item(
            key=f"house-{finding.part}",
            icon="dns",
            group="wrong",
            who=finding.part.capitalize(),
            text=f"{finding.text}. {finding.hint}",
            url=reverse("admin:heartbeat_runner_changelist"),
            at=now,
            act="Look",
        )


def _approvals(company_id: UUID) -> Iterator[Item]:
    rows = Approval.objects.filter(company_id=company_id, status__in=APPROVAL_OPEN)
    for row in rows.select_related("requested_by_agent").order_by("-created_at")[:_OF_EACH_KIND]:
        asked = governance_words.summary(row)
        yield Item(
            key=f"approval-{row.pk}",
            icon="approval",
            group="waiting",
            who=row.requested_by_agent.name if row.requested_by_agent else "",
            text=f"asks: {governance_words.kind(row)}" + (f": {asked}" if asked else ""),
            url=reverse("admin:governance_approval_change", args=[row.pk]),
            at=row.created_at,
            act="Decide",
        )


def _failed_runs(company_id: UUID, *, now: datetime) -> Iterator[Item]:
    """Failures that nothing follows: the last word of their issue, or of their agent when they had none."""
    later = Run.objects.filter(created_at__gt=OuterRef("created_at"))
    of_issue = Exists(later.filter(issue_id=OuterRef("issue_id")))
    of_agent = Exists(later.filter(agent_id=OuterRef("agent_id")))
    newest = Run.objects.filter(
        Q(followup_mechanism__isnull=True) | Q(followup_mechanism=Mechanism.NONE),
        company_id=company_id,
        status__in=(RunStatus.FAILED, RunStatus.TIMED_OUT),
        created_at__gte=now - LOOK_BACK,
    ).order_by("-created_at")
    rows = Run.objects.filter(
        Q(issue__isnull=True) & ~of_agent | ~Q(issue__status__in=CLOSED) & Q(issue__isnull=False) & ~of_issue,
        pk__in=newest.values("pk")[:_FAILURES_LOOKED_AT],
    )
    rows = rows.select_related("agent", "issue").only(
        "id", "status", "error", "error_code", "finished_at", "created_at", "agent__name", "issue__identifier"
    )
    for run in rows.order_by("-created_at")[:_OF_EACH_KIND]:
        place = f" on {run.issue.identifier}" if run.issue else ""
        what = "timed out" if run.status == RunStatus.TIMED_OUT else "failed"
        yield Item(
            key=f"run-{run.pk}",
            icon="error",
            group="wrong",
            who=run.agent.name,
            text=f"{what}{place}: {words.failure(run) or 'it left no error text'}",
            url=reverse("admin:heartbeat_run_change", args=[run.pk]),
            at=run.finished_at or run.created_at,
            act="Look",
        )


def _stuck_issues(company_id: UUID, *, now: datetime) -> Iterator[Item]:
    # Work that is not marked blocked stands as still when what it waits for was cancelled (field note 18).
    waits_in_vain = Relation.objects.filter(
        related_issue=OuterRef("pk"), type="blocks", issue__status=IssueStatus.CANCELLED
    )
    rows = Issue.objects.filter(
        Q(status=IssueStatus.BLOCKED)
        | Q(status__in=(IssueStatus.TODO, IssueStatus.IN_PROGRESS)) & Exists(waits_in_vain),
        company_id=company_id,
        hidden_at__isnull=True,
    )
    rows = rows.select_related("assignee_agent", "assignee_user").only(
        "id", "identifier", "title", "status", "last_activity_at", "assignee_agent__name",
        "assignee_agent__status", "assignee_user__username", "assignee_user__first_name",
        "assignee_user__last_name",
    )  # fmt: skip
    blocked = list(rows.order_by("-last_activity_at")[:_LOOKED_AT])
    found = reasons.of(blocked, now=now)
    stuck = [issue for issue in blocked if found[issue.pk].needs_person]
    for issue in stuck[:_OF_EACH_KIND]:
        yield Item(
            key=f"issue-{issue.pk}",
            icon="block",
            group="wrong",
            who=issue.identifier,
            text=f"{found[issue.pk].text} · {issue.title}",
            url=reverse("admin:issues_issue_change", args=[issue.pk]),
            at=issue.last_activity_at,
            act="Unblock",
        )


def _agents_in_error(company_id: UUID, shown: set[str]) -> Iterator[Item]:
    rows = Agent.objects.filter(company_id=company_id, status=AgentStatus.ERROR)
    for agent in rows.only("id", "name", "updated_at").order_by("-updated_at")[:_OF_EACH_KIND]:
        if agent.name in shown:
            continue
        yield Item(
            key=f"agent-{agent.pk}",
            icon="smart_toy",
            group="wrong",
            who=agent.name,
            text="is in error: its last run failed",
            url=reverse("admin:companies_agent_change", args=[agent.pk]),
            at=agent.updated_at,
            act="Look",
        )
