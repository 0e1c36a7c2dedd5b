"""The first look at a request: what no view should ever see is refused here."""

from __future__ import annotations

import re
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from paperclip.core.api.rendering import json_response

# Files come in here. Their views look at the caller before the body, and measure the file as it comes in.
_TAKES_FILES = re.compile(r"/api/companies/[^/]+/(?:issues/[^/]+/attachments|assets/images|logo)")


class RequestGuardMiddleware:
    """Refuses NUL bytes in the address (PostgreSQL text cannot hold them) and bodies above the limit (I-7)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        query = request.META.get("QUERY_STRING", "")
        if "\x00" in request.path or "\x00" in query or "%00" in query:
            return json_response({"error": "The address contains a NUL byte"}, status=400)
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isdigit():
            return json_response({"error": "Content-Length must be a number"}, status=400)
        if int(length) > settings.REQUEST_MAX_BYTES and not _TAKES_FILES.fullmatch(request.path_info):
            return json_response({"error": "Request body is larger than 10 MB"}, status=413)
        return self.get_response(request)
