"""Whether Claude Code could work on this host: program, folder, who pays, and a hello (A-75, A-76)."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from heartbeat.adapters import host, probes
from heartbeat.adapters.base import Check, Ended, text
from heartbeat.adapters.claude_local import verdict
from heartbeat.adapters.claude_local.command import COMMAND, flags, is_bedrock, surroundings

_PREFIX = "claude"
_HELLO = re.compile(r"\bhello\b", re.IGNORECASE)


def look(config: Mapping[str, Any], *, may_start: bool) -> Iterator[Check]:
    """Yield the findings about a configuration. Takes up to a minute where the program may be started."""
    command = text(config, "command") or COMMAND
    checks = [*host.folder_checks(_PREFIX, config), *host.program_checks(_PREFIX, config, command)]
    yield from checks
    yield _payer(config)
    if any(check.level == "error" for check in checks):
        return
    if not may_start:
        yield Check(
            "claude_hello_probe_skipped", "info", "Only people may have the program started for a look"
        )
        return
    if Path(command).name != COMMAND:
        message = f"The program is not named {COMMAND}, so it is not asked to say hello"
        yield Check("claude_hello_probe_skipped_custom_command", "info", message, detail=command)
        return
    yield _hello(config, command)


def _payer(config: Mapping[str, Any]) -> Check:
    """Return who will pay for the calls, as far as the configuration tells (B-53)."""
    environment = host.environment(config)
    if is_bedrock(environment):
        return Check("claude_bedrock_auth", "info", "The models are called through Amazon Bedrock")
    if environment.get("ANTHROPIC_API_KEY") or host.has_variable(config, "ANTHROPIC_API_KEY"):
        return Check(
            "claude_anthropic_api_key_overrides_subscription",
            "warn",
            "ANTHROPIC_API_KEY is set, so calls are paid by that key and not by a subscription",
            hint="Take it out of the environment to use the subscription the program is logged in with",
        )
    return Check(
        "claude_subscription_mode_possible", "info", "No API key is set: the program uses its own login"
    )


def _hello(config: Mapping[str, Any], command: str) -> Check:
    environment = surroundings(host.environment(config))
    given = flags(config, environment, is_root=host.is_root())
    with tempfile.TemporaryDirectory() as elsewhere:
        ended = probes.ask(
            [host.program(config, command) or command, *given.before, *given.flags],
            environment=environment,
            cwd=text(config, "cwd") or elsewhere,
        )
    return _judged(ended)


def _judged(ended: Ended) -> Check:
    result = verdict.of(ended)
    detail = probes.first_line(result.error_message or result.summary or "")
    if ended.timed_out:
        return Check(
            "claude_hello_probe_timed_out", "warn", "The program did not answer in time", detail=detail
        )
    if result.error_code == verdict.AUTH_REQUIRED:
        hint = "Run `claude` on this host as the runner's user and log in, or set ANTHROPIC_API_KEY"
        return Check(
            "claude_hello_probe_auth_required",
            "warn",
            "The program is not logged in",
            detail=detail,
            hint=hint,
        )
    if result.error_message is not None:
        return Check("claude_hello_probe_failed", "error", "The program failed to say hello", detail=detail)
    if not _HELLO.search(result.summary or ""):
        return Check(
            "claude_hello_probe_unexpected_output", "warn", "The program said something else", detail=detail
        )
    return Check("claude_hello_probe_passed", "info", "The program said hello", detail=detail)
