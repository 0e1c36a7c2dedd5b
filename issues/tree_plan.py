"""What an order over a tree of issues would come to, worked out before anything is written (I-126, I-127)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from issues import holds
from issues.choices import CLOSED, MAX_TREE_DEPTH, RUN_ACTIVE, HoldMode, HoldStatus, IssueStatus, SkipReason
from issues.models import Issue, TreeHold, TreeHoldMember


@dataclass(frozen=True)
class ActiveRun:
    """A run that works on an issue of the tree, or waits for a runner."""

    id: UUID
    issue_id: UUID
    agent_id: UUID
    status: str
    started_at: datetime | None


@dataclass(frozen=True)
class Member:
    """An issue of the tree, and why the order leaves it alone, if it does. `restored_status` is for a restore."""

    id: UUID
    identifier: str
    title: str
    status: str
    parent_id: UUID | None
    depth: int
    assignee_agent_id: UUID | None
    assignee_user_id: UUID | None
    active_run: ActiveRun | None
    skip_reason: str | None
    restored_status: str | None = None

    @property
    def skipped(self) -> bool:
        """Whether the order leaves the issue alone."""
        return self.skip_reason is not None


@dataclass(frozen=True)
class Warned:
    """Something the board should know before it gives the order."""

    code: str
    message: str
    issue_ids: tuple[UUID, ...] = ()


@dataclass(frozen=True)
class AffectedAgent:
    """An agent whose work the order concerns."""

    agent_id: UUID
    issue_count: int
    active_run_count: int


@dataclass(frozen=True)
class Plan:
    """An order and everything it would touch. `holds` are the active holds of the tree the order ends."""

    company_id: UUID
    root_issue_id: UUID
    mode: str
    release_policy: dict[str, str]
    generated_at: datetime
    issues: tuple[Member, ...]
    holds: tuple[TreeHold, ...]
    warnings: tuple[Warned, ...]

    @property
    def affected(self) -> list[Member]:
        """The issues the order is for."""
        return [issue for issue in self.issues if not issue.skipped]

    @property
    def skipped_issues(self) -> list[Member]:
        """The issues the order leaves alone."""
        return [issue for issue in self.issues if issue.skipped]

    @property
    def active_runs(self) -> list[ActiveRun]:
        """What runs in the tree, or is about to."""
        return [issue.active_run for issue in self.issues if issue.active_run is not None]

    @property
    def affected_agents(self) -> list[AffectedAgent]:
        """Whose issues and runs the order concerns, most issues first."""
        issues = Counter(one.assignee_agent_id for one in self.affected if one.assignee_agent_id is not None)
        runs = Counter(run.agent_id for run in self.active_runs)
        found = [AffectedAgent(agent_id, issues[agent_id], runs[agent_id]) for agent_id in {*issues, *runs}]
        return sorted(found, key=lambda one: (-one.issue_count, -one.active_run_count, str(one.agent_id)))

    @property
    def totals(self) -> dict[str, int]:
        """The figures of the preview."""
        runs = Counter(run.status for run in self.active_runs)
        return {
            "total_issues": len(self.issues),
            "affected_issues": len(self.affected),
            "skipped_issues": len(self.skipped_issues),
            "active_runs": runs["running"],
            "queued_runs": runs["queued"],
            "affected_agents": len(self.affected_agents),
        }

    @property
    def counts_by_status(self) -> dict[str, int]:
        """How many issues of the tree are in each status."""
        return dict(Counter(issue.status for issue in self.issues))


def make(*, root: Issue, mode: str, release_policy: dict[str, str], now: datetime) -> Plan:
    """Return what `mode` over `root` and everything below would come to. A fixed number of queries."""
    depths = below(root.pk)
    running = _active_runs(list(depths))
    ended = _holds_ended(list(depths), mode)
    skips = _Skips(list(depths), mode, ended)
    rows = Issue.objects.filter(pk__in=list(depths), company_id=root.company_id).order_by("issue_number")
    fields = (
        "id", "identifier", "title", "status", "parent_id", "assignee_agent_id", "assignee_user_id", "cancelled_at"
    )  # fmt: skip
    members = []
    for row in rows.values(*fields):
        cancelled_at = row.pop("cancelled_at")
        reason = skips.reason(row["id"], row["status"], cancelled_at)
        members.append(
            Member(
                **row,
                depth=depths[row["id"]],
                active_run=running.get(row["id"]),
                skip_reason=reason,
                restored_status=skips.restored_status(row["id"]) if reason is None else None,
            )
        )
    members.sort(key=lambda member: member.depth)
    return Plan(
        company_id=root.company_id,
        root_issue_id=root.pk,
        mode=mode,
        release_policy=release_policy,
        generated_at=now,
        issues=tuple(members),
        holds=tuple(ended),
        warnings=tuple(_warnings(mode, members, ended)),
    )


# The bound on depth also ends the walk where stored parents form a circle.
_DOWN = """
WITH RECURSIVE down (id, depth) AS (
  SELECT %(root)s::uuid, 0
  UNION
  SELECT below.id, down.depth + 1 FROM down JOIN issues AS below ON below.parent_id = down.id
  WHERE down.depth < %(depth)s
)
SELECT id, min(depth) FROM down GROUP BY id
"""


def below(root_id: UUID) -> dict[UUID, int]:
    """Return the tree of `root_id`, itself included, as a depth by issue; one query."""
    with connection.cursor() as cursor:
        cursor.execute(_DOWN, {"root": root_id, "depth": MAX_TREE_DEPTH})
        return dict(cursor.fetchall())


def _active_runs(issue_ids: Sequence[UUID]) -> dict[UUID, ActiveRun]:
    rows = Issue.objects.filter(pk__in=issue_ids, runs__status__in=RUN_ACTIVE).values_list(
        "runs__id", "pk", "runs__agent_id", "runs__status", "runs__started_at"
    )
    return {row[1]: ActiveRun(*row) for row in rows}


def _holds_ended(issue_ids: Sequence[UUID], mode: str) -> list[TreeHold]:
    """Return the active holds that the order ends: pauses by a resume, cancels by a restore, rooted in the tree."""
    ends = {HoldMode.RESUME: HoldMode.PAUSE, HoldMode.RESTORE: HoldMode.CANCEL}.get(HoldMode(mode))
    if ends is None:
        return []
    rows = TreeHold.objects.filter(root_issue_id__in=issue_ids, mode=ends, status=HoldStatus.ACTIVE)
    return list(rows.order_by("created_at", "id"))


class _Skips:
    """Which issues of a tree an order leaves alone, and why (I-127)."""

    def __init__(self, issue_ids: Sequence[UUID], mode: str, ended: Sequence[TreeHold]) -> None:
        self.mode = mode
        self.held: set[UUID] = set()
        self.snapshots: Mapping[UUID, TreeHoldMember] = {}
        if mode == HoldMode.PAUSE:
            self.held = set(holds.gates_of(issue_ids))
        elif mode == HoldMode.RESUME:
            for hold in ended:
                self.held |= set(below(hold.root_issue_id))
        elif mode == HoldMode.RESTORE:
            self.snapshots = _cancelled_by(issue_ids)

    def reason(self, issue_id: UUID, status: str, cancelled_at: datetime | None) -> str | None:
        if self.mode == HoldMode.RESTORE:
            return self._not_restored(issue_id, status, cancelled_at)
        if status in CLOSED:
            return SkipReason.TERMINAL_STATUS
        if self.mode == HoldMode.PAUSE and issue_id in self.held:
            return SkipReason.ALREADY_HELD
        if self.mode == HoldMode.RESUME and issue_id not in self.held:
            return SkipReason.NOT_HELD
        return None

    def restored_status(self, issue_id: UUID) -> str | None:
        snapshot = self.snapshots.get(issue_id)
        if snapshot is None:
            return None
        was = snapshot.issue_status
        return IssueStatus.TODO.value if was == IssueStatus.IN_PROGRESS else was

    def _not_restored(self, issue_id: UUID, status: str, cancelled_at: datetime | None) -> str | None:
        snapshot = self.snapshots.get(issue_id)
        if snapshot is not None:
            untouched = status == IssueStatus.CANCELLED and cancelled_at == snapshot.hold.created_at
            return None if untouched else SkipReason.CHANGED_AFTER_CANCEL
        if status == IssueStatus.CANCELLED:
            return SkipReason.NOT_CANCELLED_BY_TREE_CONTROL
        return SkipReason.TERMINAL_STATUS if status in CLOSED else SkipReason.NOT_CANCELLED


def _cancelled_by(issue_ids: Sequence[UUID]) -> dict[UUID, TreeHoldMember]:
    """Return the newest snapshot of each issue that an active cancel called off, also one given further up."""
    rows = TreeHoldMember.objects.filter(
        issue_id__in=issue_ids, skipped=False, hold__mode=HoldMode.CANCEL, hold__status=HoldStatus.ACTIVE
    )
    ordered = rows.select_related("hold").order_by("hold__created_at", "hold_id")
    return {row.issue_id: row for row in ordered}


def _warnings(mode: str, members: Sequence[Member], ended: Sequence[TreeHold]) -> list[Warned]:
    found: list[Warned] = []
    if all(member.skipped for member in members):
        found.append(Warned("no_affected_issues", "The order concerns no issue of the tree"))
    if mode in (HoldMode.PAUSE, HoldMode.CANCEL):
        by_status: dict[str, list[UUID]] = defaultdict(list)
        for member in members:
            if member.active_run is not None:
                by_status[member.active_run.status].append(member.id)
        if by_status["running"]:
            message = "Runs at work in the tree will be stopped"
            found.append(Warned("running_runs_present", message, tuple(by_status["running"])))
        if by_status["queued"]:
            message = "Runs that wait for a runner will be cancelled"
            found.append(Warned("queued_runs_present", message, tuple(by_status["queued"])))
    if mode == HoldMode.RESUME and not ended:
        found.append(Warned("no_active_pause_holds", "Nothing in the tree is paused"))
    changed = tuple(one.id for one in members if one.skip_reason == SkipReason.CHANGED_AFTER_CANCEL)
    if changed:
        message = "Issues changed since they were cancelled stay as they are"
        found.append(Warned("restore_conflicts_present", message, changed))
    return found
