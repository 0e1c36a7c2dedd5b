"""What an adapter is: two pure functions around one program.

`spec` turns an agent and its context into the program to start, `parse` turns what the program left behind into a
result. Everything between (starting, following, stopping, finding again) is the same for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from heartbeat.adapters.settings import Setting
from heartbeat.context import WakeContext


class ConfigError(Exception):
    """The agent's configuration cannot be carried out; the message says what to change."""

    def __init__(self, message: str, *, code: str = "adapter_config_invalid") -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Task:
    """The issue a run is for, in words that people and agents wrote: to be quoted, never to be obeyed (A-31)."""

    reference: str
    title: str
    description: str | None = None
    work_mode: str | None = None


@dataclass(frozen=True)
class Instructions:
    """The file an agent works by (A-33). `text` is None when it could not be read; `fault` says why."""

    path: Path
    text: str | None = None
    fault: str | None = None


@dataclass(frozen=True)
class SkillFiles:
    """A skill a run is given: its files by their paths below the skill's folder (A-57)."""

    key: str
    name: str
    files: Mapping[str, str]


@dataclass(frozen=True)
class Materials:
    """What lies on this host for a run, read before its program is put together."""

    instructions: Instructions | None = None
    skills: Sequence[SkillFiles] = ()


@dataclass(frozen=True)
class Assignment:
    """All an adapter may know of the run it prepares. `environment` is complete; config `env` is already in it.

    `wake` is what called the agent (H-85). `bundles` is where folders of texts may be put for the company's programs.
    `configured` names the variables that people configured; `is_root` says that programs here run as root.
    """

    run_id: str
    agent_id: str
    agent_name: str
    company_id: str
    config: Mapping[str, Any]
    context: WakeContext
    cwd: Path
    environment: Mapping[str, str]
    session_params: Mapping[str, Any] | None = None
    wake: Mapping[str, Any] | None = None
    task: Task | None = None
    materials: Materials = field(default_factory=Materials)
    bundles: Path | None = None
    configured: frozenset[str] = frozenset()
    is_root: bool = False


@dataclass(frozen=True)
class Folder:
    """A folder of texts that must be there before the program starts; one of this path is never changed again."""

    path: Path
    files: Mapping[str, str]


@dataclass(frozen=True)
class Program:
    """The program to start. Times in seconds; a timeout of 0 means none.

    `notes` are for the log and for people. `memo` is handed back to `parse` when the program has ended; it is stored
    and holds no secrets. `secret_names` are variables of the adapter's own whose values must not be shown.
    `starts_fresh` says that the session the run was to go on with is left alone (A-22).
    """

    argv: Sequence[str]
    environment: Mapping[str, str]
    cwd: Path
    stdin: str | None = None
    timeout_seconds: float = 0
    grace_seconds: float = 15
    notes: Sequence[str] = ()
    memo: Mapping[str, Any] = field(default_factory=dict)
    secret_names: Sequence[str] = ()
    folder: Folder | None = None
    prompt_metrics: Mapping[str, int] = field(default_factory=dict)
    starts_fresh: bool = False


@dataclass(frozen=True)
class Ended:
    """What a program left behind. `stdout` and `stderr` are the ends of its output.

    `lines` are all lines of its standard output, where they can be had; `memo` is the program's own, `ended_at` when
    it ended.
    """

    exit_code: int | None
    signal: str | None
    timed_out: bool
    timeout_seconds: float
    stdout: str
    stderr: str
    lines: Iterable[str] | None = None
    memo: Mapping[str, Any] = field(default_factory=dict)
    ended_at: datetime | None = None

    @property
    def printed(self) -> Iterable[str]:
        """The lines of standard output, from the first one that is known."""
        return self.stdout.splitlines() if self.lines is None else self.lines

    @property
    def how(self) -> str:
        """How the program ended, as the end of a sentence."""
        return f"was killed by {self.signal}" if self.signal else f"exited with code {self.exit_code}"


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
    """One kind of agent program.

    `model_profiles` has settings for cheaper models, by profile (A-12); `settings` is what its configuration may hold,
    by which it is checked when saved and shown as a form (A-2).
    """

    type: str
    model_profiles: Mapping[str, Mapping[str, Any]]
    settings: Sequence[Setting]

    def spec(self, assignment: Assignment) -> Program:
        """Return the program for `assignment`. Raises ConfigError."""
        ...

    def parse(self, ended: Ended) -> Result:
        """Return what the program's end means."""
        ...

    def look(self, config: Mapping[str, Any], *, may_start: bool) -> Iterable[Check]:
        """Return what can be said of a configuration on this host before a run tries it (A-75). Takes seconds.

        Without `may_start` no program is started: which ones run here is the board's to decide.
        """
        ...


@dataclass(frozen=True)
class Check:
    """One finding about a configuration: `level` is info, warn or error."""

    code: str
    level: str
    message: str
    detail: str | None = None
    hint: str | None = None


def text(config: Mapping[str, Any], key: str) -> str | None:
    """Return a JSON text with something in it from the configuration, without the space around it (A-9)."""
    value = config.get(key)
    return value.strip() if isinstance(value, str) and value.strip() else None


def flag(config: Mapping[str, Any], key: str, default: bool = False) -> bool:
    """Return a JSON true or false from the configuration; anything else is the default (A-9)."""
    value = config.get(key)
    return value if isinstance(value, bool) else default


def mapping(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return a JSON object from the configuration; anything else is an empty one (A-9)."""
    value = config.get(key)
    return value if isinstance(value, Mapping) else {}


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
