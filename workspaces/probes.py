"""Looking whether a service is ready, and whether it still is: one bounded look each (W-92, WW-7)."""

from __future__ import annotations

import re
import socket
import urllib.error
import urllib.request
from uuid import UUID

from workspaces import programs
from workspaces.models import RuntimeService
from workspaces.service_specs import HTTP, LOG, TCP

LOOK_SECONDS = 2.0
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def answers(row: RuntimeService) -> bool:
    """Return whether a service that runs can be used, by the way its definition names; without one it can."""
    said = row.readiness or {}
    kind, target = said.get("kind"), said.get("target")
    if kind == HTTP and target:
        return _http(target)
    if kind == TCP and target:
        return _tcp(int(target))
    if kind == LOG and target and row.launch_id is not None:
        return _printed(row.launch_id, target)
    return row.launch_id is None or programs.here().pid(row.launch_id) is not None


def _http(url: str) -> bool:
    if not url.startswith(("http://", "https://")):
        return False
    try:
        with _OPENER.open(url, timeout=LOOK_SECONDS) as answer:
            return bool(200 <= answer.status < 300)
    except (OSError, urllib.error.URLError, ValueError):  # it does not answer, or with something else
        return False


def _tcp(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=LOOK_SECONDS):
            return True
    except OSError:
        return False


def _printed(launch_id: UUID, pattern: str) -> bool:
    return re.search(pattern, programs.here().tail(launch_id), re.MULTILINE) is not None
