"""What a person should hear of even when nobody looks at the board.

A cause tells its notice in its own transaction; what leaves the house does so later (see `deliveries`), so nothing
of the network can hold up or undo the cause. While a notice is open the same one is only counted, and told again
when it still comes up a day later.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet

from paperclip.core import due, redaction
from paperclip.governance.choices import DeliveryState, NoticeKind
from paperclip.governance.models import Notice, NoticeDelivery, NotificationTarget

TOLD_AGAIN_AFTER = timedelta(hours=24)
_KEY_CHARS = 200
_TITLE_CHARS = 200
_BODY_CHARS = 4000


def tell(
    *,
    company_id: UUID | None,
    kind: str,
    key: str,
    title: str,
    body: str = "",
    path: str = "",
    also: Collection[str] = (),
    now: datetime,
) -> Notice:
    """Put a notice on its way to every target of the company that wants its kind; return the open notice.

    `kind` is one of `NoticeKind`, `key` what the notice is about within its kind, such as a run's id. `path` leads
    to it on the board, such as `/admin/heartbeat/run/<id>/change/`. `also` are kinds whose news it brings as well: who
    wants one of them is told too, and nobody twice. Without a company it concerns the installation. Secrets are taken
    out of title and body. Call it last in the transaction of the cause: telling the same key twice at once makes the
    second wait for the first. Raises ValueError for an unknown kind.
    """
    with transaction.atomic():
        same = _open(company_id, kind, key)
        if _count_repeat(same, now):
            return same.get()
        same.filter(created_at__lte=now - TOLD_AGAIN_AFTER).update(closed_at=now, updated_at=now)
        notice = Notice(
            company_id=company_id,
            kind=NoticeKind(kind),
            key=key[:_KEY_CHARS],
            title=_short(redaction.text(title), _TITLE_CHARS),
            body=_short(redaction.text(body), _BODY_CHARS),
            path=path,
            last_told_at=now,
            created_at=now,
            updated_at=now,
        )
        Notice.objects.bulk_create([notice], ignore_conflicts=True)
        if not Notice.objects.filter(pk=notice.pk).exists():  # somebody told it at this very moment
            return tell(
                company_id=company_id,
                kind=kind,
                key=key,
                title=title,
                body=body,
                path=path,
                also=also,
                now=now,
            )
        _send_on_its_way(notice, {notice.kind, *also}, now=now)
        return notice


def settle(*, company_id: UUID | None, kind: str, key: str, now: datetime) -> bool:
    """Close the open notice of `key`, whose cause is gone; return whether there was one.

    What has not left the house by then stays there.
    """
    with transaction.atomic():
        ids = list(_open(company_id, kind, key).values_list("pk", flat=True))
        waiting = NoticeDelivery.objects.filter(notice_id__in=ids, state=DeliveryState.PENDING)
        waiting.update(state=DeliveryState.WITHDRAWN, settled_at=now)
        return bool(
            Notice.objects.filter(pk__in=ids, closed_at__isnull=True).update(closed_at=now, updated_at=now)
        )


def _open(company_id: UUID | None, kind: str, key: str) -> QuerySet[Notice]:
    owner = Q(company__isnull=True) if company_id is None else Q(company_id=company_id)
    return Notice.objects.filter(owner, kind=NoticeKind(kind), key=key[:_KEY_CHARS], closed_at__isnull=True)


def _count_repeat(same: QuerySet[Notice], now: datetime) -> bool:
    recent = same.filter(created_at__gt=now - TOLD_AGAIN_AFTER)
    return bool(recent.update(repeats=F("repeats") + 1, last_told_at=now, updated_at=now))


def _send_on_its_way(notice: Notice, kinds: Collection[str], *, now: datetime) -> None:
    concerned = Q(hears_installation=True) if notice.company_id is None else Q(company_id=notice.company_id)
    targets = NotificationTarget.objects.filter(concerned, is_enabled=True, kinds__overlap=list(kinds))
    deliveries = [
        NoticeDelivery(notice=notice, target_id=target_id, next_try_at=now, created_at=now)
        for target_id in targets.values_list("pk", flat=True)
    ]
    if deliveries:
        NoticeDelivery.objects.bulk_create(deliveries)
        due.announce()


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
