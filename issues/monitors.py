"""Looking at work again when it is time: a monitor calls the issue's agent once, within bounds (H-72, I-112, I-113).

A due monitor is first claimed, so that of several passes one takes it and one that fails does not hold up the rest;
a claim that came to nothing lapses after five minutes. The call, the end of the schedule and the log then commit
together.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q, QuerySet

from issues import locks, stranding, trail, wakes
from issues.choices import (
    MONITORED,
    ClearReason,
    IssuePriority,
    MonitorStatus,
    OriginKind,
    RecoveryPolicy,
)
from issues.models import Issue
from issues.policy import flow, monitoring, parsing, records
from issues.policy.monitoring import Place
from issues.policy.shapes import Monitor, MonitorState, Policy, State
from issues.stranding import Origin, Word
from paperclip.companies import actors
from paperclip.companies.actors import Actor
from paperclip.companies.choices import AGENT_UNASSIGNABLE, CompanyStatus
from paperclip.core import clock
from paperclip.core.errors import Conflict, Forbidden

log = logging.getLogger(__name__)

NAME = "issues.monitors"
AT_MOST = 50
CLAIM_LASTS = timedelta(minutes=5)
_ACTOR = actors.system("issue_monitor")


@dataclass(frozen=True)
class Pass:
    """What one pass did: due monitors, those that called somebody, those that did not, and those that failed."""

    checked: int
    enqueued: int
    skipped: int
    failed: int = 0


def wake_due(*, now: datetime) -> Pass:
    """Call the agents of up to 50 issues whose monitor is due; anyone may call this, at any time, twice."""
    due = _live().filter(_is_due(now)).order_by("monitor_next_check_at", "pk").values_list("pk", flat=True)
    checked = enqueued = failed = 0
    for issue_id in list(due[:AT_MOST]):
        if not Issue.objects.filter(_is_due(now), pk=issue_id).update(monitor_wake_requested_at=now):
            continue
        checked += 1
        try:
            enqueued += _look(issue_id, now=now)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("the monitor of issue %s could not call anybody", issue_id)
            failed += 1
    return Pass(checked, enqueued, checked - enqueued - failed, failed)


def next_due(now: datetime) -> datetime | None:
    """Return when the next monitor is due that nobody has claimed; past moments mean at once."""
    rows = _live().filter(monitor_wake_requested_at__isnull=True).order_by("monitor_next_check_at")
    return rows.values_list("monitor_next_check_at", flat=True).first()


def check_now(*, issue_id: UUID, actor: Actor, now: datetime) -> None:
    """Use up the monitor's look at once (I-113). Raises NotFound, Forbidden for who may not, and Conflict.

    Conflict when nothing is scheduled, the issue has no agent or is not at work, a look is being taken, or nobody can
    be called; the schedule then stays.
    """
    with transaction.atomic():
        issue = _locked(issue_id, now=now)
        if actor.is_agent and actor.agent_id != issue.assignee_agent_id:
            raise Forbidden("Only the assignee agent or a board user can check an issue monitor")
        monitor = _scheduled(issue)
        if monitor is None:
            raise Conflict("Issue has no scheduled monitor")
        if issue.assignee_agent_id is None or issue.assignee_user_id is not None:
            raise Conflict("Issue monitor needs an agent assignee")
        if issue.status not in MONITORED:
            raise Conflict(f"Issue monitor cannot be checked while the issue is {issue.status}")
        claimed = issue.monitor_wake_requested_at
        if claimed is not None and claimed > now - CLAIM_LASTS:
            raise Conflict("Issue monitor is being checked already")
        if not _exhaust(issue, monitor, actor=actor, now=now):
            refused = _call(issue, monitor, is_manual=True, actor=actor, now=now)
            if refused is not None:
                raise Conflict("The issue's agent cannot be called now", details={"reason": refused})


def drop_misfit(*, issue: Issue, actor: Actor, now: datetime) -> bool:
    """Clear the monitor of a locked issue that went where it cannot be monitored; whether there was one (I-111)."""
    monitor = _scheduled(issue)
    place = Place(issue.status, issue.assignee_agent_id, issue.assignee_user_id)
    reason = monitoring.misfit(place)
    if monitor is None or reason is None:
        return False
    _clear(issue, monitor, reason, now=now)
    details = {
        "identifier": issue.identifier,
        "previousNextCheckAt": monitor.next_check_at,
        "reason": reason.value,
        "notes": monitor.notes,
    }
    trail.record(issue, "issue.monitor_cleared", actor=actor, now=now, details=details)
    return True


# --- Finding ---------------------------------------------------------------------------------------------


def _live() -> QuerySet[Issue]:
    return Issue.objects.filter(
        monitor_next_check_at__isnull=False,
        status__in=MONITORED,
        assignee_agent__isnull=False,
        assignee_user__isnull=True,
        company__status=CompanyStatus.ACTIVE,
    )


def _is_due(now: datetime) -> Q:
    unclaimed = Q(monitor_wake_requested_at__isnull=True) | Q(
        monitor_wake_requested_at__lte=now - CLAIM_LASTS
    )
    return unclaimed & Q(monitor_next_check_at__lte=now)


def _scheduled(issue: Issue) -> Monitor | None:
    if issue.monitor_next_check_at is None:
        return None
    policy = parsing.policy(issue.execution_policy)
    return policy.monitor if policy is not None else None


def _locked(issue_id: UUID, *, now: datetime) -> Issue:
    """Lock the issue; before it the company, where its monitor comes to its end by an issue to be numbered."""
    found = Issue.objects.filter(pk=issue_id).first()
    monitor = _scheduled(found) if found is not None else None
    if found is not None and monitor is not None and _makes_an_issue(monitor, found, now=now):
        locks.company(found.company_id)
    return locks.issue(issue_id)


# --- One look --------------------------------------------------------------------------------------------


@transaction.atomic
def _look(issue_id: UUID, *, now: datetime) -> bool:
    """Take the look of a claimed monitor; whether somebody was called by it."""
    issue = _locked(issue_id, now=now)
    monitor = _scheduled(issue)
    is_ours = issue.monitor_wake_requested_at == now
    if (
        monitor is None
        or not is_ours
        or issue.monitor_next_check_at is None
        or issue.monitor_next_check_at > now
    ):
        return False
    if _exhaust(issue, monitor, actor=_ACTOR, now=now):
        return False
    refused = _call(issue, monitor, is_manual=False, actor=_ACTOR, now=now)
    if refused is None:
        return True
    _clear(issue, monitor, ClearReason.DISPATCH_SKIPPED, now=now)
    details = _told(issue, monitor, is_manual=False) | {"reason": refused}
    trail.record(issue, "issue.monitor_skipped", actor=_ACTOR, now=now, details=details)
    trail.touch(issue, now=now)
    return False


def _call(issue: Issue, monitor: Monitor, *, is_manual: bool, actor: Actor, now: datetime) -> str | None:
    """Call the issue's agent and use the schedule up; why it was refused, and then nothing is changed."""
    assert issue.assignee_agent_id is not None
    facts = _facts(issue, monitor, attempts=_attempts(issue) + 1)
    wake = wakes.monitor_due(
        issue_id=issue.pk,
        agent_id=issue.assignee_agent_id,
        facts=facts,
        is_manual=is_manual,
        idempotency_key=None if is_manual else _key(issue, monitor),
    )
    refused = wakes.send(wake, actor=actor, now=now)
    if refused is not None:
        return refused
    state = monitoring.triggered(monitor, _state(issue), now=now)
    _write(issue, state, now=now)
    details = _told(issue, monitor, is_manual=is_manual)
    trail.record(issue, "issue.monitor_triggered", actor=actor, now=now, details=details)
    trail.touch(issue, now=now)
    return None


def _key(issue: Issue, monitor: Monitor) -> str:
    """Return what a call is known by, so that a look taken twice calls once.

    A monitor may be set to the same moment again, long past perhaps; that is another look.
    """
    key = f"issue-monitor:{issue.pk}:{clock.iso(monitor.next_check_at)}"
    since = issue.monitor_last_triggered_at
    return key if since is None else f"{key}:after:{clock.iso(since)}"


# --- At the end of its bounds ----------------------------------------------------------------------------


def _exhaust(issue: Issue, monitor: Monitor, *, actor: Actor, now: datetime) -> bool:
    """End a monitor that has used up its time or attempts, as its policy says (I-112); whether it had."""
    reason = monitoring.exhausted(monitor, _attempts(issue), now=now)
    if reason is None:
        return False
    _clear(issue, monitor, reason, now=now)
    details = _told(issue, monitor, is_manual=False) | {"reason": reason.value}
    trail.record(issue, "issue.monitor_exhausted", actor=actor, now=now, details=details)
    policy = monitor.recovery_policy or RecoveryPolicy.WAKE_OWNER
    _RECOVERIES[RecoveryPolicy(policy)](issue, monitor, reason, now)
    trail.touch(issue, now=now)
    return True


def _wake_owner(issue: Issue, monitor: Monitor, reason: ClearReason, now: datetime) -> None:
    """Call the issue's agent to see to it; the board is told when that cannot be."""
    assert issue.assignee_agent_id is not None
    facts = _facts(issue, monitor, attempts=_attempts(issue)) | {"clearReason": reason.value}
    wake = wakes.monitor_ended(issue_id=issue.pk, agent_id=issue.assignee_agent_id, facts=facts)
    refused = wakes.send(wake, actor=_ACTOR, now=now)
    if refused is not None:
        _tell_board(issue, monitor, reason, now)
        return
    details = _told(issue, monitor, is_manual=False) | {"reason": reason.value}
    trail.record(issue, "issue.monitor_recovery_wake_queued", actor=_ACTOR, now=now, details=details)


def _open_issue(issue: Issue, monitor: Monitor, reason: ClearReason, now: datetime) -> None:
    """Have an issue below it made, in the same hands, to see to it. The caller holds the company's lock."""
    agent = issue.assignee_agent
    owner_id = agent.pk if agent is not None and agent.status not in AGENT_UNASSIGNABLE else None
    service = f" of {monitor.service_name}" if monitor.service_name else ""
    made, is_new = stranding.open_once(
        company_id=issue.company_id,
        origin=Origin(
            kind=OriginKind.STRANDED_ISSUE_RECOVERY,
            id=str(issue.pk),
            fingerprint=f"issue_monitor:{reason.value}",
        ),
        title=f"See to {issue.identifier}: its monitor{service} came to its end",
        description=(
            f"The monitor of {stranding.link(issue)} was to be looked at again, and {_why(monitor, reason)}.\n\n"
            "Find out how what it waits for stands. Then finish the issue, schedule a new monitor with wider bounds, "
            "or say in a comment who has to decide what."
        ),
        owner_id=owner_id,
        parent=issue,
        actor=_ACTOR,
        now=now,
        priority=IssuePriority.HIGH,
    )
    if is_new and owner_id is not None:
        facts = {"sourceIssueId": str(issue.pk), "clearReason": reason.value}
        wake = wakes.monitor_recovery(issue_id=made.pk, agent_id=owner_id, facts=facts)
        wakes.send(wake, actor=_ACTOR, now=now)
    details = _told(issue, monitor, is_manual=False) | {
        "reason": reason.value,
        "recoveryIssueId": made.pk,
        "recoveryIdentifier": made.identifier,
    }
    trail.record(issue, "issue.monitor_recovery_issue_created", actor=_ACTOR, now=now, details=details)


def _tell_board(issue: Issue, monitor: Monitor, reason: ClearReason, now: datetime) -> None:
    """Say in the thread that a person has to look."""
    service = f" of {monitor.service_name}" if monitor.service_name else ""
    word = Word(
        body=(
            f"The monitor{service} came to its end: {_why(monitor, reason)}. Nobody looks at this issue again by "
            "itself; a person has to decide how it goes on."
        ),
        title="Monitor ended",
        facts=[{"type": "key_value", "label": "Reason", "value": reason.value}],
    )
    stranding.say(issue, word, actor=_ACTOR, now=now)
    details = _told(issue, monitor, is_manual=False) | {"reason": reason.value}
    trail.record(issue, "issue.monitor_escalated_to_board", actor=_ACTOR, now=now, details=details)


_RECOVERIES: dict[RecoveryPolicy, Callable[[Issue, Monitor, ClearReason, datetime], None]] = {
    RecoveryPolicy.WAKE_OWNER: _wake_owner,
    RecoveryPolicy.CREATE_RECOVERY_ISSUE: _open_issue,
    RecoveryPolicy.ESCALATE_TO_BOARD: _tell_board,
}


def _makes_an_issue(monitor: Monitor, issue: Issue, *, now: datetime) -> bool:
    is_over = monitoring.exhausted(monitor, _attempts(issue), now=now) is not None
    return is_over and monitor.recovery_policy == RecoveryPolicy.CREATE_RECOVERY_ISSUE


def _why(monitor: Monitor, reason: ClearReason) -> str:
    if reason == ClearReason.TIMEOUT_EXCEEDED and monitor.timeout_at is not None:
        return f"its time ran out at {clock.iso(monitor.timeout_at)}"
    looks = "look" if monitor.max_attempts == 1 else "looks"
    return f"it had {monitor.max_attempts} {looks} and used them up"


# --- Pieces ----------------------------------------------------------------------------------------------


def _clear(issue: Issue, monitor: Monitor, reason: ClearReason, *, now: datetime) -> None:
    _write(issue, monitoring.cleared(monitor, _state(issue), reason, now=now), now=now)


def _write(issue: Issue, state: MonitorState, *, now: datetime) -> None:
    """Take the schedule off the policy and keep what became of it."""
    policy = parsing.policy(issue.execution_policy)
    rest: Policy | None = monitoring.without(policy) if policy is not None else None
    whole = replace(parsing.state(issue.execution_state) or State(), monitor=state)
    values: dict[str, Any] = {
        "execution_policy": rest.told() if rest is not None else None,
        "execution_state": whole.told(),
        "monitor_attempt_count": state.attempt_count,
        "updated_at": now,
        **flow.unwatched(),
    }
    if state.status == MonitorStatus.TRIGGERED:
        values["monitor_last_triggered_at"] = now
    Issue.objects.filter(pk=issue.pk).update(**values)
    for column, value in values.items():
        setattr(issue, column, value)


def _state(issue: Issue) -> MonitorState | None:
    state = parsing.state(issue.execution_state)
    return state.monitor if state is not None else None


def _attempts(issue: Issue) -> int:
    state = _state(issue)
    return state.attempt_count if state is not None else 0


def _facts(issue: Issue, monitor: Monitor, *, attempts: int) -> dict[str, Any]:
    """Return what an agent is told of the monitor (I-90); its reference to the outside stays where it is."""
    return {
        "nextCheckAt": clock.iso(monitor.next_check_at),
        "monitorAttemptCount": attempts,
        "monitorNotes": monitor.notes,
        "serviceName": monitor.service_name,
        "timeoutAt": clock.iso(monitor.timeout_at) if monitor.timeout_at is not None else None,
        "maxAttempts": monitor.max_attempts,
        "recoveryPolicy": monitor.recovery_policy,
    }


def _told(issue: Issue, monitor: Monitor, *, is_manual: bool) -> dict[str, Any]:
    """Return what the log says of a look (I-157)."""
    return {
        "identifier": issue.identifier,
        "nextCheckAt": monitor.next_check_at,
        "attemptCount": _attempts(issue),
        "notes": monitor.notes,
        "source": "manual" if is_manual else "scheduled",
        **records.bounds(monitor),
    }
