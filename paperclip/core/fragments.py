"""Parts of pages that refresh themselves: small, told apart by ETag, silent once nothing changes any more."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers

STOP_POLLING = 286  # htmx: take this answer and ask no more
# The words inside <time> move on by themselves in the browser; they alone are no news.
_RUNNING_WORDS = re.compile(r"(<time\b[^>]*>)[^<]*")


def answer(
    request: HttpRequest, template: str, context: dict[str, Any], *, is_final: bool = False
) -> HttpResponse:
    """Return a rendered fragment: 304 when the browser has it already, 286 when it will not change again."""
    html = render_to_string(template, context, request)
    still = _RUNNING_WORDS.sub(r"\1", html)
    etag = f'"{hashlib.sha256(still.encode()).hexdigest()[:32]}"'
    if is_final:
        response = HttpResponse(html, status=STOP_POLLING)
    elif request.headers.get("If-None-Match") == etag:
        response = HttpResponse(status=304)
    else:
        response = HttpResponse(html)
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    patch_vary_headers(response, ["Cookie"])
    return response
