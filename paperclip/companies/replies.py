"""Requests that may be sent again: the same key makes the same thing once and is answered the same.

Key and deed commit together. Of two requests with one key at the same time, the second waits for the first.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from django.db import connection

from paperclip.companies.actors import Actor
from paperclip.companies.models import Reply
from paperclip.core.errors import BadRequest, Conflict

KEPT = timedelta(days=1)
MAX_KEY = 255
BATCH = 1000


@dataclass(frozen=True)
class Pass:
    """How many old answers one pass removed."""

    replies: int


def digest_of(method: str, path: str, body: bytes) -> str:
    """Return the fingerprint of a request; `body` is what it means, in one spelling."""
    return hashlib.sha256(b"\0".join([method.encode(), path.encode(), body])).hexdigest()


def claim(*, actor: Actor, key: str, digest: str, now: datetime) -> Reply | None:
    """Take `key` for a request, or return what it was answered before. Call in the transaction of the deed.

    Raises BadRequest for a key that is none, Conflict when it was used for another request.
    """
    if not key.isprintable() or len(key) > MAX_KEY:
        raise BadRequest(f"Idempotency-Key must be printable and at most {MAX_KEY} characters long")
    caller = f"{actor.type}:{actor.id}"
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [uuid4(), caller, key, digest, now])
        if cursor.rowcount:
            return None
    known = Reply.objects.get(caller=caller, key=key)
    if known.digest != digest:
        raise Conflict("Idempotency-Key was used for another request", details={"idempotencyKey": key})
    return known


# Waits for whoever holds the key, until that transaction ends.
_CLAIM = """
INSERT INTO api_replies (id, caller, key, digest, body, created_at) VALUES (%s, %s, %s, %s, '', %s)
ON CONFLICT (caller, key) DO NOTHING
"""


def keep(*, actor: Actor, key: str, status: int, body: str) -> None:
    """Keep what the request that took `key` is answered."""
    Reply.objects.filter(caller=f"{actor.type}:{actor.id}", key=key).update(status=status, body=body)


def prune(*, now: datetime) -> Pass:
    """Remove a batch of answers that are older than a day."""
    old = Reply.objects.filter(created_at__lt=now - KEPT).order_by("created_at")[:BATCH]
    return Pass(Reply.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()[0])
