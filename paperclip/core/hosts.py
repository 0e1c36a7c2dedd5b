"""Under which names this server answers, and who a request comes from (C-19).

`X-Forwarded-…` is believed from trusted proxies only (CW-33): anybody else could write there what they like.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port, validate_host

from paperclip.core.api.rendering import json_response


class HostGuardMiddleware:
    """Refuses requests for host names that are not ours, before any view sees them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if _is_trusted(request.META.get("REMOTE_ADDR", "")):
            _take_over(request)
        host = request.META.get("HTTP_HOST") or request.META.get("SERVER_NAME", "")
        domain, _ = split_domain_port(host)
        if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
            return _refusal(request, domain or host)
        return self.get_response(request)


def client_address(request: HttpRequest) -> str:
    """Return the address a request comes from: the nearest one that is no trusted proxy."""
    nearest = str(request.META.get("REMOTE_ADDR", ""))
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    while hops and _is_trusted(nearest):
        nearest = hops.pop()
    return nearest[:64]


def _is_trusted(address: str) -> bool:
    if not settings.TRUSTED_PROXIES:
        return False
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in settings.TRUSTED_PROXIES)


def _take_over(request: HttpRequest) -> None:
    """Put the name and scheme people used where Django looks for them."""
    forwarded = request.META.get("HTTP_X_FORWARDED_HOST", "").split(",")[0].strip()
    if forwarded:
        request.META["HTTP_HOST"] = forwarded
    scheme = request.META.get("HTTP_X_FORWARDED_PROTO", "").split(",")[0].strip().lower()
    if scheme in ("http", "https"):
        request.META["wsgi.url_scheme"] = scheme


def _refusal(request: HttpRequest, host: str) -> HttpResponse:
    shown = "".join(character for character in host[:255] if character.isprintable())
    text = (
        f"Hostname '{shown}' is not allowed for this Paperclip instance. To allow it, run:"
        f" manage.py allowed-hostname {shown}"
    )
    if request.path_info.startswith("/api"):
        return json_response({"error": text}, status=403)
    return HttpResponse(text, status=403, content_type="text/plain; charset=utf-8")
