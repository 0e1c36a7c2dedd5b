"""Refusals: what a verb raises when a request cannot be met, with the status a client is answered (C-4).

A verb raises the class that names the kind; the API base turns it into `{"error", "details"?}`, the admin into
a message, a command into a line on stderr.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class Refusal(Exception):
    """A request that is refused for a reason its sender can act on."""

    status = 400

    def __init__(self, message: str, *, details: Mapping[str, Any] | Sequence[Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class BadRequest(Refusal):
    """The request is malformed in a way no schema describes."""


class Invalid(Refusal):
    """The input breaks its schema; `details` holds one entry per fault (C-5)."""

    def __init__(self, issues: Sequence[Mapping[str, Any]]) -> None:
        self.issues = list(issues)
        super().__init__("Validation error", details=self.issues)

    def below(self, *path: str | int) -> Invalid:
        """Return the same faults, found inside of `path`."""
        return Invalid([{**issue, "path": [*path, *issue["path"]]} for issue in self.issues])

    @classmethod
    def at(cls, *path: str | int, message: str, code: str = "custom") -> Invalid:
        """Return the refusal of a single field, named by its path of keys and indexes."""
        return cls([{"code": code, "path": list(path), "message": message}])


class Unauthorized(Refusal):
    """Nobody is signed in, or what was presented does not verify."""

    status = 401

    def __init__(self, message: str = "Unauthorized") -> None:
        super().__init__(message)


class Forbidden(Refusal):
    """The caller is known and may not do this."""

    status = 403


class NotFound(Refusal):
    """What the path names does not exist, or is none of the caller's business."""

    status = 404


class Conflict(Refusal):
    """The state of things stands against it: a race, a lock, a uniqueness, a budget."""

    status = 409


class TooLarge(Refusal):
    """The body is larger than the server takes."""

    status = 413


class Unprocessable(Refusal):
    """Well-formed, but against a business rule."""

    status = 422


class TooManyRequests(Refusal):
    """The caller must slow down."""

    status = 429


class Unavailable(Refusal):
    """A part the request needs does not answer; the same request may succeed later."""

    status = 503
