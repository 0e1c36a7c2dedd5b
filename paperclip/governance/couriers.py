"""Carrying one message to one target, by webhook or by mail, in the form docs/notifications.md describes."""

from __future__ import annotations

import hashlib
import hmac
import smtplib
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.core.mail import EmailMessage

from paperclip.core import clock, outbound
from paperclip.governance.choices import Channel
from paperclip.governance.models import Notice, NotificationTarget

WEBHOOK_SECONDS = 10.0
_AGENT = f"Paperclip/{settings.VERSION}"


class NotDelivered(Exception):
    """The message did not arrive; the text says why and holds neither address nor secret."""


@dataclass(frozen=True)
class Message:
    """What is said. `id` stays the same over all tries, so that a receiver can tell a repetition."""

    id: UUID
    kind: str
    title: str
    body: str
    url: str
    company: dict[str, str] | None
    notice_id: UUID | None
    repeats: int
    first_at: datetime
    last_at: datetime


def of_notice(notice: Notice, *, delivery_id: UUID) -> Message:
    """Return what is said of a notice, whose company is loaded."""
    company = notice.company
    return Message(
        id=delivery_id,
        kind=notice.kind,
        title=notice.title,
        body=notice.body,
        url=board_url(notice.path),
        company={"id": str(company.pk), "name": company.name} if company is not None else None,
        notice_id=notice.pk,
        repeats=notice.repeats,
        first_at=notice.created_at,
        last_at=notice.last_told_at,
    )


def board_url(path: str) -> str:
    """Return the public address of a page of the board; an empty path leads to its home."""
    return f"{settings.PAPERCLIP_PUBLIC_URL}{path or '/admin/'}"


def carry(message: Message, target: NotificationTarget, *, attempt: int, now: datetime) -> str:
    """Bring the message to the target; return in a few words how it was taken. Raises NotDelivered.

    May take WEBHOOK_SECONDS, or as long as the mail server takes; no transaction may be open.
    """
    if target.channel == Channel.EMAIL:
        return _mail(message, target)
    return _call(message, target, attempt=attempt, now=now)


def signing_key(target: NotificationTarget) -> str:
    """Return the key that signs what is sent to a webhook. It is worked out, never stored."""
    name = f"notification-target:{target.pk}:{target.secret_version}"
    return hmac.new(settings.SECRET_KEY.encode(), name.encode(), hashlib.sha256).hexdigest()


def payload(message: Message, *, attempt: int) -> dict[str, Any]:
    """Return the body of a webhook."""
    return {
        "id": message.id,
        "kind": message.kind,
        "title": message.title,
        "body": message.body,
        "url": message.url,
        "company": message.company,
        "noticeId": message.notice_id,
        "repeats": message.repeats,
        "firstAt": clock.iso(message.first_at),
        "lastAt": clock.iso(message.last_at),
        "attempt": attempt,
    }


def _call(message: Message, target: NotificationTarget, *, attempt: int, now: datetime) -> str:
    body = orjson.dumps(payload(message, attempt=attempt))
    timestamp = str(int(now.timestamp()))
    signature = hmac.new(
        signing_key(target).encode(), timestamp.encode() + b"." + body, hashlib.sha256
    ).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": _AGENT,
        "Idempotency-Key": str(message.id),
        "X-Paperclip-Event": message.kind,
        "X-Paperclip-Timestamp": timestamp,
        "X-Paperclip-Signature": f"sha256={signature}",
    }
    try:
        answer = outbound.post(target.address, body=body, headers=headers, timeout_seconds=WEBHOOK_SECONDS)
    except (outbound.Refused, outbound.Failed) as error:
        raise NotDelivered(str(error)) from error
    if 200 <= answer.status < 300:
        return f"answered {answer.status}"
    if 300 <= answer.status < 400:
        raise NotDelivered(f"It answered {answer.status}, a redirect: name the address it leads to instead")
    raise NotDelivered(f"It answered {answer.status}")


def _mail(message: Message, target: NotificationTarget) -> str:
    if not settings.EMAIL_URL:
        raise NotDelivered("Mail is not set up: name a mail server in EMAIL_URL")
    company = f"{message.company['name']}: " if message.company else ""
    lines = [message.title, message.body, message.url]
    if message.repeats > 1:
        lines.append(f"Told {message.repeats} times since {message.first_at:%Y-%m-%d %H:%M} UTC.")
    mail = EmailMessage(
        subject=" ".join(f"{company}{message.title}".split()),
        body="\n\n".join(line for line in lines if line) + "\n",
        to=[target.address],
        headers={"Message-ID": f"<{message.id}@paperclip>", "Auto-Submitted": "auto-generated"},
    )
    try:
        mail.send()
    except smtplib.SMTPAuthenticationError:
        raise NotDelivered("The mail server did not accept the user name and password") from None
    except smtplib.SMTPResponseException as error:
        raise NotDelivered(f"The mail server answered {error.smtp_code}") from None
    except smtplib.SMTPRecipientsRefused:
        raise NotDelivered("The mail server refused the address") from None
    except (OSError, smtplib.SMTPException) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise NotDelivered(f"The mail server cannot be reached: {why}") from None
    return "handed to the mail server"
