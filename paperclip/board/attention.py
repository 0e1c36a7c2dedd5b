"""What waits for a person: the first thing on the board."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, Q
from django.urls import reverse

from heartbeat import findings, providers, stops, words
from heartbeat.choices import Mechanism, RunStatus
from heartbeat.findings import Finding
from heartbeat.models import Run
from issues.choices import CLOSED, FlowStatus, InteractionKind, InteractionStatus, IssueStatus
from issues.models import Interaction, Issue
from paperclip.companies.choices import AgentStatus, JoinStatus, JoinType
from paperclip.companies.models import Agent, JoinRequest
from paperclip.core import doctor
from paperclip.governance import words as governance_words
from paperclip.governance.choices import APPROVAL_OPEN
from paperclip.governance.models import Approval

LOOK_BACK = timedelta(days=14)
_OF_EACH_KIND = 20
_NAMED = 3
_HOUSE = ("home", "runner")
_PUT = {
    InteractionKind.SUGGEST_TASKS: "suggests tasks",
    InteractionKind.ASK_USER_QUESTIONS: "has questions",
    InteractionKind.REQUEST_CONFIRMATION: "asks for a yes or no",
}
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
    stuck = list(_stuck_issues(company_id, now=now))
    found = [
        *_of_the_house(now=now),
        *_approvals(company_id),
        *_questions(company_id),
        *_newcomers(company_id),
        *_judgements(company_id),
        *failed,
        *stuck,
        *_stopped_loops(company_id, shown={item.key for item in stuck}),
        *_agents_in_error(company_id, shown_agents),
        *_shut_accounts(company_id),
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
    people = rows.select_related("requested_by_agent", "requested_by_user")
    for row in people.order_by("-created_at")[:_OF_EACH_KIND]:
        asked = governance_words.summary(row)
        yield Item(
            key=f"approval-{row.pk}",
            icon="approval",
            group="waiting",
            who=str(row.requested_by_agent or row.requested_by_user or "Paperclip"),
            text=f"asks: {governance_words.kind(row)}" + (f": {asked}" if asked else ""),
            url=reverse("admin:governance_approval_change", args=[row.pk]),
            at=row.created_at,
            act="Decide",
        )


def _newcomers(company_id: UUID) -> Iterator[Item]:
    rows = JoinRequest.objects.filter(company_id=company_id, status=JoinStatus.PENDING)
    for row in rows.order_by("-created_at")[:_OF_EACH_KIND]:
        yield Item(
            key=f"join-{row.pk}",
            icon="person_add",
            group="waiting",
            who=str(row),
            text="asks to be hired" if row.request_type == JoinType.AGENT else "asks to join the company",
            url=reverse("admin:companies_joinrequest_changelist"),
            at=row.created_at,
            act="Decide",
        )


def _questions(company_id: UUID) -> Iterator[Item]:
    """What was put to a person in the thread of an open issue."""
    rows = Interaction.objects.filter(
        company_id=company_id, status=InteractionStatus.PENDING, issue__hidden_at__isnull=True
    ).exclude(issue__status__in=CLOSED)
    rows = rows.select_related("issue", "created_by_agent").only(
        "id", "kind", "title", "payload", "created_at", "issue__identifier", "created_by_agent__name"
    )
    for row in rows.order_by("-created_at")[:_OF_EACH_KIND]:
        about = row.title or row.payload.get("prompt") or ""
        yield Item(
            key=f"interaction-{row.pk}",
            icon="help",
            group="waiting",
            who=row.created_by_agent.name if row.created_by_agent else "",
            text=f"{_PUT[InteractionKind(row.kind)]} on {row.issue.identifier}"
            + (f": {about}" if about else ""),
            url=f"{reverse('admin:issues_issue_change', args=[row.issue_id])}#interaction-{row.pk}",
            at=row.created_at,
            act="Answer",
        )


def _judgements(company_id: UUID) -> Iterator[Item]:
    """Work whose policy asks a person to review or approve it."""
    rows = Issue.objects.filter(
        company_id=company_id,
        status=IssueStatus.IN_REVIEW,
        assignee_user__isnull=False,
        execution_state__status=FlowStatus.PENDING,
        hidden_at__isnull=True,
    ).select_related("assignee_user")
    for issue in rows.defer("description").order_by("-last_activity_at")[:_OF_EACH_KIND]:
        assert issue.assignee_user is not None
        yield Item(
            key=f"judgement-{issue.pk}",
            icon="visibility",
            group="waiting",
            who=issue.identifier,
            text=f"waits for {issue.assignee_user.display_name} to judge it: {issue.title}",
            url=f"{reverse('admin:issues_issue_change', args=[issue.pk])}#stages",
            at=issue.last_activity_at,
            act="Judge",
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
    """One line for each cause: the issue to mend, and what else stands still because of it."""
    by_cause: dict[UUID, list[Finding]] = defaultdict(list)
    for finding in findings.of_company(company_id, now=now):
        by_cause[finding.leaf_id].append(finding)
    for cause, found in list(by_cause.items())[:_OF_EACH_KIND]:
        told = next((finding for finding in found if finding.issue.pk == cause), found[0])
        issue = told.issue
        held_up = [finding.issue.identifier for finding in found if finding is not told]
        more = f" and {len(held_up) - _NAMED} more" if len(held_up) > _NAMED else ""
        rest = f" · holds up {', '.join(held_up[:_NAMED])}{more}" if held_up else ""
        yield Item(
            key=f"issue-{issue.pk}",
            icon="block",
            group="wrong",
            who=issue.identifier,
            text=f"{told.movement.sentence} · {issue.title}{rest}",
            url=reverse("admin:issues_issue_change", args=[issue.pk]),
            at=max(finding.issue.last_activity_at for finding in found),
            act="Unblock",
        )


def _stopped_loops(company_id: UUID, *, shown: Set[str]) -> Iterator[Item]:
    """Calls that were stopped for going in circles, where their issue does not stand still over it: one line each.

    Other agents may be at work on the issue, or it has no part in it, as with calls by a timer.
    """
    told: set[UUID | None] = set()
    for stop in stops.of_company(company_id):
        if f"issue-{stop.issue_id}" in shown or (stop.is_between_agents and stop.issue_id in told):
            continue
        if stop.is_between_agents:
            told.add(stop.issue_id)
        about = f" · {stop.issue.identifier} {stop.issue.title}" if stop.issue is not None else ""
        yield Item(
            key=f"loop-{stop.pk}",
            icon="loop",
            group="wrong",
            who=stop.agent.name,
            text=f"is not called by itself any more: {stop.reason}{about}",
            url=reverse("admin:companies_agent_change", args=[stop.agent_id]),
            at=stop.created_at,
            act="Look",
        )


def _shut_accounts(company_id: UUID) -> Iterator[Item]:
    for gate in providers.not_open(company_id)[:_OF_EACH_KIND]:
        until = f" until {gate.not_before:%H:%M} UTC" if gate.not_before else ""
        yield Item(
            key=f"account-{gate.pk}",
            icon="hourglass_top",
            group="waiting",
            who=gate.label,
            text=f"takes no calls{until}: {gate.reason or 'its provider asked to slow down'}",
            url=reverse("admin:heartbeat_run_changelist") + "?outcome=live",
            at=gate.closed_at or gate.updated_at,
            act="Look",
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
