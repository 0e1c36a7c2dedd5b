"""What a failed call of a model's provider was: read from what its program says in numbers, and from words last."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

TRANSIENT = "transient_upstream"
_TIMEOUT, _TOO_MANY, _SERVER = 408, 429, 500
_AUTH = (401, 403)
_WORDS = re.compile(
    r"rate[ _-]?limit(?:ed|_error)?\b|too many requests|\b(?:429|503|529)\b|overloaded|service unavailable|high demand"
    r"|try again later|temporarily unavailable|throttl(?:ed|ing)|servicequotaexceededexception|\bextra usage\b"
    r"|\b(?:5[ -]?hour|weekly|usage|session) (?:limit|cap) reached|hit your [\w -]{0,40}limit|usage (?:limit|cap)",
    re.IGNORECASE,
)
_LOGIN = re.compile(
    r"not logged in|please log ?in|please run `?\w+ login`?|login required|requires login|\bunauthorized\b"
    r"|authentication required|invalid (?:x-)?api[ -]?key|missing api[ -]?key",
    re.IGNORECASE,
)
_URL = re.compile(r"https://[^\s\"'<>]+")
_URL_END = ".,;:!?)]}"


@dataclass(frozen=True)
class Refusal:
    """How the provider failed: for want of a login, or for now. Neither is set for a failure of another kind."""

    needs_login: bool = False
    is_transient: bool = False


def by_status(status: int) -> Refusal:
    """Return what an HTTP status means; a number says enough, whatever the words beside it."""
    if status in _AUTH:
        return Refusal(needs_login=True)
    return Refusal(is_transient=status in (_TIMEOUT, _TOO_MANY) or status >= _SERVER)


def by_words(said: str) -> Refusal:
    """Return what words mean where a program has no number for it (A-58, A-59)."""
    if any(_LOGIN.search(line) for line in said.splitlines()):
        return Refusal(needs_login=True)
    return Refusal(is_transient=_WORDS.search(said) is not None)


def login_url(said: str, *names: str) -> str | None:
    """Return where to log in: the first address that holds one of `names`, else the first one (A-58)."""
    found = [url.rstrip(_URL_END) for url in _URL.findall(said)]
    return next((url for url in found if any(name in url for name in names)), found[0] if found else None)


def moment_of(seconds: object) -> datetime | None:
    """Return the time that a number of seconds since 1970 stands for, None for anything else."""
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
