"""The parent's side of a run directory: `<runs root>/<run id>/`, mode 0700, files 0600.

The shim owns the agent (see `shim.py`); this module makes the directory, starts the shim, and reads what
it left: `started.json` once the agent runs, `log.ndjson` as it grows, `exit.json` last of all. Whether the
shim lives is answered by the lock on `alive` alone: held is alive, free is dead, no file is never started.
A missing file reads as None; a file that is not what it should be raises `RunFileInvalid`, so that an
unknown exit can never be taken for a success.
"""

import contextlib
import fcntl
import importlib.util
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from heartbeat.runner import shim

RUN_ID_VARIABLE = "PAPERCLIP_RUN_ID"
RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
EXCERPT_BYTES = 32 * 1024
BLOCK_BYTES = 64 * 1024


class RunDirError(Exception):
    """A run directory cannot be used as asked."""


class RunFileInvalid(RunDirError):
    """A file of a run directory does not hold what it should."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path.name} of run {path.parent.name}: {reason}")
        self.path = path
        self.reason = reason


class AlreadyStarted(RunDirError):
    """The run's shim was started before; a run is never started twice."""


class ShimAlive(RunDirError):
    """The run's shim lives, so its directory and its processes are its own."""


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What to run: no secrets, those go into the environment. `timeout_sec` 0 is no limit.

    `mask_env` names the variables whose values must not appear in the log; `notes` open the log.
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


@dataclass(frozen=True, kw_only=True)
class LogPage:
    """A piece of the log. `offset` is the byte after it; `next_offset` is None when no more is there yet.

    `end` says that the log is complete as well: nothing will ever follow this page.
    """

    content: str
    offset: int
    next_offset: int | None
    end: bool


@dataclass(frozen=True, kw_only=True)
class LogStat:
    """Size of the log in bytes, and when it was last written (seconds since 1970)."""

    bytes: int
    modified_at: float


def create(runs_root: Path, run_id: str, spec: Spec, env: Mapping[str, str]) -> "RunDir":
    """Make the directory of a run, ready for `start_shim`.

    The environment gets the run id under PAPERCLIP_RUN_ID, by which leftovers are recognised later.
    Raises ValueError for an unusable id or a spec of another run, AlreadyStarted when the directory
    exists, OSError when the disk refuses, in which case nothing is left behind.
    """
    _check_run_id(run_id)
    if spec.run_id != run_id:
        raise ValueError(f"the spec is of run {spec.run_id}, not of {run_id}")
    runs_root.mkdir(mode=0o700, parents=True, exist_ok=True)
    rundir = RunDir(runs_root / run_id)
    try:
        rundir.path.mkdir(mode=0o700)
    except FileExistsError as error:
        raise AlreadyStarted(f"run {run_id} has a directory already") from error
    try:
        rundir._write(shim.SPEC_FILE, _to_json({"version": shim.VERSION, **_camel_keys(asdict(spec))}))
        rundir._write(shim.RESERVE_FILE, b"\0" * shim.RESERVE_BYTES)
        rundir._write(shim.ENV_FILE, _to_json({**env, RUN_ID_VARIABLE: run_id}))
    except OSError:
        rundir.remove()
        raise
    return rundir


_Proof = TypeVar("_Proof")


def start_shim(rundir: "RunDir") -> "subprocess.Popen[bytes]":
    """Start the shim of a run as a program of its own, which the caller must collect; see `start_shim_by`."""
    return start_shim_by(_launch, rundir)


def start_shim_by(launch: "Callable[[RunDir, int, int], _Proof]", rundir: "RunDir") -> _Proof:
    """Start the shim of a run; its lock is held before it exists, so it never looks dead in between.

    `launch` is given the directory, the held lock and the file for the shim's errors, starts the shim with copies of
    both, and what it returns is returned. Raises AlreadyStarted for a run that was started before, OSError when no
    process can be started.
    """
    errors = os.open(rundir.path / shim.SHIM_ERRORS_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        fd = rundir._lock_alive()
        try:
            return launch(rundir, fd, errors)
        except OSError:
            (rundir.path / shim.ALIVE_FILE).unlink()
            raise
        finally:
            os.close(fd)
    finally:
        os.close(errors)


def _launch(rundir: "RunDir", lock_fd: int, errors_fd: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(shim_program()), str(rundir.path), str(lock_fd)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors_fd,
        pass_fds=(lock_fd,),
        start_new_session=True,
        env=shim_environment(),
        cwd="/",
    )


def shim_program() -> Path:
    """Return the file to start the shim from: its compiled form where that is current.

    A program that is run is compiled anew each time, which for the shim takes longer than all its work.
    """
    source = Path(shim.__file__)
    compiled = Path(importlib.util.cache_from_source(str(source)))
    try:
        with compiled.open("rb") as file:
            header = file.read(16)
    except FileNotFoundError:
        return source
    stat = source.stat()
    expected = importlib.util.MAGIC_NUMBER + b"\0\0\0\0"
    for number in (int(stat.st_mtime), stat.st_size):
        expected += (number & 0xFFFFFFFF).to_bytes(4, "little")
    return compiled if header == expected else source


class RunDir:
    """A run directory that exists; make one with `create` or `RunDir.open`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def open(cls, runs_root: Path, run_id: str) -> "RunDir | None":
        """Return the directory of a run, None when there is none. Raises ValueError for an unusable id."""
        _check_run_id(run_id)
        path = runs_root / run_id
        return cls(path) if path.is_dir() else None

    @property
    def run_id(self) -> str:
        """The run's id, which is the directory's name."""
        return self.path.name

    # Life and death of the shim.

    def was_started(self) -> bool:
        """True once a shim was given this run, whatever became of it."""
        return (self.path / shim.ALIVE_FILE).exists()

    def has_exit(self) -> bool:
        """True once the shim wrote how the run ended, readable or not."""
        return (self.path / shim.EXIT_FILE).exists()

    def is_alive(self) -> bool:
        """True while the shim lives; never blocks."""
        try:
            fd = os.open(self.path / shim.ALIVE_FILE, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False

    def request_cancel(self, reason: str) -> bool:
        """Ask the shim to end the agent: SIGTERM, grace, SIGKILL. Asking again changes nothing.

        Returns True when the shim was signalled. False means that it is dead, or so young that it will
        find the request before it starts the agent. Raises OSError when the disk refuses the request and
        no shim could be signalled either; a live one is cancelled on a full disk too.
        """
        refusal = None
        try:
            self._leave_cancel(reason)
        except OSError as error:
            refusal = error
        pid = self._shim_pid()
        is_signalled = pid is not None and _signal_if(pid, signal.SIGTERM, self._is_own_shim)
        if refusal and not is_signalled:
            raise refusal
        return is_signalled

    def _leave_cancel(self, reason: str) -> None:
        cancel = self.path / shim.CANCEL_FILE
        if cancel.exists():
            return
        temporary = self.path / f"{shim.CANCEL_FILE}.{os.getpid()}.tmp"
        temporary.unlink(missing_ok=True)
        self._write(temporary.name, reason.encode("utf-8", "replace"))
        temporary.rename(cancel)

    def read_cancel(self) -> str | None:
        """Return the reason of a requested cancellation."""
        data = self._read(shim.CANCEL_FILE)
        return None if data is None else data.decode("utf-8", "replace")

    def kill_leftovers(self, grace_seconds: float = 2.0) -> int:
        """After the shim died: end what carries this run's id in its environment, and its group.

        SIGTERM first, SIGKILL to what is left after the grace. Returns how many processes were
        signalled. Raises ShimAlive while the shim lives, whose processes these are (H-139).
        """
        if self.is_alive():
            raise ShimAlive(f"the shim of run {self.run_id} lives")
        started = self.read_started()
        group = started.process_group_id if started else None
        killed: set[int] = set()
        deadline = time.monotonic() + grace_seconds
        for number, until in ((signal.SIGTERM, deadline), (signal.SIGKILL, deadline + 5.0)):
            # A process on its way out shows no environment any more, and is waited for all the same.
            while targets := self._leftovers(group) or [pid for pid in killed if _is_running(pid)]:
                for pid in targets:
                    # A second SIGTERM makes many programs skip their own clean-up: one is enough.
                    is_due = number == signal.SIGKILL or pid not in killed
                    if is_due and _signal_if(pid, number, self._is_leftover(group)):
                        killed.add(pid)
                if not _wait_gone(targets, until):
                    break
        return len(killed)

    def discard_env(self) -> None:
        """Remove an environment that no shim will read any more: it holds secrets."""
        (self.path / shim.ENV_FILE).unlink(missing_ok=True)

    def remove(self) -> None:
        """Delete the directory. Raises ShimAlive while the shim lives."""
        if self.is_alive():
            raise ShimAlive(f"the shim of run {self.run_id} lives")
        shutil.rmtree(self.path)

    # What the shim wrote.

    def read_spec(self) -> Spec | None:
        """Return what the run was given to run. Raises RunFileInvalid."""
        record = self._read_record(shim.SPEC_FILE)
        if record is None:
            return None
        with self._strictly(shim.SPEC_FILE):
            _expect(record.get("version") == shim.VERSION, "unknown version")
            argv = record["argv"]
            _expect(isinstance(argv, list) and all(isinstance(word, str) for word in argv), "argv")
            return Spec(
                run_id=_text(record, "runId"),
                argv=tuple(argv),
                cwd=_text(record, "cwd"),
                stdin=_optional_text(record, "stdin"),
                timeout_sec=_number(record, "timeoutSec"),
                grace_sec=_number(record, "graceSec"),
                max_log_bytes=_count(record, "maxLogBytes"),
                adapter_type=_text(record, "adapterType"),
                claim_token=_text(record, "claimToken"),
                mask_env=tuple(record.get("maskEnv", ())),
                notes=tuple(record.get("notes", ())),
            )

    def read_started(self) -> Started | None:
        """Return the agent's process, None before it was started. Raises RunFileInvalid."""
        record = self._read_record(shim.STARTED_FILE)
        if record is None:
            return None
        with self._strictly(shim.STARTED_FILE):
            return Started(
                pid=_count(record, "pid"),
                process_group_id=_count(record, "processGroupId"),
                started_at=_text(record, "startedAt"),
            )

    def read_exit(self) -> Exit | None:
        """Return how the run ended, None before it has. Raises RunFileInvalid: then nobody knows how."""
        record = self._read_record(shim.EXIT_FILE)
        if record is None:
            return None
        with self._strictly(shim.EXIT_FILE):
            _expect(record.get("version") == shim.VERSION, "unknown version")
            exit_ = _exit_of(record)
            says_how = exit_.error or exit_.cancelled or exit_.signal or exit_.exit_code is not None
            _expect(bool(says_how), "it does not say how the program ended")
            _expect(exit_.exit_code is None or exit_.signal is None, "both an exit code and a signal")
            return exit_

    # The log.

    def log_stat(self) -> LogStat | None:
        """Return size and age of the log, None before there is one."""
        try:
            stat = (self.path / shim.LOG_FILE).stat()
        except FileNotFoundError:
            return None
        return LogStat(bytes=stat.st_size, modified_at=stat.st_mtime)

    def read_log(self, offset: int, limit_bytes: int) -> LogPage:
        """Return whole lines of the log from a byte offset on, about `limit_bytes` of them (H-175, K-34).

        A line longer than the limit is cut between characters. The first part of a line that is still
        being written is held back; of a dead shim's log everything is returned. Raises ValueError for
        a negative offset or a limit below 1.
        """
        if offset < 0 or limit_bytes < 1:
            raise ValueError("offset must be at least 0 and limit_bytes at least 1")
        is_final = (
            self.was_started() and not self.is_alive()
        )  # asked before reading: what a dead shim wrote is all there is
        try:
            with (self.path / shim.LOG_FILE).open("rb") as file:
                file.seek(offset)
                data = file.read(limit_bytes + 1)
                cut = data.rfind(b"\n", 0, limit_bytes) + 1
                if not cut and len(data) > limit_bytes:
                    data += file.read(3)  # the rest of a character, should the limit be smaller than one
                    cut = _character_cut(data, limit_bytes)
                if not cut and is_final:
                    cut = len(data)
        except FileNotFoundError:
            data, cut = b"", 0
        end = offset + cut
        stat = self.log_stat()
        has_more = cut > 0 and stat is not None and end < stat.bytes and (is_final or self._has_line(end))
        return LogPage(
            content=data[:cut].decode("utf-8", "replace"),
            offset=end,
            next_offset=end if has_more else None,
            end=is_final and not has_more,
        )

    def tail_excerpt(self, stream: str, limit_bytes: int = EXCERPT_BYTES) -> str:
        """Return the end of what the agent wrote to `stdout` or `stderr`, at most `limit_bytes` of UTF-8.

        Reads backwards and keeps no more than that in memory. Raises RunFileInvalid for a log entry
        that cannot be read, unless it is a last one that its dead writer did not finish.
        """
        parts: list[bytes] = []
        size = 0
        for line in self._lines_backwards():
            chunk = self._chunk_of(line, stream)
            parts.append(chunk)
            size += len(chunk)
            if size >= limit_bytes:
                break
        text = b"".join(reversed(parts))[-limit_bytes:] if limit_bytes > 0 else b""
        return text.decode("utf-8", "ignore")  # only a first character that was cut can be ignored here

    def _has_line(self, offset: int) -> bool:
        with (self.path / shim.LOG_FILE).open("rb") as file:
            file.seek(offset)
            while block := file.read(BLOCK_BYTES):
                if b"\n" in block:
                    return True
        return False

    def _lines_backwards(self) -> Iterator[bytes]:
        """Yield the complete lines of the log, newest first."""
        stat = self.log_stat()
        if stat is None:
            return
        with (self.path / shim.LOG_FILE).open("rb") as file:
            position, rest, is_unfinished = stat.bytes, b"", True
            while position > 0:
                start = max(0, position - BLOCK_BYTES)
                file.seek(start)
                rest = file.read(position - start) + rest
                position = start
                lines = rest.split(b"\n")
                rest = lines[0]
                for line in reversed(lines[1:]):
                    if not is_unfinished:
                        yield line
                    is_unfinished = False
            if not is_unfinished:
                yield rest

    def _chunk_of(self, line: bytes, stream: str) -> bytes:
        with self._strictly(shim.LOG_FILE):
            # Most lines of a long log can be the other stream's: a look at the shim's fixed beginning
            # (a time stamp has 24 characters) spares parsing those.
            if line[33:].startswith(b'"stream":') and not line[42:].startswith(f'"{stream}"'.encode()):
                return b""
            record = json.loads(line)
            return _text(record, "chunk").encode() if record["stream"] == stream else b""

    # Tools.

    def _write(self, name: str, data: bytes) -> None:
        fd = os.open(self.path / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            shim.write_whole(fd, data)
        finally:
            os.close(fd)

    def _read(self, name: str) -> bytes | None:
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            return None

    def _read_record(self, name: str) -> dict[str, Any] | None:
        data = self._read(name)
        if data is None:
            return None
        with self._strictly(name):
            record = json.loads(data)
            _expect(isinstance(record, dict), "not an object")
            return dict(record)

    @contextlib.contextmanager
    def _strictly(self, name: str) -> Iterator[None]:
        """Turn whatever is wrong with the content of a file into RunFileInvalid."""
        try:
            yield
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise RunFileInvalid(self.path / name, f"{type(error).__name__}: {error}") from error

    def _lock_alive(self) -> int:
        """Put a locked `alive` in place in one step and return its descriptor."""
        temporary = self.path / f"{shim.ALIVE_FILE}.{os.getpid()}.tmp"
        temporary.unlink(missing_ok=True)
        fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Unlike a rename, a link fails when the name is taken: of two starters one loses.
            os.link(temporary, self.path / shim.ALIVE_FILE)
        except OSError as error:
            os.close(fd)
            if isinstance(error, FileExistsError):
                raise AlreadyStarted(f"run {self.run_id} was started before") from error
            raise
        finally:
            temporary.unlink()
        return fd

    def _shim_pid(self) -> int | None:
        record = self._read_record(shim.PID_FILE)
        if record is None:
            return None
        with self._strictly(shim.PID_FILE):
            return _count(record, "pid")

    def _is_own_shim(self, pid: int) -> bool:
        return _holds_open(pid, self.path / shim.ALIVE_FILE) and self.is_alive()

    def _leftovers(self, group: int | None) -> list[int]:
        """Return the processes marked as this run's, and with them the rest of the agent's group."""
        pids = [pid for pid in _all_pids() if pid != os.getpid()]
        marked = [pid for pid in pids if self._is_marked(pid)]
        # The group id may be a stranger's by now, unless someone in it is proven to be ours.
        if group is None or not any(_group_of(pid) == group for pid in marked):
            return marked
        return [pid for pid in pids if pid in marked or _group_of(pid) == group and _is_running(pid)]

    def _is_leftover(self, group: int | None) -> Callable[[int], bool]:
        return lambda pid: self._is_marked(pid) or (group is not None and _group_of(pid) == group)

    def _is_marked(self, pid: int) -> bool:
        return f"{RUN_ID_VARIABLE}={self.run_id}".encode() in _environment(pid)


# -- reading records --------------------------------------------------------------------------------


def _exit_of(record: Mapping[str, Any]) -> Exit:
    error = record["error"]
    code = record["exitCode"]
    last_stream = _optional_text(record, "lastOutputStream")
    _expect(last_stream in (None, "stdout", "stderr"), "lastOutputStream")
    return Exit(
        pid=None if record["pid"] is None else _count(record, "pid"),
        exit_code=None if code is None else _count(record, "exitCode"),
        signal=_optional_text(record, "signal"),
        timed_out=_flag(record, "timedOut"),
        cancelled=_flag(record, "cancelled"),
        started_at=_optional_text(record, "startedAt"),
        finished_at=_text(record, "finishedAt"),
        error=None
        if error is None
        else ExitError(code=_text(error, "code"), message=_text(error, "message")),
        stdout_bytes=_count(record, "stdoutBytes"),
        stderr_bytes=_count(record, "stderrBytes"),
        stdout_lines=_count(record, "stdoutLines"),
        stderr_lines=_count(record, "stderrLines"),
        log_bytes=_count(record, "logBytes"),
        log_sha256=_text(record, "logSha256"),
        truncated=_flag(record, "truncated"),
        last_output_at=_optional_text(record, "lastOutputAt"),
        last_output_stream=last_stream,
        output_seq=_count(record, "outputSeq"),
        leftover_processes=_count(record, "leftoverProcesses"),
    )


def _expect(is_so: bool, what: str) -> None:
    if not is_so:
        raise ValueError(what)


def _text(record: Mapping[str, Any], key: str) -> str:
    value = record[key]
    if not isinstance(value, str):
        raise ValueError(key)
    return value


def _optional_text(record: Mapping[str, Any], key: str) -> str | None:
    return None if record[key] is None else _text(record, key)


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


def _to_json(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record).encode()  # in ASCII, so that bytes of an environment that are not UTF-8 survive


def _camel_keys(record: Mapping[str, Any]) -> dict[str, Any]:
    return {re.sub(r"_(\w)", lambda match: match[1].upper(), key): value for key, value in record.items()}


def _check_run_id(run_id: str) -> None:
    if not RUN_ID.fullmatch(run_id):
        raise ValueError("a run id is up to 64 letters, digits, hyphens and underscores")


def shim_environment() -> dict[str, str]:
    """What a Python needs to find its libraries. The runner's own variables are not the shim's business."""
    names = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH")
    return {name: os.environ[name] for name in names if name in os.environ}


def _character_cut(data: bytes, limit: int) -> int:
    """Return a cut between characters at or before `limit`, or after the first character."""
    cut = shim.character_end(bytearray(data), limit)
    return cut or next((end for end in range(1, len(data)) if data[end] & 0xC0 != 0x80), len(data))


# -- other processes --------------------------------------------------------------------------------


def _all_pids() -> list[int]:
    if sys.platform == "linux":
        return [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()]
    import psutil

    return psutil.pids()


def _proc_file(pid: int, name: str) -> list[bytes]:
    """Return the NUL-separated words of a file of /proc; none of a process that is gone or a stranger's."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []


def _environment(pid: int) -> list[bytes]:
    if sys.platform == "linux":
        return _proc_file(pid, "environ")
    import psutil

    try:
        return [f"{name}={value}".encode() for name, value in psutil.Process(pid).environ().items()]
    except psutil.Error:
        return []


def _holds_open(pid: int, path: Path) -> bool:
    """True when the process has the file open; False for one that is gone, or a stranger's."""
    if sys.platform != "linux":
        import psutil

        try:
            return any(Path(each.path).samefile(path) for each in psutil.Process(pid).open_files())
        except psutil.Error:
            return False
    try:
        return any(each.exists() and each.samefile(path) for each in Path(f"/proc/{pid}/fd").iterdir())
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False


def _is_running(pid: int) -> bool:
    """True unless the process is gone or merely waits to be collected by its parent."""
    if sys.platform == "linux":
        status = b"\0".join(_proc_file(pid, "stat"))
        return bool(status) and status.rpartition(b") ")[2][:1] not in (b"Z", b"X")
    import psutil

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def _signal_if(pid: int, number: int, is_right: Callable[[int], bool]) -> bool:
    """Signal a process after proving that it is the right one; True when it was signalled.

    Where the platform has process descriptors, the pid cannot change hands between proof and signal.
    """
    try:
        if sys.platform != "linux":
            if not is_right(pid):
                return False
            os.kill(pid, number)
            return True
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if not is_right(pid):
            return False
        signal.pidfd_send_signal(fd, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(fd)
    return True


def _wait_gone(pids: list[int], until: float) -> bool:
    """Wait until one of the processes has ended; False when `until` (monotonic) comes first."""
    if sys.platform != "linux":
        import psutil

        left = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
        gone, _ = psutil.wait_procs(left, timeout=max(0.0, until - time.monotonic()))
        return bool(gone) or not left
    poll = select.poll()
    fds = []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            fds.append(os.pidfd_open(pid))
    for fd in fds:
        poll.register(fd, select.POLLIN)
    try:
        return len(fds) < len(pids) or bool(poll.poll(max(0.0, until - time.monotonic()) * 1000))
    finally:
        for fd in fds:
            os.close(fd)
