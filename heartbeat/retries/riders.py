"""Wakes that waited for a failed run's issue ride along with its retry, when that is to wait itself (HW-10)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from heartbeat import context as contexts
from heartbeat import events, joins
from heartbeat.choices import RunStatus, WakeupStatus
from heartbeat.models import Run, WakeupRequest


def take_along(retry: Run, *, now: datetime) -> bool:
    """Lay what waits for the retry's agent and issue onto the waiting `retry`; return whether it starts at once.

    Somebody's word pulls it forward, unless the provider refuses calls until later. The wakes of other agents wait
    on. The caller holds the issue's lock and has made the retry in the same transaction.
    """
    if retry.issue_id is None:
        return False
    request = (
        WakeupRequest.objects.select_for_update(no_key=True)
        .filter(agent_id=retry.agent_id, issue_id=retry.issue_id, status=WakeupStatus.DEFERRED)
        .first()
    )
    if request is None:
        return False
    before = contexts.read(retry.context_snapshot)
    said = contexts.read((request.payload or {}).get(joins.CONTEXT_KEY))
    changes: dict[str, Any] = {"context_snapshot": contexts.merge(before, said).to_json(), "updated_at": now}
    not_before = before.moment("transientRetryNotBefore")
    starts = bool(said.comment_ids) and (not_before is None or not_before <= now)
    if starts:
        changes["status"] = RunStatus.QUEUED
    Run.objects.filter(pk=retry.pk).update(**changes)
    for name, value in changes.items():
        setattr(retry, name, value)
    WakeupRequest.objects.filter(pk=request.pk).update(
        status=WakeupStatus.COALESCED, run=retry, finished_at=now, updated_at=now
    )
    if starts:
        events.append(retry, "Brought forward: somebody called", now=now, payload=joins.retry_facts(retry))
    return starts
