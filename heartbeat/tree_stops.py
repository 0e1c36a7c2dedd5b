"""What an order of the board over a tree of issues does to runs and wakes (I-128, I-130, H-161).

A pause or cancel stops what runs and calls off what waits. When a pause ends, whomever it had stopped is called
again, with the words that were meant for them: nothing is lost in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from heartbeat import context as contexts
from heartbeat import gates, lifecycle, wakeups
from heartbeat.choices import RUN_LIVE, WAKEUP_WAITING, RunStatus, TriggerDetail, WakeupStatus
from heartbeat.joins import CONTEXT_KEY
from heartbeat.models import Run, WakeupRequest
from heartbeat.wakeups import Call
from issues import holds, wakes
from issues.choices import CLOSED, HoldMode, IssueStatus
from issues.models import Comment, Issue, TreeHold
from paperclip.companies import activity
from paperclip.companies.actors import Actor
from paperclip.core import naming

_TEXTS = {
    HoldMode.PAUSE: "Stopped because the board paused this part of the work",
    HoldMode.CANCEL: "Stopped because the board cancelled this part of the work",
}
_TO_DO = (IssueStatus.TODO, IssueStatus.IN_PROGRESS)


def stop(*, hold: TreeHold, issue_ids: Sequence[UUID], actor: Actor, now: datetime) -> None:
    """Call off the wakes that wait for the issues, then stop their runs, and log each.

    A run that waits for its next try is left alone by a pause: if it is due before the pause ends, its gate says so.
    """
    text = _TEXTS[HoldMode(hold.mode)]
    waiting = WakeupRequest.objects.select_for_update(no_key=True).filter(
        issue_id__in=issue_ids, status__in=WAKEUP_WAITING, run__isnull=True
    )
    for request in waiting.order_by("requested_at", "id"):
        WakeupRequest.objects.filter(pk=request.pk).update(
            status=WakeupStatus.CANCELLED, error=text, finished_at=now, updated_at=now
        )
        details = {"agentId": request.agent_id, "issueId": request.issue_id, "previousReason": request.reason}
        _tell(
            hold, "issue.tree_hold_wakeup_deferred", "agent_wakeup_request", request.pk, details, actor, now
        )
    is_pause = hold.mode == HoldMode.PAUSE
    stopped = [status for status in RUN_LIVE if not (is_pause and status == RunStatus.SCHEDULED_RETRY)]
    runs = Run.objects.filter(issue_id__in=issue_ids, status__in=stopped).order_by("agent_id", "issue_id")
    for run_id, agent_id, issue_id in list(runs.values_list("pk", "agent_id", "issue_id")):
        lifecycle.cancel(run_id=run_id, reason=text, actor=actor, now=now)
        details = {"agentId": agent_id, "issueId": issue_id, "source": f"tree_hold_{hold.mode}"}
        _tell(hold, "issue.tree_hold_run_interrupted", "heartbeat_run", run_id, details, actor, now)


@dataclass
class _Stopped:
    """An agent that a pause kept from an issue, and the comments meant for it."""

    agent_id: UUID
    issue_id: UUID
    comment_ids: dict[str, None] = field(default_factory=dict)


def go_on(*, hold: TreeHold, issue_ids: Sequence[UUID], actor: Actor, now: datetime) -> None:
    """Call whomever an ended pause had stopped or kept from starting, where the issue is still theirs to do.

    Comments that waited are handed on; plain calls go to the assignee of work that is to be done.
    """
    found = _stopped(hold, issue_ids)
    held = holds.gates_of(issue_ids)
    issues = Issue.objects.in_bulk({key[1] for key in found})
    batch = wakes.Batch()
    for stopped in found.values():
        issue = issues[stopped.issue_id]
        if issue.pk in held:
            continue
        comment_id = _newest_word(stopped)
        if comment_id is not None and issue.status not in CLOSED:
            _hand_on(stopped, issue, comment_id, actor=actor, now=now)
        elif issue.assignee_agent_id == stopped.agent_id and issue.status in _TO_DO:
            batch.add(
                wakes.tree_resumed(
                    issue_id=issue.pk,
                    agent_id=stopped.agent_id,
                    root_issue_id=hold.root_issue_id,
                    hold_id=hold.pk,
                )
            )
    batch.send(actor=actor, now=now)


def _stopped(hold: TreeHold, issue_ids: Sequence[UUID]) -> dict[tuple[UUID, UUID], _Stopped]:
    """Return, by agent and issue, who was stopped by `hold` or turned away while it lasted."""
    found: dict[tuple[UUID, UUID], _Stopped] = {}

    def note(agent_id: UUID, issue_id: UUID | None, context: contexts.WakeContext) -> None:
        assert issue_id is not None
        stopped = found.setdefault((agent_id, issue_id), _Stopped(agent_id, issue_id))
        stopped.comment_ids.update(dict.fromkeys(context.comment_ids))

    text = _TEXTS[HoldMode.PAUSE]
    turned_away = Q(status=WakeupStatus.SKIPPED, reason=gates.HELD) | Q(
        status=WakeupStatus.CANCELLED, error=text, run__isnull=True
    )
    requests = WakeupRequest.objects.filter(
        turned_away, issue_id__in=issue_ids, updated_at__gte=hold.created_at
    )
    for request in requests.order_by("requested_at", "id"):
        payload = request.payload or {}
        context = contexts.read(payload.get(CONTEXT_KEY) or payload)
        note(request.agent_id, request.issue_id, context)
    stopped = Q(error__in=(text, gates.HELD_TEXT)) | Q(status=RunStatus.RUNNING, cancel_reason=text)
    runs = Run.objects.filter(stopped, issue_id__in=issue_ids, updated_at__gte=hold.created_at)
    for run in runs.order_by("created_at").only("agent_id", "issue_id", "context_snapshot"):
        note(run.agent_id, run.issue_id, contexts.read(run.context_snapshot))
    return found


def _newest_word(stopped: _Stopped) -> UUID | None:
    ids = [naming.as_field_uuid(text) for text in stopped.comment_ids]
    words = Comment.objects.filter(pk__in=[each for each in ids if each], issue_id=stopped.issue_id)
    return words.order_by("-number").values_list("pk", flat=True).first()


def _hand_on(stopped: _Stopped, issue: Issue, comment_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Call the agent with the comments that were meant for it."""
    is_assignee = issue.assignee_agent_id == stopped.agent_id
    wake = (
        wakes.commented(issue_id=issue.pk, agent_id=stopped.agent_id, comment_id=comment_id)
        if is_assignee
        else wakes.mentioned(issue_id=issue.pk, agent_id=stopped.agent_id, comment_id=comment_id)
    )
    context = {**wake.context, "wakeCommentIds": list(stopped.comment_ids)}
    wakeups.enqueue(
        agent_id=stopped.agent_id,
        company_id=issue.company_id,
        call=Call(
            source=wake.source,
            trigger_detail=TriggerDetail.SYSTEM,
            reason=wake.reason,
            payload=wake.payload,
            context=context,
        ),
        actor=actor,
        now=now,
    )


def _tell(
    hold: TreeHold,
    action: str,
    entity_type: str,
    entity_id: UUID,
    details: dict[str, Any],
    actor: Actor,
    now: datetime,
) -> None:
    activity.record(
        company_id=hold.company_id,
        actor=actor,
        action=action,
        entity_type=entity_type,
        entity_id=entity_id,
        details={**details, "holdId": hold.pk, "rootIssueId": hold.root_issue_id},
        now=now,
    )
