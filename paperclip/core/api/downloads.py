"""Stored files, answered so that nothing in them can act for the person who looks at them (I-138)."""

from __future__ import annotations

from urllib.parse import quote

from django.http import FileResponse, HttpResponseBase, HttpResponseNotModified
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse
from rest_framework.request import Request

from paperclip.core import storage

# For the OpenAPI document.
CONTENT = OpenApiResponse(OpenApiTypes.BINARY, description="The file as it was handed in.")
UNCHANGED = OpenApiResponse(description="The client has the file already.")

_SHOWN = frozenset({"application/pdf", "text/plain", "text/markdown", "application/json", "text/csv"})
_PDF = "application/pdf"
# No script runs and nothing is loaded from elsewhere, even where a browser opens the file as a page of this site.
_CAGE = "sandbox; default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'"
_CACHING = "private, max-age=60"
_NO_NAME = "attachment"


def answer(request: Request, *, sha256: str, content_type: str, name: str | None) -> HttpResponseBase:
    """Return the file as a stream, or 304 to a client that has it already; NotFound when it is missing on disk.

    Pictures, PDF and plain texts may be shown in place; everything else is to be saved.
    """
    etag = f'"{sha256}"'
    known = parse_etags(request.headers.get("If-None-Match", ""))
    response: HttpResponseBase
    if etag in known or "*" in known:
        response = HttpResponseNotModified()
    else:
        response = FileResponse(storage.open_file(sha256), content_type=content_type)
        response["Content-Disposition"] = disposition(content_type, name)
        if content_type != _PDF:  # browsers' own viewers are scripts
            response["Content-Security-Policy"] = _CAGE
    response["ETag"] = etag
    response["Cache-Control"] = _CACHING
    response["X-Content-Type-Options"] = "nosniff"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    patch_vary_headers(response, ["Authorization", "Cookie"])
    return response


def disposition(content_type: str, name: str | None) -> str:
    """Return the `Content-Disposition` of a file; names beyond ASCII are given in both spellings (RFC 6266)."""
    is_shown = content_type.startswith("image/") or content_type in _SHOWN
    plain = (name or _NO_NAME).replace('"', "").replace("\\", "") or _NO_NAME
    ascii_name = plain.encode("ascii", "replace").decode().replace("?", "_")
    words = f'{"inline" if is_shown else "attachment"}; filename="{ascii_name}"'
    return words if plain.isascii() else f"{words}; filename*=UTF-8''{quote(plain, safe='')}"
