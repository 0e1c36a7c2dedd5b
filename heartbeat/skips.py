"""What is kept of wakes that are refused: one row with the true reason, repeats counted on it (field note 21)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F

from heartbeat import gates
from heartbeat.choices import InvocationSource, TriggerDetail, WakeupStatus
from heartbeat.gates import Refused
from heartbeat.models import WakeupRequest
from issues import trail
from issues.models import Issue
from paperclip.companies.actors import Actor
from paperclip.companies.models import Agent

# Repeats of one refusal within this time are counted on its row instead of filling the table.
REPEAT_WINDOW = timedelta(hours=1)
# A timer that finds nothing to do says so all day.
IDLE_WINDOW = timedelta(days=1)


def record(request: WakeupRequest, refused: Refused, *, actor: Actor, now: datetime) -> WakeupRequest:
    """Keep the refusal of an unsaved `request` and return its row: the same one again within the hour is counted.

    Requests with an idempotency key always get a row of their own.
    """
    repeated = _repeated(request, refused.code, now=now) if request.idempotency_key is None else None
    if repeated is not None:
        WakeupRequest.objects.filter(pk=repeated.pk).update(
            coalesced_count=F("coalesced_count") + 1, updated_at=now, finished_at=now
        )
        return repeated
    request.payload = {**(request.payload or {}), "requestedReason": request.reason, **refused.details}
    request.status = WakeupStatus.SKIPPED
    request.reason = refused.code
    request.error = refused.message
    request.finished_at = now
    request.save(force_insert=True)
    if refused.code == gates.HELD and request.issue is not None:
        _tell_held(request, request.issue, refused, actor=actor, now=now)
    return request


def record_idle(agents: Mapping[Any, Agent], refused: Refused, *, actor: Actor, now: datetime) -> int:
    """Count on each agent's row that its timer found nothing to do; `agents` by id. Two queries for any number."""
    if not agents:
        return 0
    rows = WakeupRequest.objects.filter(
        agent_id__in=list(agents),
        source=InvocationSource.TIMER,
        reason=refused.code,
        status=WakeupStatus.SKIPPED,
        requested_at__gt=now - IDLE_WINDOW,
    )
    newest = dict(rows.order_by("requested_at").values_list("agent_id", "pk"))
    if newest:
        WakeupRequest.objects.filter(pk__in=list(newest.values())).update(
            coalesced_count=F("coalesced_count") + 1, updated_at=now, finished_at=now
        )
    WakeupRequest.objects.bulk_create(
        WakeupRequest(
            company_id=agent.company_id,
            agent=agent,
            source=InvocationSource.TIMER,
            trigger_detail=TriggerDetail.SYSTEM,
            reason=refused.code,
            error=refused.message,
            status=WakeupStatus.SKIPPED,
            requested_by_actor_type=actor.type,
            requested_by_actor_id=actor.id,
            requested_at=now,
            finished_at=now,
            created_at=now,
            updated_at=now,
        )
        for agent_id, agent in agents.items()
        if agent_id not in newest
    )
    return len(agents)


def _repeated(request: WakeupRequest, code: str, *, now: datetime) -> WakeupRequest | None:
    return (
        WakeupRequest.objects.filter(
            agent=request.agent,
            issue=request.issue,
            source=request.source,
            reason=code,
            status=WakeupStatus.SKIPPED,
            requested_at__gt=now - REPEAT_WINDOW,
        )
        .order_by("-requested_at")
        .first()
    )


def _tell_held(
    request: WakeupRequest, issue: Issue, refused: Refused, *, actor: Actor, now: datetime
) -> None:
    """Log that a pause kept a wake from its agent (H-41 step 6)."""
    details = {
        **refused.details,
        "requestedReason": (request.payload or {}).get("requestedReason"),
        "source": request.source,
        "triggerDetail": request.trigger_detail,
        "agentId": request.agent_id,
    }
    trail.record(issue, "issue.tree_hold_wakeup_deferred", actor=actor, now=now, details=details)
