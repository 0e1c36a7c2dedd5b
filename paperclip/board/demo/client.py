"""The REST API, as an agent program calls it: JSON over HTTP with the run's own key."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

TIMEOUT_SECONDS = 30
# How long a restart of the web server is waited for.
PATIENCE_SECONDS = 45
_RETRY_SECONDS = 0.5
_PASSING_STATUSES = (502, 503, 504)


class ApiError(Exception):
    """The API refused a call, or could not be reached: then `status` is 0."""

    def __init__(self, call: str, status: int, text: str) -> None:
        super().__init__(f"{call} answered {status}: {text}" if status else f"{call} failed: {text}")
        self.status = status


class Client:
    """Calls the API of one company as one agent from one run."""

    def __init__(self, *, base: str, key: str, run_id: str, say: Callable[[str], None]) -> None:
        self._base = base.rstrip("/")
        self._headers = {
            "Authorization": f"Bearer {key}",
            "Accept": "application/json",
            "Content-Type": "application/json",
            "X-Paperclip-Run-Id": run_id,
        }
        self._say = say
        # The address is the control plane's own: a proxy for the outside world has no business in between.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, path: str) -> Any:
        """Return the JSON at `/api` + `path`. Raises ApiError, as all calls do."""
        return self._call("GET", path)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Post `body` and return the answer."""
        return self._call("POST", path, body)

    def put(self, path: str, body: dict[str, Any]) -> Any:
        """Put `body` and return the answer."""
        return self._call("PUT", path, body)

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        """Patch with `body` and return the answer; one that broke off is sent again unless it was carried out."""
        try:
            return self._call("PATCH", path, body)
        except ApiError as error:
            if error.status:
                raise
        found = self.get(path)
        if all(found[name] == value for name, value in body.items() if name in found):
            return found
        return self._call("PATCH", path, body)

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Send a request; wait for a server that is being restarted, where sending again does no harm.

        A refused connection delivered nothing, so any request may be sent again; one that broke later may
        have been carried out, so only a read may.
        """
        until = time.monotonic() + PATIENCE_SECONDS
        is_told = False
        while True:
            try:
                return self._send(method, path, body)
            except urllib.error.HTTPError as error:
                failure = ApiError(f"{method} {path}", error.code, _text(error))
                passes = error.code in _PASSING_STATUSES and method == "GET"
            except OSError as error:
                reason = getattr(error, "reason", error)
                failure = ApiError(f"{method} {path}", 0, f"{reason}")
                passes = method == "GET" or isinstance(reason, ConnectionRefusedError)
            if not passes or time.monotonic() > until:
                raise failure
            if not is_told:
                self._say(f"The control plane does not answer ({failure}); waiting for it")
                is_told = True
            time.sleep(_RETRY_SECONDS)

    def _send(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        request = urllib.request.Request(  # noqa: S310  the address is the control plane's, given by it
            f"{self._base}/api{path}",
            method=method,
            headers=self._headers,
            data=None if body is None else json.dumps(body).encode(),
        )
        with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
            content = answer.read()
        return json.loads(content) if content else None


def _text(error: urllib.error.HTTPError) -> str:
    """Return what the API says of its refusal."""
    try:
        said = json.loads(error.read())
    except (OSError, ValueError):
        return str(error.reason)
    return str(said["error"]) if isinstance(said, dict) and "error" in said else str(error.reason)
