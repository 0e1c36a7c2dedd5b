"""Bringing notices to their targets: at least once, a few times if need be, never for ever.

A try is counted and its successor planned before anything is sent, so that a crash in between costs a repetition
and not the notice. Any number of hosts may be at it; each takes another delivery.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Min

from paperclip.governance import couriers, targets
from paperclip.governance.choices import DeliveryState
from paperclip.governance.models import NoticeDelivery

log = logging.getLogger(__name__)

NAME = "governance.notices"
PAUSES = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
)
MOST_TRIES = len(PAUSES) + 1
PASS_SECONDS = 20.0
_ERROR_CHARS = 300
_LAST_TRY = timedelta(minutes=5)  # after which a last try that never came back counts as failed


@dataclass(frozen=True)
class Pass:
    """What one pass did."""

    delivered: int
    failed: int
    given_up: int


def next_due(now: datetime) -> datetime | None:
    """Return when the next try is due, None when nothing is on its way; `now` plays no part."""
    pending = NoticeDelivery.objects.filter(state=DeliveryState.PENDING)
    moment: datetime | None = pending.aggregate(moment=Min("next_try_at"))["moment"]
    return moment


def deliver_due(*, now: datetime) -> Pass:
    """Try what is due at `now`, for PASS_SECONDS and one more try at most. No transaction may be open."""
    delivered = failed = given_up = 0
    until = time.monotonic() + PASS_SECONDS
    while time.monotonic() < until:
        delivery = _take(now)
        if delivery is None:
            break
        if delivery.attempts > MOST_TRIES:
            given_up += _settle(delivery, DeliveryState.GIVEN_UP, delivery.error or "It never came back", now)
        elif _try(delivery, now):
            delivered += 1
        elif delivery.attempts == MOST_TRIES:
            given_up += 1
        else:
            failed += 1
    return Pass(delivered, failed, given_up)


@transaction.atomic
def _take(now: datetime) -> NoticeDelivery | None:
    """Count a try of the delivery that is due first, plan the next one, and return it."""
    due = NoticeDelivery.objects.filter(state=DeliveryState.PENDING, next_try_at__lte=now)
    found = due.select_for_update(skip_locked=True).order_by("next_try_at", "id").first()
    if found is None:
        return None
    pause = PAUSES[found.attempts] if found.attempts < len(PAUSES) else _LAST_TRY
    NoticeDelivery.objects.filter(pk=found.pk).update(attempts=F("attempts") + 1, next_try_at=now + pause)
    return NoticeDelivery.objects.select_related("target", "notice__company").get(pk=found.pk)


def _try(delivery: NoticeDelivery, now: datetime) -> bool:
    message = couriers.of_notice(delivery.notice, delivery_id=delivery.pk)
    try:
        taken = couriers.carry(message, delivery.target, attempt=delivery.attempts, now=now)
    except couriers.NotDelivered as error:
        text = str(error)[:_ERROR_CHARS]
        is_last = delivery.attempts >= MOST_TRIES
        log.warning(
            "notice %s: try %s of %s failed: %s", delivery.notice_id, delivery.attempts, MOST_TRIES, text
        )
        if is_last:
            _settle(delivery, DeliveryState.GIVEN_UP, text, now)
        else:
            NoticeDelivery.objects.filter(pk=delivery.pk).update(error=text)
        targets.keep_outcome(delivery.target, text, is_ok=False, now=now)
        return False
    _settle(delivery, DeliveryState.DELIVERED, None, now)
    targets.keep_outcome(delivery.target, taken, is_ok=True, now=now)
    return True


def _settle(delivery: NoticeDelivery, state: DeliveryState, error: str | None, now: datetime) -> int:
    """End a delivery unless somebody withdrew it meanwhile; return how many that were."""
    pending = NoticeDelivery.objects.filter(pk=delivery.pk, state=DeliveryState.PENDING)
    return pending.update(state=state, error=error, settled_at=now)
