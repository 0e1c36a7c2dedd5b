"""Calls to the REST API, with nothing but the standard library (K-41).

The token goes to the API and nowhere else: addresses are built under its base, redirects are not followed.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from paperclip.mcp.config import Config

TIMEOUT_SECONDS = 120
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
# What a path may hold as it is; anything else is encoded.
_PATH_SAFE = "%/:@!$&'()*+,;=~-._"


class CallError(Exception):
    """A call that could not be made at all. The text says why."""


class ApiError(Exception):
    """The API refused a call."""

    def __init__(self, call: Call, status: int, body: Any) -> None:
        self.call, self.status, self.body = call, status, body
        super().__init__(f"{call.method} {call.path} failed with {status}: {_said(body)}")

    def told(self) -> dict[str, Any]:
        """Return what the caller of a tool is told."""
        return {
            "error": str(self),
            "status": self.status,
            "method": self.call.method,
            "path": self.call.path,
            "body": self.body,
        }


@dataclass(frozen=True)
class Call:
    """One request. `path` starts with a slash, lies under the API base and may carry a query."""

    method: str
    path: str
    body: Any = None


def path(template: str, query: Mapping[str, Any] | None = None, **parts: str) -> str:
    """Return `template` with its `{parts}` encoded, and the query's values that are not None."""
    filled = template.format(**{name: quote(part, safe="") for name, part in parts.items()})
    given = {name: _text(value) for name, value in (query or {}).items() if value is not None}
    return f"{filled}?{urlencode(given)}" if given else filled


def free_path(text: str) -> str:
    """Return a caller's own path, fit to be sent. Raises CallError unless it stays under the API base."""
    bare, mark, query = text.partition("?")
    if not bare.startswith("/"):
        raise CallError("path must start with /")
    if ".." in unquote(unquote(bare)) or "\\" in unquote(bare):
        raise CallError("path must not contain .. or a backslash")
    return quote(bare, safe=_PATH_SAFE) + mark + quote(query, safe=_PATH_SAFE + "?")


class Client:
    """Sends calls as one caller. Blocks; run it in a thread."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._opener = _opener(urlsplit(config.api_url).hostname in _LOOPBACK)

    def send(self, call: Call) -> Any:
        """Send `call` and return the answer's JSON value: None when it is empty, text when it is not JSON.

        Raises ApiError for an answer that is no success, CallError when there is no answer.
        """
        request = self._request(call)
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                return _value(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                raise ApiError(call, error.code, _value(error.read())) from None
        except (OSError, HTTPException, ValueError) as error:
            base = self._config.api_url
            raise CallError(f"Could not reach the Paperclip API at {base}: {_reason(error)}") from error

    def _request(self, call: Call) -> urllib.request.Request:
        url = self._config.api_url + call.path
        base, wanted = urlsplit(self._config.api_url), urlsplit(url)
        if (wanted.scheme, wanted.netloc) != (base.scheme, base.netloc) or not call.path.startswith("/"):
            raise CallError("path must stay under the API base")
        headers = {"Authorization": f"Bearer {self._config.api_key}", "Accept": "application/json"}
        data = None
        if call.body is not None:
            data = json.dumps(call.body).encode()
            headers["Content-Type"] = "application/json"
        if self._config.run_id and call.method not in ("GET", "HEAD"):
            headers["X-Paperclip-Run-Id"] = self._config.run_id
        return urllib.request.Request(url, data=data, headers=headers, method=call.method)  # noqa: S310  http only


@cache
def _opener(is_here: bool) -> urllib.request.OpenerDirector:
    """Return what opens addresses; making one may read all certificates of the system, so they are kept."""
    handlers: list[urllib.request.BaseHandler] = [_NoRedirects()]
    if is_here:
        handlers.append(urllib.request.ProxyHandler({}))  # no proxy leads back to this machine
    return urllib.request.build_opener(*handlers)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like any other that is no success: the token is not carried along."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _value(body: bytes) -> Any:
    text = body.decode("utf-8", errors="replace")
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def _said(body: Any) -> str:
    """Return the words of a refusal (K-9)."""
    if isinstance(body, dict):
        for key in ("error", "message"):
            if isinstance(body.get(key), str):
                return str(body[key])
    return body if isinstance(body, str) else "no reason given"


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", None) or error) or type(error).__name__


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
