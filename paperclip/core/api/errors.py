"""Every way a request can fail, answered in one shape: `{"error", "details"?}` (C-4)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, TooManyFieldsSent
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from paperclip.core import postgres
from paperclip.core.errors import Refusal, TooManyRequests

log = logging.getLogger(__name__)

DATABASE_DOWN = "The database does not answer; try again shortly"
DISK_FULL = "The disk of the database is full; nothing can be stored until somebody frees some space there"
_DISK_FULL_STATE = "53100"


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the response for `error`, or None to let an unforeseen one become `Internal server error`."""
    if isinstance(error, TooManyRequests):
        return Response(body(error.message, error.details), status=429, headers=_wait(error))
    if isinstance(error, Refusal):
        return Response(body(error.message, error.details), status=error.status)
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        return Response(body(str(error.detail)), status=401)
    if isinstance(error, exceptions.MethodNotAllowed):
        return Response(body("Method not allowed"), status=405, headers={"Allow": _allowed(context)})
    if isinstance(error, exceptions.APIException):
        return Response(body(str(error.detail)), status=error.status_code)
    if isinstance(error, Http404):
        return Response(body("API route not found"), status=404)
    if isinstance(error, PermissionDenied):
        return Response(body(str(error) or "Forbidden"), status=403)
    if isinstance(error, RequestDataTooBig | TooManyFieldsSent):
        return Response(body("Request body is too large"), status=413)
    if isinstance(error, OperationalError | InterfaceError):
        log.error("database: %s", str(error).strip().splitlines()[0] if str(error) else type(error).__name__)
        return Response(body(outage(error)), status=503, headers={"Retry-After": "2"})
    if isinstance(error, DataError):
        log.warning("value refused by the database: %s", type(error.__cause__ or error).__name__)
        return Response(body("A value is outside of what can be stored"), status=422)
    return None


def outage(error: Exception) -> str:
    """Return why the database could not do what was asked, for an error that is no fault of the request."""
    if getattr(error.__cause__, "sqlstate", None) == _DISK_FULL_STATE:
        return DISK_FULL
    # A server of ours that could not write its log has stopped, and can no longer say why.
    if settings.EMBEDDED_POSTGRES and postgres.lacks_space(settings.PAPERCLIP_HOME):
        return DISK_FULL
    return DATABASE_DOWN


def body(message: str, details: Any = None) -> dict[str, Any]:
    """Return the error body; `details` only when there is something in it."""
    return {"error": message, "details": details} if details else {"error": message}


def _wait(error: TooManyRequests) -> dict[str, str]:
    seconds = error.details.get("retryAfterSeconds") if isinstance(error.details, Mapping) else None
    return {"Retry-After": str(seconds)} if seconds is not None else {}


def _allowed(context: dict[str, Any]) -> str:
    view = context.get("view")
    return ", ".join(view.allowed_methods) if view else ""
