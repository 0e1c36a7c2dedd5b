"""What the files of a run directory say, and what makes one of them unusable.

A file that is not what it should be raises, so that an unknown exit can never be taken for a success.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from heartbeat.runner import shim


class RunFileInvalid(Exception):
    """A file of a run directory does not hold what it should."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path.name} of run {path.parent.name}: {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What to run: no secrets, those go into the environment. `timeout_sec` 0 is no limit.

    `mask_env` names the variables whose values must not appear in the log; `notes` open the log. `memo` is the
    adapter's own, for reading the end of the program.
    """

    run_id: str
    argv: tuple[str, ...]
    cwd: str
    stdin: str | None
    timeout_sec: float
    grace_sec: float
    max_log_bytes: int
    adapter_type: str
    claim_token: str
    mask_env: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    memo: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Started:
    """The agent program as it was started; `started_at` is ISO 8601 in UTC."""

    pid: int
    process_group_id: int
    started_at: str


@dataclass(frozen=True, kw_only=True)
class ExitError:
    """Why the run went wrong apart from the agent's own exit: a code of `shim` and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Exit:
    """How the run ended. Exit code and signal are both None when no program was started."""

    pid: int | None
    exit_code: int | None
    signal: str | None
    timed_out: bool
    cancelled: bool
    started_at: str | None
    finished_at: str
    error: ExitError | None
    stdout_bytes: int
    stderr_bytes: int
    stdout_lines: int
    stderr_lines: int
    log_bytes: int
    log_sha256: str
    truncated: bool
    last_output_at: str | None
    last_output_stream: str | None
    output_seq: int
    leftover_processes: int


def read_spec(path: Path) -> Spec | None:
    """Return what the run was given to run. Raises RunFileInvalid, as all of these do."""
    record = _read(path)
    if record is None:
        return None
    with strictly(path):
        expect(record.get("version") == shim.VERSION, "unknown version")
        argv = record["argv"]
        expect(isinstance(argv, list) and all(isinstance(word, str) for word in argv), "argv")
        return Spec(
            run_id=text(record, "runId"),
            argv=tuple(argv),
            cwd=text(record, "cwd"),
            stdin=_optional_text(record, "stdin"),
            timeout_sec=_number(record, "timeoutSec"),
            grace_sec=_number(record, "graceSec"),
            max_log_bytes=_count(record, "maxLogBytes"),
            adapter_type=text(record, "adapterType"),
            claim_token=text(record, "claimToken"),
            mask_env=tuple(record.get("maskEnv", ())),
            notes=tuple(record.get("notes", ())),
            memo=dict(record.get("memo", {})),
        )


def read_started(path: Path) -> Started | None:
    """Return the agent's process, None before it was started."""
    record = _read(path)
    if record is None:
        return None
    with strictly(path):
        return Started(
            pid=_count(record, "pid"),
            process_group_id=_count(record, "processGroupId"),
            started_at=text(record, "startedAt"),
        )


def read_exit(path: Path) -> Exit | None:
    """Return how the run ended, None before it has. When it raises, nobody knows how."""
    record = _read(path)
    if record is None:
        return None
    with strictly(path):
        expect(record.get("version") == shim.VERSION, "unknown version")
        exit_ = _exit_of(record)
        says_how = exit_.error or exit_.cancelled or exit_.signal or exit_.exit_code is not None
        expect(bool(says_how), "it does not say how the program ended")
        expect(exit_.exit_code is None or exit_.signal is None, "both an exit code and a signal")
        return exit_


def read_shim_pid(path: Path) -> int | None:
    """Return the pid the shim wrote down, None before it did."""
    record = _read(path)
    if record is None:
        return None
    with strictly(path):
        return _count(record, "pid")


@contextlib.contextmanager
def strictly(path: Path) -> Iterator[None]:
    """Turn whatever is wrong with the content of a file into RunFileInvalid."""
    try:
        yield
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RunFileInvalid(path, f"{type(error).__name__}: {error}") from error


def expect(is_so: bool, what: str) -> None:
    """Raise ValueError that names `what` is wrong unless it is as it should be."""
    if not is_so:
        raise ValueError(what)


def text(record: Mapping[str, Any], key: str) -> str:
    """Return a text of a record. Raises ValueError for anything else, KeyError when it is not there."""
    value = record[key]
    if not isinstance(value, str):
        raise ValueError(key)
    return value


def _read(path: Path) -> dict[str, Any] | None:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    with strictly(path):
        record = json.loads(data)
        expect(isinstance(record, dict), "not an object")
        return dict(record)


def _exit_of(record: Mapping[str, Any]) -> Exit:
    error = record["error"]
    code = record["exitCode"]
    last_stream = _optional_text(record, "lastOutputStream")
    expect(last_stream in (None, "stdout", "stderr"), "lastOutputStream")
    return Exit(
        pid=None if record["pid"] is None else _count(record, "pid"),
        exit_code=None if code is None else _count(record, "exitCode"),
        signal=_optional_text(record, "signal"),
        timed_out=_flag(record, "timedOut"),
        cancelled=_flag(record, "cancelled"),
        started_at=_optional_text(record, "startedAt"),
        finished_at=text(record, "finishedAt"),
        error=None if error is None else ExitError(code=text(error, "code"), message=text(error, "message")),
        stdout_bytes=_count(record, "stdoutBytes"),
        stderr_bytes=_count(record, "stderrBytes"),
        stdout_lines=_count(record, "stdoutLines"),
        stderr_lines=_count(record, "stderrLines"),
        log_bytes=_count(record, "logBytes"),
        log_sha256=text(record, "logSha256"),
        truncated=_flag(record, "truncated"),
        last_output_at=_optional_text(record, "lastOutputAt"),
        last_output_stream=last_stream,
        output_seq=_count(record, "outputSeq"),
        leftover_processes=_count(record, "leftoverProcesses"),
    )


def _optional_text(record: Mapping[str, Any], key: str) -> str | None:
    return None if record[key] is None else text(record, key)


def _count(record: Mapping[str, Any], key: str) -> int:
    value = record[key]
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(key)
    return value


def _number(record: Mapping[str, Any], key: str) -> float:
    value = record[key]
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(key)
    return value


def _flag(record: Mapping[str, Any], key: str) -> bool:
    value = record[key]
    if not isinstance(value, bool):
        raise ValueError(key)
    return value
