"""Whether an agent over HTTP can be called from this host (A-75)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from heartbeat.adapters.base import Check, text
from paperclip.core import outbound

PROBE_SECONDS = 3.0
# What an address that takes POST only answers to a question for its head.
_FINE = (405, 501)
_HINT = "An operator may open private networks with PAPERCLIP_OUTBOUND_ALLOW"


def look(config: Mapping[str, Any]) -> Iterator[Check]:
    """Yield the findings about a configuration. Takes up to 3 s."""
    url = text(config, "url")
    if url is None:
        yield Check("http_url_missing", "error", "No address is configured", hint="Set adapterConfig.url")
        return
    fault = _fault(url)
    if fault is not None:
        yield fault
        return
    yield Check("http_url_valid", "info", "The address can be called", detail=urlsplit(url).hostname)
    method = (text(config, "method") or "POST").upper()
    yield Check("http_method_configured", "info", "The method is set", detail=method)
    if "{{" not in url:
        yield _probe(url)


def _fault(url: str) -> Check | None:
    try:
        parts = urlsplit(url)
    except ValueError:
        return Check("http_url_invalid", "error", "This is not an address")
    if parts.scheme and parts.scheme not in ("http", "https"):
        return Check("http_url_protocol_invalid", "error", "An address begins with https:// or http://")
    try:
        outbound.check(url.replace("{{", "").replace("}}", "").replace(" ", ""))
    except outbound.Refused as error:
        return Check("http_url_invalid", "error", str(error), hint=_HINT)
    return None


def _probe(url: str) -> Check:
    try:
        answer = outbound.send("HEAD", url, body=None, headers={}, timeout_seconds=PROBE_SECONDS)
    except (outbound.Refused, outbound.Failed) as error:
        return Check("http_endpoint_probe_failed", "warn", str(error))
    if 200 <= answer.status < 300 or answer.status in _FINE:
        return Check("http_endpoint_probe_ok", "info", f"It answers with status {answer.status}")
    return Check("http_endpoint_probe_unexpected_status", "warn", f"It answers with status {answer.status}")
