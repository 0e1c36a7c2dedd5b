"""`http`: an agent somewhere else, called by one request; it works on by itself (A-16 to A-18)."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings as django_settings

from heartbeat.adapters import streams, templates, upstream
from heartbeat.adapters.base import (
    Assignment,
    Check,
    ConfigError,
    Ended,
    Program,
    Result,
    Usage,
    last_telling_line,
    mapping,
    number,
    text,
)
from heartbeat.adapters.http import looks, sender
from heartbeat.adapters.settings import NUMBER, OBJECT, SELECT, Setting

METHODS = ("POST", "PUT", "PATCH", "GET", "DELETE")
DEFAULT_TIMEOUT_MS = 60_000
ACCEPTED, CALLBACK = "accepted", "callback"
# How long a run waits for its agent's word, in seconds.
CALLBACK_TIMEOUT_SECONDS = 3600
_NO_LIMIT_SECONDS = 24 * 3600.0
# The sender gives up by the clock of the shim, which ends it; its own is for an end that the shim missed.
_SPARE_SECONDS = 30.0
_BODILESS = ("GET", "DELETE")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")


class HttpAdapter:
    """Sends what called the agent to its address; a 2xx says that the agent has taken it."""

    type = "http"
    model_profiles: Mapping[str, Mapping[str, Any]] = {}  # which model the agent calls is its own affair
    settings = (
        Setting("url", "Address", hint="Where the agent listens; https://…", is_required=True),
        Setting("method", "Method", SELECT, default="POST", options=METHODS),
        Setting(
            "headers", "Headers", OBJECT,
            hint="Sent with the request; {{env.NAME}} takes a variable, which may be a secret",
        ),
        Setting("payloadTemplate", "Payload", OBJECT, hint="Sent with agentId, runId and context laid over it"),
        Setting(
            "timeoutMs", "Time limit", NUMBER, default=DEFAULT_TIMEOUT_MS,
            hint="Milliseconds to wait for the answer; 0 is no limit", least=0, most=24 * 3600 * 1000,
        ),
        Setting(
            "completion", "A run ends", SELECT, default=ACCEPTED, options=(ACCEPTED, CALLBACK),
            hint="When the agent has taken it, or when the agent calls back",
        ),
        Setting(
            "callbackTimeoutSec", "Time for the call back", NUMBER, default=CALLBACK_TIMEOUT_SECONDS,
            hint="Seconds; 0 is no limit", least=0, most=30 * 24 * 3600,
        ),
        Setting("env", "Variables", OBJECT, hint="Values for {{env.NAME}}; secrets by reference"),
    )  # fmt: skip

    def spec(self, assignment: Assignment) -> Program:
        """Return the program that makes the request. Raises ConfigError for a configuration that makes none."""
        config = assignment.config
        url, method = text(config, "url"), (text(config, "method") or "POST").upper()
        if url is None:
            raise ConfigError("The agent's adapterConfig has no `url`: name the address to call")
        if method not in METHODS:
            raise ConfigError(f"`method` of the agent's adapterConfig must be one of {', '.join(METHODS)}")
        timeout = max(number(config, "timeoutMs", DEFAULT_TIMEOUT_MS), 0) / 1000
        waits = text(config, "completion") == CALLBACK
        data = _data(assignment)
        headers = _headers(assignment, data)
        request = {
            "url": templates.fill(url, data),
            "method": method,
            "headers": list(headers),
            "body": None if method in _BODILESS else _body(assignment, data, waits=waits),
            "timeoutSeconds": _own_limit(timeout, waits=waits),
            "reports": f"{_api(assignment)}/events" if waits else None,
            "allow": [str(network) for network in django_settings.OUTBOUND_ALLOW],
        }
        secrets = {sender.HEADER + str(place): value for place, value in enumerate(headers.values())}
        secrets[sender.REQUEST] = json.dumps(request)
        return Program(
            argv=[sys.executable, "-I", str(Path(sender.__file__))],
            environment={**assignment.environment, **secrets},
            cwd=Path("/"),
            timeout_seconds=max(number(config, "callbackTimeoutSec", CALLBACK_TIMEOUT_SECONDS), 0)
            if waits
            else timeout,
            grace_seconds=1,
            memo={"method": method, "url": _shown(url), "waits": waits},
            secret_names=[sender.REQUEST, *_masked(headers)],
        )

    def parse(self, ended: Ended) -> Result:
        """Return what came of the request: taken, refused for now, or refused."""
        name = f"HTTP {ended.memo.get('method', 'request')} {ended.memo.get('url', '')}".rstrip()
        if ended.timed_out:
            message = f"{name} timed out after {round(ended.timeout_seconds * 1000)}ms"
            return Result(error_message=message, error_code="timeout")
        said = next((event for event in streams.events(ended.printed) if event.get("type") == "result"), None)
        if said is None:
            why = last_telling_line(ended.stderr)
            message = f"{name} was not made: the sender {ended.how}" + (f": {why}" if why else "")
            return Result(error_message=message)
        status = said.get("status")
        if not isinstance(status, int):
            return _unanswered(name, said)
        kept = {"httpStatus": status, "body": streams.text(said, "body")}
        if 200 <= status < 300 and ended.exit_code == 0:
            if ended.memo.get("waits"):
                return _reported(name, streams.part(said, "callback"), kept)
            return Result(summary=f"{name}: taken with status {status}", result_json=kept)
        return _refused(status, said, kept, ended)

    def look(self, config: Mapping[str, Any], *, may_start: bool) -> Iterator[Check]:
        """Yield whether the address can be called; it is asked for its head (A-75)."""
        return looks.look(config)


def _reported(name: str, said: streams.Event, kept: dict[str, Any]) -> Result:
    """Return what the agent itself reported of the end of its run; without a word of it nothing is a success."""
    if not said:
        return Result(error_message=f"{name} was taken, and nothing was reported of it", result_json=kept)
    cents = streams.count(said, "costCents")
    used = Usage(
        input_tokens=streams.count(said, "inputTokens"),
        output_tokens=streams.count(said, "outputTokens"),
        cached_input_tokens=streams.count(said, "cachedInputTokens"),
        is_of_run=True,
    )
    report = Result(
        usage=used if used != Usage(is_of_run=True) else None,
        cost_usd=cents / 100 if cents else None,
        provider=streams.text(said, "provider"),
        model=streams.text(said, "model"),
        summary=streams.text(said, "summary"),
        result_json=kept,
    )
    if said.get("status") == "succeeded":
        return report
    why = streams.text(said, "error") or "no reason is given"
    return replace(report, error_message=f"The agent reported a failure: {why}")


def _unanswered(name: str, said: streams.Event) -> Result:
    """Return the failure of a request that got no answer: one that may not be made will not be made later either."""
    if (why := streams.text(said, "refused")) is not None:
        return Result(error_message=f"{name} may not be made: {why}", error_code="http_address_refused")
    why = streams.text(said, "failed") or "no reason is known"
    return Result(error_message=f"{name} failed: {why}", error_family=upstream.TRANSIENT)


def _refused(status: int, said: streams.Event, kept: dict[str, Any], ended: Ended) -> Result:
    message = f"HTTP invoke failed with status {status}"
    if 300 <= status < 400:
        return Result(error_message=f"{message}: redirects are not followed", result_json=kept)
    failed = Result(error_message=message, result_json=kept)
    if not upstream.by_status(status).is_transient:
        return failed
    not_before = _retry_after(streams.part(said, "headers").get("retry-after"), ended.ended_at)
    return replace(failed, error_family=upstream.TRANSIENT, retry_not_before=not_before)


def _retry_after(value: Any, ended_at: datetime | None) -> datetime | None:
    """Return the time that a `Retry-After` header names: seconds from now, or a date."""
    if not isinstance(value, str):
        return None
    try:
        if value.strip().isdecimal():
            return (ended_at or datetime.now(UTC)) + timedelta(seconds=int(value))
        found = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _data(assignment: Assignment) -> dict[str, Any]:
    """Return what templates may speak of: what all may, and the configured variables."""
    env = {name: assignment.environment.get(name) for name in assignment.configured}
    return {**templates.data_of(assignment), "env": env}


def _api(assignment: Assignment) -> str:
    """Return where the run stands in this installation's API."""
    return f"{assignment.environment['PAPERCLIP_API_URL']}/api/heartbeat-runs/{assignment.run_id}"


def _own_limit(timeout: float, *, waits: bool) -> float:
    """Return for how many seconds the sender itself waits for the answer.

    A run that waits for a call back is longer than its request; any other is ended by the shim first.
    """
    if not timeout:
        return _NO_LIMIT_SECONDS
    return timeout if waits else timeout + _SPARE_SECONDS


def _body(assignment: Assignment, data: Mapping[str, Any], *, waits: bool) -> str:
    """Return the JSON that is sent; who is called, in which run and why cannot be overwritten (A-16)."""
    payload = templates.fill_all(dict(mapping(assignment.config, "payloadTemplate")), data)
    always: dict[str, Any] = {
        "agentId": assignment.agent_id,
        "runId": assignment.run_id,
        "context": assignment.context.to_json(),
    }
    if waits:
        token = assignment.environment["PAPERCLIP_API_KEY"]
        always["callback"] = {"url": f"{_api(assignment)}/callback", "token": token}
    return json.dumps({"companyId": assignment.company_id, **payload, **always})


def _headers(assignment: Assignment, data: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers: ours, then the configured ones in place of any of the same name (AW-24).

    Raises ConfigError for a name that is none, and for a value that would begin another header.
    """
    headers = {
        "content-type": "application/json",
        "idempotency-key": assignment.run_id,
        "x-paperclip-run-id": assignment.run_id,
    }
    for name, value in mapping(assignment.config, "headers").items():
        if not isinstance(value, str):
            continue
        filled = templates.fill(value, data)
        if not _HEADER_NAME.fullmatch(name):
            raise ConfigError("`headers` of the agent's adapterConfig has a name that is none")
        if any(ord(letter) < 32 and letter != "\t" for letter in filled):
            raise ConfigError(f"The header {name} of the agent's adapterConfig holds a line end")
        headers[name.lower()] = filled
    return headers


def _masked(headers: Mapping[str, str]) -> list[str]:
    """Return the variables of the headers that were configured: any of them may be a secret."""
    ours = ("content-type", "idempotency-key", "x-paperclip-run-id")
    return [sender.HEADER + str(place) for place, name in enumerate(headers) if name not in ours]


def _shown(url: str) -> str:
    """Return an address without the parts that may hold a secret."""
    try:
        parts = urlsplit(url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    except ValueError:
        return ""


ADAPTER = HttpAdapter()
