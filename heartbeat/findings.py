"""What will not move until a person does something: for the board's list, and for the pass over blocked work (H-150).

A finding is a movement with something missing. Those of blocked and reviewed work have a name in the interface.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.db.models import Case, IntegerField, Q, Value, When

from heartbeat import movement, surroundings
from heartbeat.choices import RUN_LIVE
from heartbeat.models import Run
from heartbeat.moves import Kind, Movement
from heartbeat.surroundings import Picture
from issues.choices import PRIORITY_ORDER, IssueStatus
from issues.models import Issue

MOST = 100
# How many issues are looked at to fill a list; beyond it the most urgent are told.
_LOOKED_AT = 500


class State(StrEnum):
    """Why blocked or reviewed work stands still (H-150)."""

    UNASSIGNED = "blocked_by_unassigned_issue"
    BACKLOG = "blocked_by_assigned_backlog_issue"
    UNINVOKABLE = "blocked_by_uninvokable_assignee"
    CANCELLED = "blocked_by_cancelled_issue"
    REVIEWER = "invalid_review_participant"
    NO_REVIEWER = "in_review_without_action_path"


_UNINVOKABLE = frozenset({Kind.AGENT_PAUSED, Kind.AGENT_PENDING, Kind.AGENT_GONE})


@dataclass(frozen=True)
class Finding:
    """An issue that will not move by itself, and why. `state` is None where the interface has no word for it."""

    issue: Issue
    movement: Movement
    state: State | None

    @property
    def leaf_id(self) -> UUID:
        """The issue at the end of the line, which is the one to mend."""
        if self.state == State.CANCELLED:
            return self.movement.path[-1]
        return self.movement.issue_id

    @property
    def incident_key(self) -> str:
        """What names this finding of this issue (H-150)."""
        return f"harness_liveness:{self.issue.company_id}:{self.issue.pk}:{self.state}:{self.leaf_id}"

    @property
    def leaf_key(self) -> str:
        """What names the cause, shared by everything that waits for it (H-150)."""
        return f"harness_liveness_leaf:{self.issue.company_id}:{self.state}:{self.leaf_id}"


def of_company(company_id: UUID, *, now: datetime, most: int = MOST) -> list[Finding]:
    """Return what of a company will not move until a person does something, the most urgent first.

    A fixed number of queries, over at most 500 issues.
    """
    busy = Run.objects.filter(company_id=company_id, issue__isnull=False, status__in=RUN_LIVE)
    rows = Issue.objects.filter(company_id=company_id, hidden_at__isnull=True)
    stands = Q(status__in=(IssueStatus.TODO, IssueStatus.IN_PROGRESS), assignee_user__isnull=True)
    stands |= Q(status__in=(IssueStatus.BLOCKED, IssueStatus.IN_REVIEW))
    ranks = [When(priority=priority, then=Value(rank)) for priority, rank in PRIORITY_ORDER.items()]
    ranked = rows.filter(stands).exclude(pk__in=busy.values("issue"))
    ranked = ranked.order_by(Case(*ranks, output_field=IntegerField()), "issue_number")
    return among(list(ranked.only("id")[:_LOOKED_AT]), now=now)[:most]


def among(issues: Sequence[Issue], *, now: datetime) -> list[Finding]:
    """Return those of `issues` that will not move until a person does something, in their order."""
    if not issues:
        return []
    picture = surroundings.load(issues, now=now)
    return list(in_picture(picture, (issue.pk for issue in issues), now=now))


def in_picture(picture: Picture, issue_ids: Iterable[UUID], *, now: datetime) -> Iterable[Finding]:
    """Yield the findings among `issue_ids` of a picture."""
    for issue_id, move in movement.judge(picture, issue_ids, now=now).items():
        if move.is_missing:
            issue = picture.around[issue_id].issue
            yield Finding(issue, move, _state(picture, move))


def _state(picture: Picture, move: Movement) -> State | None:
    leaf = picture.around[move.issue_id].issue
    match move.kind:
        case Kind.BLOCKER_CANCELLED:
            return State.CANCELLED
        case Kind.REVIEWER_GONE:
            return State.REVIEWER
        case Kind.NO_REVIEWER if leaf.status == IssueStatus.IN_REVIEW:
            return State.NO_REVIEWER
        case Kind.UNASSIGNED if move.path:
            return State.UNASSIGNED
        case Kind.NEVER_CALLED if move.path and leaf.status == IssueStatus.BACKLOG:
            return State.BACKLOG
        case kind if kind in _UNINVOKABLE and move.path:
            return State.UNINVOKABLE
    return None
