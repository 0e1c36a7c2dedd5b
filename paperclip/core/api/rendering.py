"""JSON out: fast, and with times as the interface writes them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson
from django.http import HttpResponse
from rest_framework.renderers import BaseRenderer

from paperclip.core import clock

_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS
JSON_TYPE = "application/json"
_LARGEST = 2**63  # beyond it the writer has no integers


def dumps(value: Any) -> bytes:
    """Return `value` as JSON bytes; UUIDs, times and exact sums included."""
    return orjson.dumps(value, default=_default, option=_OPTIONS)


def json_response(value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
    """Return a plain Django response that holds `value`, for places outside of DRF."""
    return HttpResponse(dumps(value), status=status, content_type=JSON_TYPE, headers=headers)


def _default(value: Any) -> Any:
    if isinstance(value, datetime):
        return clock.iso(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        is_whole = value == value.to_integral_value() and abs(value) < _LARGEST
        return int(value) if is_whole else float(value)
    if isinstance(value, frozenset | set):
        return sorted(value)
    return str(value)


class JsonRenderer(BaseRenderer):
    """The one representation of the API."""

    media_type = JSON_TYPE
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        """Return the body's bytes."""
        return dumps(data)
