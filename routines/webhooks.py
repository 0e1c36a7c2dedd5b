"""Setting routines off by requests from outside (section 8 of the contract).

Who calls is unknown but for what the trigger's mode asks of them:

| mode | proof | taken twice |
|---|---|---|
| `bearer` | the secret itself | yes: only the Idempotency-Key tells requests apart |
| `hmac_sha256` | a signature over time and body, fresh within the window | no: 409 as long as it is fresh |
| `github_hmac` | a signature over the body | no: 409 for the length of the window |
| `none` | nothing but the address | yes |
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from paperclip.companies import actors, throttles
from paperclip.companies.choices import CompanyStatus
from paperclip.companies.throttles import Limit
from paperclip.core.api import parsing
from paperclip.core.errors import BadRequest, Conflict, NotFound, Unauthorized
from routines import dispatch, starts, trail, webhook_secrets
from routines.choices import IDEMPOTENCY_KEY_MAX, REPLAY_WINDOW_SEC, RoutineStatus, RunSource, SigningMode
from routines.dispatch import Order
from routines.lifecycle import locked
from routines.models import Routine, RoutineRun, Trigger, WebhookReceipt

TRY = Limit("webhook-try", 1200, timedelta(minutes=1))  # from one address, whatever is named
FIRE = Limit(
    "webhook-fire", 600, timedelta(minutes=1)
)  # of one trigger, by whoever proved to know its secret
_SENDER = actors.system("routine-webhook")
_NOT_ACTIVE = "Routine trigger is not active"
_TIME = re.compile(r"[0-9]{1,16}(?:\.[0-9]{1,6})?")
# Larger numbers are milliseconds.
_SECONDS_END = 10**12
_KEY_PREFIX = "webhook-hmac:"


@dataclass(frozen=True)
class Request:
    """What arrived at a webhook's address. `headers` by any case, `body` as received."""

    public_id: str
    headers: Mapping[str, str]
    body: bytes
    address: str


@dataclass(frozen=True)
class Proof:
    """A signature that verified, and until when the same one is not taken again."""

    digest: str
    expires_at: datetime


def fire(request: Request, *, now: datetime) -> RoutineRun:
    """Set off the routine a request names, and return its run (R-67 to R-75, RW-7).

    Raises, in this order, TooManyRequests, NotFound, Conflict for a trigger or routine that is switched off,
    Unauthorized, BadRequest for a body that is no JSON, Conflict for a replay, Unprocessable for missing variables.
    """
    throttles.spend(TRY, request.address, now=now)
    trigger = (
        Trigger.objects.select_related("routine", "company", "secret")
        .filter(public_id=request.public_id)
        .first()
    )
    if trigger is None:
        raise NotFound("Routine trigger not found")
    _require_active(trigger, trigger.routine)
    if trigger.company.status == CompanyStatus.ARCHIVED:
        raise Conflict(_NOT_ACTIVE)
    proof = _verify(trigger, request, now)
    throttles.spend(FIRE, trigger.pk, now=now)
    return _start(trigger.pk, trigger.routine_id, request, proof, now)


@transaction.atomic
def _start(
    trigger_id: UUID, routine_id: UUID, request: Request, proof: Proof | None, now: datetime
) -> RoutineRun:
    routine = locked(routine_id)
    trigger = Trigger.objects.select_for_update(no_key=True).filter(pk=trigger_id).first()
    if trigger is None:
        raise NotFound("Routine trigger not found")
    _require_active(trigger, routine)
    order = Order(
        source=RunSource.WEBHOOK,
        trigger=trigger,
        payload=_payload(request.body),
        idempotency_key=_key(request) or (_KEY_PREFIX + proof.digest if proof is not None else None),
    )
    if proof is not None:
        _remember(trigger, proof, now)
    work = dispatch.prepare(routine=routine, order=order)
    earlier = starts.repeated(routine, order) if _key(request) else None
    if earlier is not None:
        trail.of_run(earlier, actor=_SENDER, now=now)
        return earlier
    return dispatch.dispatch(routine=routine, work=work, actor=_SENDER, now=now)


def _require_active(trigger: Trigger, routine: Routine) -> None:
    if not trigger.enabled or routine.status != RoutineStatus.ACTIVE:
        raise Conflict(_NOT_ACTIVE)


def _remember(trigger: Trigger, proof: Proof, now: datetime) -> None:
    """Keep a signature, or raise Conflict if it was taken before. The routine's lock keeps others from looking."""
    receipts = WebhookReceipt.objects.filter(trigger=trigger, digest=proof.digest)
    receipts.filter(expires_at__lte=now).delete()
    if receipts.exists():
        raise Conflict("Webhook replay detected")
    WebhookReceipt.objects.create(
        trigger=trigger, digest=proof.digest, expires_at=proof.expires_at, created_at=now
    )


def _payload(body: bytes) -> Any:
    """Return the JSON object or array in a body, None for an empty one. What the content type says is not asked."""
    if not body.strip():
        return None
    value = parsing.loads(body)
    if not isinstance(value, dict | list):
        raise BadRequest("Request body must be a JSON object or array")
    return value


def _key(request: Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key and len(key) > IDEMPOTENCY_KEY_MAX:
        raise BadRequest(f"Idempotency-Key has at most {IDEMPOTENCY_KEY_MAX} characters")
    return key or None


# --- Proofs ----------------------------------------------------------------------------------------------


def _verify(trigger: Trigger, request: Request, now: datetime) -> Proof | None:
    """Return the signature of a request if it has one. Raises Unauthorized, NotFound when the secret is gone."""
    # A webhook without a mode signs with the time.
    mode = trigger.signing_mode or SigningMode.HMAC_SHA256
    if mode == SigningMode.NONE:
        return None
    secret = webhook_secrets.reveal(trigger, now=now)
    window = timedelta(seconds=trigger.replay_window_sec or REPLAY_WINDOW_SEC)
    if mode == SigningMode.BEARER:
        _require_equal(f"Bearer {secret}", request.headers.get("Authorization"))
        return None
    if mode == SigningMode.GITHUB_HMAC:
        sent = request.headers.get("X-Hub-Signature-256") or request.headers.get("X-Paperclip-Signature")
        signature = _signature(secret, request.body)
        _require_equal(signature, _bare(sent))
        return Proof(_digest(signature), now + window)
    stamp = request.headers.get("X-Paperclip-Timestamp") or ""
    signature = _signature(secret, stamp.encode() + b"." + request.body)
    _require_equal(signature, _bare(request.headers.get("X-Paperclip-Signature")))
    at = _moment(stamp)
    if at is None or abs(now - at) > window:
        raise Unauthorized
    return Proof(_digest(signature), at + window + timedelta(seconds=1))


def _signature(secret: str, signed: bytes) -> str:
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def _bare(signature: str | None) -> str | None:
    return signature.removeprefix("sha256=") if signature is not None else None


def _require_equal(expected: str, sent: str | None) -> None:
    """Raise Unauthorized unless they are equal, having taken the same time wherever they differ (R-68)."""
    if not hmac.compare_digest(expected.encode(), (sent or "").encode("utf-8", "surrogateescape")):
        raise Unauthorized


def _digest(signature: str) -> str:
    return hashlib.sha256(signature.encode()).hexdigest()


def _moment(stamp: str) -> datetime | None:
    """Return the time that a header names in seconds, or beyond 1e12 in milliseconds; None for no number (R-72)."""
    if not _TIME.fullmatch(stamp.strip()):
        return None
    number = float(stamp)
    try:
        return datetime.fromtimestamp(number / 1000 if number > _SECONDS_END else number, tz=UTC)
    except (OverflowError, ValueError):
        return None
