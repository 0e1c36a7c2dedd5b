"""The base of every API view: errors in one shape, deadlocks tried again, queries read strictly."""

from __future__ import annotations

from typing import Any

from django.db import OperationalError
from django.http import HttpRequest, HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from paperclip.core.errors import BadRequest

_TRIES = 4
# Two transactions waited for each other, or saw each other's rows: PostgreSQL undid one whole; doing it again is safe.
_TRY_AGAIN = frozenset({"40P01", "40001"})


class _TryAgain(Exception):
    """The transaction was undone by the database and may be repeated."""


class ApiView(APIView):
    """Reads JSON, answers JSON."""

    # The ways to say who calls, for the OpenAPI document: names of `document.SECURITY_SCHEMES`.
    credentials: tuple[str, ...] = ()

    _attempt = 1

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Handle the request, repeating it when the database undid its transaction in favour of another."""
        for self._attempt in range(1, _TRIES + 1):
            try:
                return self._written(super().dispatch(request, *args, **kwargs))
            except _TryAgain:
                continue
        raise AssertionError("the last attempt answers or raises")

    def _written(self, response: HttpResponseBase) -> HttpResponseBase:
        """Write the answer out, and let go of what it was made from.

        View, request and response hold one another: a long list would stay in memory, long after it was sent, until the
        garbage collector comes by.
        """
        if isinstance(response, Response):
            response.render()
            response.data = None
            response.renderer_context = None  # type: ignore[attr-defined]  # the stubs do not know it
        del self.response
        return response

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        """Keep the body, so that a repeated attempt can read it again."""
        if request.content_type == "application/json" or not request.content_type:
            _ = request.body
        return super().initialize_request(request, *args, **kwargs)

    def handle_exception(self, exc: Exception) -> Response:
        undone = isinstance(exc, OperationalError) and getattr(exc.__cause__, "sqlstate", None) in _TRY_AGAIN
        if undone and self._attempt < _TRIES:
            raise _TryAgain from exc
        return super().handle_exception(exc)


def whole_number(
    request: Request, name: str, *, default: int, least: int, most: int, strict: bool = False
) -> int:
    """Return a whole number from the query, clamped to `least`..`most`; `default` when absent.

    Anything else counts as absent, or raises BadRequest when `strict`.
    """
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.strip().isdecimal() or len(text) > 18:
        if strict:
            raise BadRequest(f"{name} must be a whole number")
        return default
    return min(max(int(text), least), most)


def flag(request: Request, name: str) -> bool:
    """Return whether a query flag is set: `true` or `1` (I-144)."""
    return request.query_params.get(name) in ("true", "1")
