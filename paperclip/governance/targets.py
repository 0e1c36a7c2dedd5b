"""Where a company's people want to hear of what needs them: set up, tried out, switched off."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import F

from paperclip.companies import activity, auth
from paperclip.companies.actors import Actor
from paperclip.companies.models import Company
from paperclip.core import outbound
from paperclip.core.errors import Conflict, Forbidden, Invalid, Unprocessable
from paperclip.governance import couriers
from paperclip.governance.choices import Channel, DeliveryState, NoticeKind
from paperclip.governance.models import NoticeDelivery, NotificationTarget

MOST_TARGETS = 20
TEST_KIND = "test"
_OUTCOME_CHARS = 300


def create(
    *,
    company: Company,
    channel: str,
    address: str,
    kinds: Sequence[str],
    actor: Actor,
    now: datetime,
    hears_installation: bool = False,
) -> NotificationTarget:
    """Set up a target of `company` (at most MOST_TARGETS).

    `address` is a URL for a webhook, an e-mail address for mail; `kinds` are of `NoticeKind`. Only who runs the
    installation may set `hears_installation`. Raises Invalid for a field, Forbidden, Conflict for one too many.
    """
    _require_person(actor, hears_installation)
    _check(channel, address, kinds)
    with transaction.atomic():
        Company.objects.select_for_update(no_key=True).get(pk=company.pk)
        if NotificationTarget.objects.filter(company=company).count() >= MOST_TARGETS:
            raise Conflict(
                f"A company has at most {MOST_TARGETS} notifications; change one that is not needed"
            )
        target = NotificationTarget.objects.create(
            company=company,
            channel=channel,
            address=address,
            kinds=_in_order(kinds),
            hears_installation=hears_installation,
            created_at=now,
            updated_at=now,
        )
        _log(target, "created", actor, now)
        return target


def update(
    *,
    target: NotificationTarget,
    address: str,
    kinds: Sequence[str],
    hears_installation: bool,
    actor: Actor,
    now: datetime,
) -> NotificationTarget:
    """Change where a target leads and what it hears; its channel stays. Raises as `create` does."""
    if hears_installation != target.hears_installation:
        _require_person(actor, installation=True)
    _require_person(actor)
    _check(target.channel, address, kinds)
    with transaction.atomic():
        NotificationTarget.objects.filter(pk=target.pk).update(
            address=address, kinds=_in_order(kinds), hears_installation=hears_installation, updated_at=now
        )
        target.refresh_from_db()
        _log(target, "updated", actor, now)
        return target


def switch(
    *, target: NotificationTarget, is_enabled: bool, actor: Actor, now: datetime
) -> NotificationTarget:
    """Let a target hear, or let it rest; what was on its way to one that rests is withdrawn."""
    _require_person(actor)
    with transaction.atomic():
        changed = NotificationTarget.objects.filter(pk=target.pk, is_enabled=not is_enabled).update(
            is_enabled=is_enabled, updated_at=now
        )
        target.refresh_from_db()
        if not changed:
            return target
        if not is_enabled:
            waiting = NoticeDelivery.objects.filter(target=target, state=DeliveryState.PENDING)
            waiting.update(state=DeliveryState.WITHDRAWN, settled_at=now)
        _log(target, "enabled" if is_enabled else "disabled", actor, now)
        return target


def renew_secret(*, target: NotificationTarget, actor: Actor, now: datetime) -> str:
    """Replace the key that signs what the webhook gets; return the new one. The old one is void at once."""
    _require_person(actor)
    if target.channel != Channel.WEBHOOK:
        raise Unprocessable("Only webhooks are signed")
    with transaction.atomic():
        NotificationTarget.objects.filter(pk=target.pk).update(
            secret_version=F("secret_version") + 1, updated_at=now
        )
        target.refresh_from_db()
        _log(target, "secret_renewed", actor, now)
    return couriers.signing_key(target)


def try_out(*, target: NotificationTarget, actor: Actor, now: datetime) -> str:
    """Send a test at once and return how it was taken. Raises Unprocessable with what went wrong.

    Takes as long as the target does to answer, at most some ten seconds.
    """
    _require_person(actor)
    message = couriers.Message(
        id=uuid.uuid4(),
        kind=TEST_KIND,
        title="This is a test",
        body="Somebody asked the board to send it. Nothing needs to be done.",
        url=couriers.board_url(""),
        company={"id": str(target.company_id), "name": target.company.name},
        notice_id=None,
        repeats=1,
        first_at=now,
        last_at=now,
    )
    try:
        taken = couriers.carry(message, target, attempt=1, now=now)
    except couriers.NotDelivered as error:
        keep_outcome(target, str(error), is_ok=False, now=now)
        raise Unprocessable(f"The test did not arrive. {error}") from error
    keep_outcome(target, taken, is_ok=True, now=now)
    return taken


def keep_outcome(target: NotificationTarget, text: str, *, is_ok: bool, now: datetime) -> None:
    """Keep how the last try to reach a target went."""
    NotificationTarget.objects.filter(pk=target.pk).update(
        last_outcome=text[:_OUTCOME_CHARS], last_outcome_ok=is_ok, last_outcome_at=now
    )


def shown_address(target: NotificationTarget) -> str:
    """Return where a target leads without what may be secret about it: of a URL the host."""
    if target.channel == Channel.WEBHOOK:
        return urlsplit(target.address).hostname or "webhook"
    return target.address


def _check(channel: str, address: str, kinds: Sequence[str]) -> None:
    if channel not in Channel.values:
        raise Invalid.at("channel", message="Choose webhook or e-mail")
    unknown = sorted(set(kinds) - set(NoticeKind.values))
    if unknown or not kinds:
        raise Invalid.at(
            "kinds", message=f"Unknown: {', '.join(unknown)}" if unknown else "Choose at least one"
        )
    try:
        if channel == Channel.WEBHOOK:
            outbound.check(address)
        else:
            validate_email(address)
    except outbound.Refused as error:
        raise Invalid.at("address", message=str(error)) from error
    except ValidationError as error:
        raise Invalid.at("address", message="This is not an e-mail address") from error


def _in_order(kinds: Sequence[str]) -> list[str]:
    return [kind for kind in NoticeKind.values if kind in kinds]


def _require_person(actor: Actor, installation: bool = False) -> None:
    auth.require_board(actor)
    if installation and not actor.is_instance_admin:
        raise Forbidden("Only who runs the installation may hear of all of it")


def _log(target: NotificationTarget, verb: str, actor: Actor, now: datetime) -> None:
    activity.record(
        company_id=target.company_id,
        actor=actor,
        action=f"notification_target.{verb}",
        entity_type="notification_target",
        entity_id=target.pk,
        details={"channel": target.channel, "host": shown_address(target), "kinds": target.kinds},
        now=now,
    )
