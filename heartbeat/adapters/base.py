"""What an adapter is: two pure functions around one program.

`spec` turns an agent and its context into the program to start, `parse` turns what the program left behind into a
result. Everything between (starting, following, stopping, finding again) is the same for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from heartbeat.context import WakeContext


class ConfigError(Exception):
    """The agent's configuration cannot be carried out; the message says what to change."""

    def __init__(self, message: str, *, code: str = "adapter_config_invalid") -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Assignment:
    """All an adapter may know of the run it prepares. `environment` is complete; config `env` is already in it."""

    run_id: str
    agent_id: str
    agent_name: str
    company_id: str
    config: Mapping[str, Any]
    context: WakeContext
    cwd: Path
    environment: Mapping[str, str]
    session_params: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Program:
    """The program to start. Times in seconds; a timeout of 0 means none."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    cwd: Path
    stdin: str | None = None
    timeout_seconds: float = 0
    grace_seconds: float = 15
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Ended:
    """What a program left behind. `stdout` and `stderr` are the ends of its output."""

    exit_code: int | None
    signal: str | None
    timed_out: bool
    timeout_seconds: float
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Usage:
    """Tokens as a program reports them: by default running totals of its session, of which a run has its share.

    `is_of_run` is for programs that count each run by itself.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    is_of_run: bool = False


@dataclass(frozen=True)
class Result:
    """What a run came to (A-5). `error_message` set means failed, whatever the exit code."""

    error_message: str | None = None
    error_code: str | None = None
    error_family: str | None = None
    retry_not_before: datetime | None = None
    usage: Usage | None = None
    cost_usd: float | None = None
    provider: str | None = None
    biller: str | None = None
    model: str | None = None
    billing_type: str | None = None
    session_params: Mapping[str, Any] | None = None
    session_display_id: str | None = None
    clear_session: bool = False
    result_json: Mapping[str, Any] = field(default_factory=dict)
    summary: str | None = None


class Adapter(Protocol):
    """One kind of agent program."""

    type: str

    def spec(self, assignment: Assignment) -> Program:
        """Return the program for `assignment`. Raises ConfigError."""
        ...

    def parse(self, ended: Ended) -> Result:
        """Return what the program's end means."""
        ...


def number(config: Mapping[str, Any], key: str, default: float) -> float:
    """Return a JSON number from the configuration; anything else is the default (A-9)."""
    value = config.get(key)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else default


def strings(config: Mapping[str, Any], key: str) -> list[str]:
    """Return a JSON array's strings from the configuration (A-9)."""
    value = config.get(key)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def last_telling_line(*texts: str, limit: int = 300) -> str | None:
    """Return the last line with a word in it of the first text that has one: what a person would look for."""
    for text in texts:
        for line in reversed(text.splitlines()):
            if any(character.isalnum() for character in line):
                return line.strip()[:limit]
    return None
