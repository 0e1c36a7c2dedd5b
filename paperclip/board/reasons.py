"""What moves an issue next, in one line: the sentence beside every state.

`of` gathers the facts of many issues in a fixed number of queries; `decide_reason` is pure and has the words.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count

from heartbeat.choices import MAX_SCHEDULED_RETRIES, RUN_LIVE, RUN_TERMINAL, RunStatus
from heartbeat.models import Run
from issues.choices import CLOSED, IssueStatus
from issues.models import Issue, Relation
from paperclip.companies.choices import AGENT_NOT_INVOKABLE, AgentStatus
from paperclip.companies.models import Agent
from paperclip.core.templatetags.board import distance, roughly

# Statuses under which somebody or something is expected to move the issue.
_MOVING = (IssueStatus.TODO, IssueStatus.IN_PROGRESS, IssueStatus.IN_REVIEW, IssueStatus.BLOCKED)
_NAMED = 3


@dataclass(frozen=True)
class Blocker:
    """An issue that stands before another one."""

    identifier: str
    status: str
    owner: str | None
    is_live: bool = False
    owner_status: str | None = None

    @property
    def is_stuck(self) -> bool:
        """Whether nothing and nobody will move the blocker by itself."""
        if self.is_live or self.status == IssueStatus.DONE:
            return False
        if self.status == IssueStatus.CANCELLED or self.owner is None:
            return True
        return self.owner_status in AGENT_NOT_INVOKABLE or self.status == IssueStatus.BACKLOG


@dataclass(frozen=True)
class Facts:
    """What the sentence about one issue is made from."""

    status: str
    agent_name: str | None = None
    agent_status: str | None = None
    user_name: str | None = None
    live_run: Run | None = None
    last_run: Run | None = None
    blockers: Sequence[Blocker] = ()
    open_children: int = 0


@dataclass(frozen=True)
class Reason:
    """One line of plain words. `needs_person` says that nothing moves until somebody acts."""

    text: str
    needs_person: bool = False


def of(issues: Iterable[Issue], *, now: datetime) -> dict[UUID, Reason]:
    """Return the reason of each issue in at most six queries; their assignees are read."""
    rows = list(issues)
    moving = [issue for issue in rows if issue.status in _MOVING]
    live = _live_runs([issue.pk for issue in moving])
    blockers = _blockers([issue.pk for issue in moving])
    idle = [issue.pk for issue in moving if issue.pk not in live and issue.status == IssueStatus.IN_PROGRESS]
    last = _last_runs(idle)
    children = _open_children([issue.pk for issue in moving if issue.status == IssueStatus.BLOCKED])
    return {
        issue.pk: decide_reason(
            Facts(
                status=issue.status,
                agent_name=issue.assignee_agent.name if issue.assignee_agent else None,
                agent_status=issue.assignee_agent.status if issue.assignee_agent else None,
                user_name=issue.assignee_user.display_name if issue.assignee_user else None,
                live_run=live.get(issue.pk),
                last_run=last.get(issue.pk),
                blockers=blockers.get(issue.pk, ()),
                open_children=children.get(issue.pk, 0),
            ),
            now=now,
        )
        for issue in rows
    }


def decide_reason(facts: Facts, *, now: datetime) -> Reason:
    """Return what moves an issue next: a live run, else what stands in the way, else whose turn it is."""
    if facts.status in CLOSED or facts.status == IssueStatus.BACKLOG:
        return Reason("")
    if facts.live_run is not None:
        return _of_live_run(facts.live_run, facts.agent_name, now=now)
    waiting = [blocker for blocker in facts.blockers if blocker.status != IssueStatus.DONE]
    if waiting:
        return _of_blockers(waiting)
    if facts.status == IssueStatus.BLOCKED:
        if facts.open_children:
            several = "children" if facts.open_children > 1 else "child"
            return Reason(f"Waits for {facts.open_children} open {several}")
        if facts.blockers:
            return Reason("Every blocker is done; set it to do again", needs_person=True)
        return Reason("Blocked without a named blocker; the last comment says why", needs_person=True)
    if facts.status == IssueStatus.IN_REVIEW:
        return Reason(f"Waits for {facts.user_name or 'a person'} to judge it", needs_person=True)
    if facts.user_name is not None:
        return Reason(f"Waits for {facts.user_name}", needs_person=True)
    if facts.agent_name is None:
        return Reason("Nobody owns it", needs_person=True)
    return _of_agent(facts)


def _of_live_run(run: Run, agent_name: str | None, *, now: datetime) -> Reason:
    name = agent_name or "An agent"
    if run.status == RunStatus.RUNNING:
        taken = roughly(now - run.started_at) if run.started_at else "a moment"
        return Reason(f"{name} has been at work for {taken}")
    if run.status == RunStatus.SCHEDULED_RETRY and run.scheduled_retry_at is not None:
        why = (run.scheduled_retry_reason or "the last run failed").replace("_", " ")
        attempt = f"Retry {run.scheduled_retry_attempt} of {MAX_SCHEDULED_RETRIES}"
        return Reason(f"{attempt} {distance(run.scheduled_retry_at, now)}: {why}")
    return Reason(f"{name} starts as soon as a runner is free")


def _of_blockers(waiting: Sequence[Blocker]) -> Reason:
    stuck = [blocker for blocker in waiting if blocker.is_stuck]
    first, *others = [*stuck, *(blocker for blocker in waiting if not blocker.is_stuck)]
    if len(waiting) > 1 and not stuck:
        names = ", ".join(blocker.identifier for blocker in waiting[:_NAMED])
        more = f" and {len(waiting) - _NAMED} more" if len(waiting) > _NAMED else ""
        return Reason(f"Blocked by {names}{more}")
    rest = f", and {len(others)} more" if others else ""
    return Reason(f"Blocked by {first.identifier}, {_blocker_state(first)}{rest}", needs_person=bool(stuck))


def _blocker_state(blocker: Blocker) -> str:
    if blocker.status == IssueStatus.CANCELLED:
        return "which was cancelled"
    if blocker.owner is None:
        return "which nobody owns"
    if blocker.is_live:
        return f"which {blocker.owner} is working on"
    if blocker.owner_status in AGENT_NOT_INVOKABLE:
        return f"whose owner {blocker.owner} is {_agent_state(blocker.owner_status)}"
    if blocker.status == IssueStatus.BLOCKED:
        return "which is blocked itself"
    if blocker.status == IssueStatus.BACKLOG:
        return f"which {blocker.owner} keeps in the backlog"
    if blocker.status == IssueStatus.IN_REVIEW:
        return "which is in review"
    return f"which is {blocker.owner}'s"


def _of_agent(facts: Facts) -> Reason:
    name = facts.agent_name
    if facts.agent_status in AGENT_NOT_INVOKABLE:
        return Reason(f"{name} is {_agent_state(facts.agent_status)}", needs_person=True)
    run = facts.last_run
    if run is not None and run.status != RunStatus.SUCCEEDED:
        why = run.error or run.followup_reason or "it left no error text"
        return Reason(f"{name}'s last run {_ending(run.status)}: {_first_line(why)}", needs_person=True)
    if facts.status == IssueStatus.IN_PROGRESS:
        return Reason(f"No run is live; {name}'s next heartbeat goes on with it")
    return Reason(f"Waits for {name}'s next heartbeat")


def _agent_state(status: str | None) -> str:
    return "waiting for approval" if status == AgentStatus.PENDING_APPROVAL else str(status)


def _ending(status: str) -> str:
    return {RunStatus.TIMED_OUT: "timed out", RunStatus.CANCELLED: "was cancelled"}.get(
        RunStatus(status), "failed"
    )


def _first_line(text: str, limit: int = 120) -> str:
    line = (text.strip().splitlines() or [""])[0]
    return line if len(line) <= limit else line[: limit - 1] + "…"


# --- Facts -----------------------------------------------------------------------------------------------

_RUN_FIELDS = (
    "id", "issue_id", "agent_id", "status", "started_at", "scheduled_retry_at", "scheduled_retry_attempt",
    "scheduled_retry_reason", "followup_reason", "error",
)  # fmt: skip


def _live_runs(issue_ids: Sequence[UUID]) -> dict[UUID | None, Run]:
    if not issue_ids:
        return {}
    rows = Run.objects.filter(issue_id__in=issue_ids, status__in=RUN_LIVE).only(*_RUN_FIELDS)
    return {run.issue_id: run for run in rows}


def _last_runs(issue_ids: Sequence[UUID]) -> dict[UUID | None, Run]:
    if not issue_ids:
        return {}
    rows = Run.objects.filter(issue_id__in=issue_ids, status__in=RUN_TERMINAL).only(
        *_RUN_FIELDS, "created_at"
    )
    return {run.issue_id: run for run in rows.order_by("issue_id", "-created_at").distinct("issue_id")}


def _open_children(issue_ids: Sequence[UUID]) -> dict[UUID | None, int]:
    if not issue_ids:
        return {}
    rows = Issue.objects.filter(parent_id__in=issue_ids).exclude(status__in=CLOSED).order_by()
    return dict(rows.values_list("parent_id").annotate(count=Count("id")))


def _blockers(issue_ids: Sequence[UUID]) -> dict[UUID, list[Blocker]]:
    if not issue_ids:
        return {}
    found: dict[UUID, list[Blocker]] = defaultdict(list)
    links = Relation.objects.filter(related_issue_id__in=issue_ids, type="blocks")
    rows = list(
        links.select_related("issue__assignee_agent", "issue__assignee_user").order_by("created_at", "id")
    )
    live = _live_runs([link.issue_id for link in rows if link.issue.status not in CLOSED])
    for link in rows:
        owner: Agent | None = link.issue.assignee_agent
        person = link.issue.assignee_user
        found[link.related_issue_id].append(
            Blocker(
                identifier=link.issue.identifier,
                status=link.issue.status,
                owner=owner.name if owner else person.display_name if person else None,
                owner_status=owner.status if owner else None,
                is_live=link.issue_id in live,
            )
        )
    return found
