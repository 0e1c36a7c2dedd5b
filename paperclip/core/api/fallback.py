"""Answers for addresses and failures no view answers: JSON under /api, a page elsewhere."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt

from paperclip.core.api.errors import outage
from paperclip.core.api.rendering import json_response


@csrf_exempt
def unknown_route(request: HttpRequest) -> HttpResponse:
    """Answer an unknown API address (C-1)."""
    return json_response({"error": "API route not found"}, status=404)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address that leads nowhere."""
    return _answer(request, 404, "API route not found", "There is nothing at this address.")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request Django itself refuses, such as one for a host that is not ours."""
    return _answer(request, 400, "Bad request", "The request cannot be understood.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what somebody may not do."""
    return _answer(request, 403, "Forbidden", "You may not do this.")


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an unforeseen failure, or a database that is away."""
    error = sys.exc_info()[1]
    if isinstance(error, OperationalError | InterfaceError):
        why = outage(error)
        return _answer(request, 503, why, f"{why}.")
    return _answer(
        request, 500, "Internal server error", "Something failed that should not have. The log says more."
    )


def _answer(request: HttpRequest, status: int, error: str, sentence: str) -> HttpResponse:
    if request.path.startswith("/api"):
        return json_response({"error": error}, status=status)
    return render(request, "core/failure.html", {"status": status, "sentence": sentence}, status=status)
