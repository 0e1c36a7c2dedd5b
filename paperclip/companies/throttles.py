"""How often somebody may try what could be guessed or would fill tables: sign-in, keys, invites, claims (CW-32).

Counted before anything is looked up, in the database, so that all web processes count together.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from paperclip.core import throttle
from paperclip.core.errors import TooManyRequests


@dataclass(frozen=True)
class Limit:
    """At most `most` tries within `window`, counted under `name`."""

    name: str
    most: int
    window: timedelta


SIGN_IN = Limit("sign-in", 10, timedelta(minutes=15))  # of one name from one address
SIGN_IN_ADDRESS = Limit("sign-in-address", 50, timedelta(minutes=15))  # of all names from one address
SIGN_UP = Limit("sign-up", 10, timedelta(hours=1))  # from one address
INVITE_LOOK = Limit("invite-look", 60, timedelta(minutes=1))  # from one address, whatever the token
INVITE_ACCEPT = Limit("invite-accept", 20, timedelta(minutes=10))  # from one address
INVITE_CREATE = Limit("invite-create", 100, timedelta(hours=1))  # in one company
CHALLENGE_CREATE = Limit("cli-challenge", 20, timedelta(minutes=10))  # from one address
CHALLENGE_LOOK = Limit("cli-challenge-look", 240, timedelta(minutes=1))  # from one address; clients poll
CLAIM = Limit("claim", 10, timedelta(minutes=15))  # of one request or code
KEY_CREATE = Limit("key-create", 60, timedelta(hours=1))  # by one person
RESOLUTION_TEST = Limit("resolution-test", 10, timedelta(minutes=10))  # with one invite


def spend(limit: Limit, subject: object, *, now: datetime) -> None:
    """Count one try by `subject`. Raises TooManyRequests, saying for how many seconds, when it is one too many.

    Call it outside of a transaction: a refused try must stay counted.
    """
    # What people type stands in the name of the count only as a hash: it may be long, or a password.
    name = f"{limit.name}:{hashlib.sha256(str(subject).encode()).hexdigest()[:32]}"
    left = throttle.spend(name, limit=limit.most, window=limit.window, now=now)
    if left.is_used_up:
        seconds = left.retry_after_seconds
        raise TooManyRequests(
            f"Too many tries; try again in {_words(seconds)}", details={"retryAfterSeconds": seconds}
        )


def _words(seconds: int) -> str:
    if seconds < 90:
        return f"{seconds} {'second' if seconds == 1 else 'seconds'}"
    return f"{-(-seconds // 60)} minutes"
