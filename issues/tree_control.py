"""Orders of the board over an issue and everything below it: pause, resume, cancel, restore (I-126 to I-131).

An order locks the issues of its tree, so that no checkout slips through between its look and its write. What it
stops and whom it calls is done by the run engine, on the signals sent here, in the same transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from issues import changes, checkout, locks, signals, trail, tree, tree_plan, wakes
from issues.choices import (
    RUN_ACTIVE,
    WAKES_NOBODY,
    HoldMode,
    HoldStatus,
    IssueStatus,
    ReleaseStrategy,
)
from issues.models import Issue, TreeHold, TreeHoldMember
from issues.tree_plan import Plan
from paperclip.companies import actors, auth
from paperclip.companies.actors import Actor
from paperclip.companies.models import Agent
from paperclip.core import naming
from paperclip.core.errors import Conflict, NotFound, Unprocessable

MANUAL = {"strategy": ReleaseStrategy.MANUAL.value}
_SYSTEM = actors.system("issue_tree_control")


@dataclass(frozen=True)
class Done:
    """A carried out order: its hold, what it came to, and the pauses it ended."""

    hold: TreeHold
    plan: Plan
    ended: tuple[TreeHold, ...] = ()


def preview(
    *, root_id: UUID, mode: str, actor: Actor, now: datetime, release_policy: dict[str, str] | None = None
) -> Plan:
    """Return what `mode` over the tree of `root_id` would come to; nothing changes but the log (I-126).

    Raises Forbidden unless a person asks, NotFound when there is no such issue.
    """
    auth.require_board(actor)
    with transaction.atomic():
        root = _root(root_id)
        plan = tree_plan.make(root=root, mode=mode, release_policy=release_policy or MANUAL, now=now)
        trail.record(root, "issue.tree_control_previewed", actor=actor, now=now, details=_about(plan))
    return plan


def give(
    *,
    root_id: UUID,
    mode: str,
    actor: Actor,
    now: datetime,
    reason: str | None = None,
    release_policy: dict[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Done:
    """Carry out an order over the tree of `root_id` and return what it did (I-128, I-130).

    1. lock the agents at work in the tree, then its issues; 2. plan; 3. store the hold with its snapshot;
    4. change what the order changes; 5. log and send the news. `metadata.wakeAgents` calls the assignees of
    what a restore brings back, and when false keeps a resume from calling whom the pause had stopped. Raises
    Forbidden unless a person asks, NotFound when there is no such issue.
    """
    auth.require_board(actor)
    with transaction.atomic():
        root = _root(root_id)
        _lock_tree(root)
        plan = tree_plan.make(root=root, mode=mode, release_policy=release_policy or MANUAL, now=now)
        hold = _store(plan, reason, metadata, actor=actor, now=now)
        details = {"holdId": hold.pk, "reason": reason, "memberCount": len(plan.issues), **_about(plan)}
        trail.record(root, "issue.tree_hold_created", actor=actor, now=now, details=details)
        wake = (metadata or {}).get("wakeAgents")
        match HoldMode(mode):
            case HoldMode.PAUSE:
                _stop(hold, plan, actor=actor, now=now)
            case HoldMode.CANCEL:
                _stop(hold, plan, actor=actor, now=now)
                _cancel(root, hold, plan, actor=actor, now=now)
            case HoldMode.RESUME:
                for ended in plan.holds:
                    _release(root, ended, reason=reason, metadata=metadata, actor=actor, now=now)
                for ended in plan.holds:
                    _go_on(ended, wake=wake is not False, actor=actor, now=now)
            case HoldMode.RESTORE:
                _restore(root, hold, plan, reason=reason, wake=wake is True, actor=actor, now=now)
        trail.touch(root, now=now)
    return Done(hold, plan, plan.holds)


def release(
    *,
    hold_id: UUID,
    root_id: UUID,
    actor: Actor,
    now: datetime,
    reason: str | None = None,
    release_policy: dict[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> TreeHold:
    """End one hold by hand and return it (I-131). What a released pause had stopped is called again.

    Releasing a cancel only forgets what it called off. Raises Forbidden unless a person asks, NotFound,
    Unprocessable for a hold of another root, Conflict when it was released before.
    """
    auth.require_board(actor)
    with transaction.atomic():
        root = _root(root_id)
        hold = TreeHold.objects.filter(pk=hold_id, company_id=root.company_id).first()
        if hold is None:
            raise NotFound("Issue tree hold not found")
        if hold.root_issue_id != root.pk:
            raise Unprocessable("Issue tree hold belongs to another root issue")
        _lock_tree(root)
        if release_policy is not None:
            TreeHold.objects.filter(pk=hold.pk).update(release_policy=release_policy)
        if not _release(root, hold, reason=reason, metadata=metadata, actor=actor, now=now):
            raise Conflict("Issue tree hold was released before", details={"holdId": str(hold.pk)})
        if hold.mode == HoldMode.PAUSE:
            _go_on(hold, wake=(metadata or {}).get("wakeAgents") is not False, actor=actor, now=now)
        trail.touch(root, now=now)
    hold.refresh_from_db()
    return hold


@dataclass(frozen=True)
class Pass:
    """What one pass did."""

    released: int


def release_finished(*, now: datetime) -> Pass:
    """End the pauses that were to last until nothing of their tree runs any more; anyone may call this."""
    waiting = TreeHold.objects.filter(
        mode=HoldMode.PAUSE,
        status=HoldStatus.ACTIVE,
        release_policy__strategy=ReleaseStrategy.AFTER_ACTIVE_RUNS_FINISH,
    )
    released = 0
    for hold in waiting.select_related("root_issue"):
        ids = list(tree_plan.below(hold.root_issue_id))
        if Issue.objects.filter(pk__in=ids, runs__status__in=RUN_ACTIVE).exists():
            continue
        with transaction.atomic():
            _lock_tree(hold.root_issue)
            reason = "Nothing of the tree runs any more"
            if _release(hold.root_issue, hold, reason=reason, metadata=None, actor=_SYSTEM, now=now):
                released += 1
                _go_on(hold, wake=True, actor=_SYSTEM, now=now)
    return Pass(released)


# --- Steps -----------------------------------------------------------------------------------------------


def _root(root_id: UUID) -> Issue:
    root = Issue.objects.filter(pk=root_id).first()
    if root is None:
        raise NotFound("Root issue not found")
    return root


def _lock_tree(root: Issue) -> None:
    """Lock, in the agreed order: the company's relations, the agents at work in the tree, its issues."""
    locks.relations(root.company_id)
    ids = list(tree_plan.below(root.pk))
    at_work = Agent.objects.filter(runs__issue_id__in=ids, runs__status__in=RUN_ACTIVE).values("pk")
    for rows in (Agent.objects.filter(pk__in=at_work), Issue.objects.filter(pk__in=ids)):
        list(rows.select_for_update(no_key=True).order_by("pk").values_list("pk"))


def _store(
    plan: Plan, reason: str | None, metadata: Mapping[str, Any] | None, *, actor: Actor, now: datetime
) -> TreeHold:
    """Store the hold and the snapshot of its tree. Orders that end others are over at once."""
    hold = TreeHold(
        company_id=plan.company_id,
        root_issue_id=plan.root_issue_id,
        mode=plan.mode,
        reason=reason,
        release_policy=plan.release_policy,
        created_by_actor_type=actor.type,
        created_by_agent_id=actor.agent_id,
        created_by_user_id=actor.user_id,
        created_by_run_id=actor.run_id,
        created_at=now,
        updated_at=now,
    )
    if plan.mode in (HoldMode.RESUME, HoldMode.RESTORE):
        for column, value in _released(reason, metadata, actor=actor, now=now).items():
            setattr(hold, column, value)
    hold.save(force_insert=True)
    TreeHoldMember.objects.bulk_create(
        TreeHoldMember(
            company_id=plan.company_id,
            hold=hold,
            issue_id=member.id,
            parent_issue_id=member.parent_id,
            depth=member.depth,
            issue_identifier=member.identifier,
            issue_title=member.title,
            issue_status=member.status,
            assignee_agent_id=member.assignee_agent_id,
            assignee_user_id=member.assignee_user_id,
            active_run_id=member.active_run.id if member.active_run else None,
            active_run_status=member.active_run.status if member.active_run else None,
            skipped=member.skipped,
            skip_reason=member.skip_reason,
            created_at=now,
        )
        for member in plan.issues
    )
    return hold


def _released(
    reason: str | None, metadata: Mapping[str, Any] | None, *, actor: Actor, now: datetime
) -> dict[str, Any]:
    return {
        "status": HoldStatus.RELEASED,
        "released_at": now,
        "released_by_actor_type": actor.type,
        "released_by_agent_id": actor.agent_id,
        "released_by_user_id": actor.user_id,
        "released_by_run_id": actor.run_id,
        "release_reason": reason,
        "release_metadata": dict(metadata) if metadata is not None else None,
        "updated_at": now,
    }


def _release(
    root: Issue,
    hold: TreeHold,
    *,
    reason: str | None,
    metadata: Mapping[str, Any] | None,
    actor: Actor,
    now: datetime,
) -> bool:
    """End a hold; False when somebody else did."""
    columns = _released(reason, metadata, actor=actor, now=now)
    if not TreeHold.objects.filter(pk=hold.pk, status=HoldStatus.ACTIVE).update(**columns):
        return False
    details = {"holdId": hold.pk, "mode": hold.mode, "rootIssueId": hold.root_issue_id, "reason": reason}
    trail.record(root, "issue.tree_hold_released", actor=actor, now=now, details=details)
    return True


def _stop(hold: TreeHold, plan: Plan, *, actor: Actor, now: datetime) -> None:
    ids = [member.id for member in plan.issues]
    signals.tree_stopped.send(sender=TreeHold, hold=hold, issue_ids=ids, actor=actor, now=now)


def _go_on(hold: TreeHold, *, wake: bool, actor: Actor, now: datetime) -> None:
    if wake:
        ids = list(tree_plan.below(hold.root_issue_id))
        signals.tree_resumed.send(sender=TreeHold, hold=hold, issue_ids=ids, actor=actor, now=now)


def _cancel(root: Issue, hold: TreeHold, plan: Plan, *, actor: Actor, now: datetime) -> None:
    """Call off the tree's open issues; whoever only waited for the root to close is called."""
    ids = [member.id for member in plan.affected]
    _write(ids, IssueStatus.CANCELLED, actor=actor, now=now, cancelled_at=now)
    details = {"holdId": hold.pk, "cancelledIssueIds": ids, "cancelledIssueCount": len(ids)}
    trail.record(root, "issue.tree_cancel_status_updated", actor=actor, now=now, details=details)
    if root.pk in ids:
        batch = wakes.Batch()
        batch.add(tree.called_by_closing(root))
        batch.send(actor=actor, now=now)


def _restore(
    root: Issue, hold: TreeHold, plan: Plan, *, reason: str | None, wake: bool, actor: Actor, now: datetime
) -> None:
    """Bring back what active cancels called off, as it was; work that was in progress starts over as `todo`."""
    by_status: dict[str, list[UUID]] = defaultdict(list)
    for member in plan.affected:
        by_status[str(member.restored_status)].append(member.id)
    for status, ids in by_status.items():
        _write(ids, status, actor=actor, now=now, cancelled_at=None)
    for ended in plan.holds:
        _release(root, ended, reason=reason, metadata=None, actor=actor, now=now)
    restored = [member.id for member in plan.affected]
    details = {
        "holdId": hold.pk,
        "restoredIssueIds": restored,
        "restoredIssueCount": len(restored),
        "releasedCancelHoldIds": [ended.pk for ended in plan.holds],
    }
    trail.record(root, "issue.tree_restore_status_updated", actor=actor, now=now, details=details)
    if not wake:
        return
    batch = wakes.Batch()
    for member in plan.affected:
        if member.assignee_agent_id is not None and member.restored_status not in WAKES_NOBODY:
            batch.add(
                wakes.tree_restored(
                    issue_id=member.id,
                    agent_id=member.assignee_agent_id,
                    root_issue_id=root.pk,
                    hold_id=hold.pk,
                )
            )
    batch.send(actor=actor, now=now)


def _write(
    ids: list[UUID], status: str, *, actor: Actor, now: datetime, cancelled_at: datetime | None
) -> None:
    """Write one status to locked issues; nobody holds them any more."""
    columns = {"cancelled_at": cancelled_at, "completed_at": None, "updated_at": now, "last_activity_at": now}
    changes.write_many(ids, {"status": status, **columns, **checkout.UNOWNED}, actor=actor, now=now)


def _about(plan: Plan) -> dict[str, Any]:
    return {
        "mode": plan.mode,
        "totals": {naming.camel(name): figure for name, figure in plan.totals.items()},
        "warningCodes": [warned.code for warned in plan.warnings],
    }
