"""The parent's side of a run directory: `<runs root>/<run id>/`, mode 0700, files 0600.

The shim owns the agent (see `shim.py`); this module makes the directory, starts the shim, and reads what
it left: `started.json` once the agent runs, `log.ndjson` as it grows, `exit.json` last of all. Whether the
shim lives is answered by the lock on `alive` alone: held is alive, free is dead, no file is never started.
A missing file reads as None; a file that is not what it should be raises `RunFileInvalid`, so that an
unknown exit can never be taken for a success.
"""

import fcntl
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from heartbeat.runner import logs, processes, records, shim
from heartbeat.runner.logs import LogPage, LogStat
from heartbeat.runner.records import Exit, Spec, Started

RUN_ID_VARIABLE = "PAPERCLIP_RUN_ID"
RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
EXCERPT_BYTES = 32 * 1024
# Programs that print events write one to a line; a longer one is a picture, or no event.
LINE_CHARS = 8 * 1024 * 1024


class AlreadyStarted(Exception):
    """The run's shim was started before; a run is never started twice."""


class ShimAlive(Exception):
    """The run's shim lives, so its directory and its processes are its own."""


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
        pid = records.read_shim_pid(self.path / shim.PID_FILE)
        is_signalled = pid is not None and processes.signal_if(pid, signal.SIGTERM, self._is_own_shim)
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
            while targets := self._leftovers(group) or [pid for pid in killed if processes.is_running(pid)]:
                for pid in targets:
                    # A second SIGTERM makes many programs skip their own clean-up: one is enough.
                    is_due = number == signal.SIGKILL or pid not in killed
                    if is_due and processes.signal_if(pid, number, self._is_leftover(group)):
                        killed.add(pid)
                if not processes.wait_gone(targets, until):
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
        return records.read_spec(self.path / shim.SPEC_FILE)

    def read_started(self) -> Started | None:
        """Return the agent's process, None before it was started. Raises RunFileInvalid."""
        return records.read_started(self.path / shim.STARTED_FILE)

    def read_exit(self) -> Exit | None:
        """Return how the run ended, None before it has. Raises RunFileInvalid: then nobody knows how."""
        return records.read_exit(self.path / shim.EXIT_FILE)

    def log_stat(self) -> LogStat | None:
        """Return size and age of the log, None before there is one."""
        return logs.stat(self.path / shim.LOG_FILE)

    def read_log(self, offset: int, limit_bytes: int) -> LogPage:
        """Return whole lines of the log from a byte offset on; see `logs.page`."""
        # Asked before reading: what a dead shim wrote is all there is.
        is_final = self.was_started() and not self.is_alive()
        path = self.path / shim.LOG_FILE
        return logs.page(path, offset=offset, limit_bytes=limit_bytes, is_final=is_final)

    def tail_excerpt(self, stream: str, limit_bytes: int = EXCERPT_BYTES) -> str:
        """Return the end of what the agent wrote to `stdout` or `stderr`; see `logs.tail`."""
        return logs.tail(self.path / shim.LOG_FILE, stream, limit_bytes=limit_bytes)

    def lines(self, stream: str, most_chars: int = LINE_CHARS) -> Iterator[str]:
        """Yield the lines of what the agent wrote to `stdout` or `stderr`, from the first on; see `logs.lines`."""
        return logs.lines(self.path / shim.LOG_FILE, stream, most_chars=most_chars)

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

    def _is_own_shim(self, pid: int) -> bool:
        return processes.holds_open(pid, self.path / shim.ALIVE_FILE) and self.is_alive()

    def _leftovers(self, group: int | None) -> list[int]:
        """Return the processes marked as this run's, and with them the rest of the agent's group."""
        pids = [pid for pid in processes.all_pids() if pid != os.getpid()]
        marked = [pid for pid in pids if self._is_marked(pid)]
        # The group id may be a stranger's by now, unless someone in it is proven to be ours.
        if group is None or not any(processes.group_of(pid) == group for pid in marked):
            return marked
        return [
            pid
            for pid in pids
            if pid in marked or processes.group_of(pid) == group and processes.is_running(pid)
        ]

    def _is_leftover(self, group: int | None) -> Callable[[int], bool]:
        return lambda pid: self._is_marked(pid) or (group is not None and processes.group_of(pid) == group)

    def _is_marked(self, pid: int) -> bool:
        return f"{RUN_ID_VARIABLE}={self.run_id}".encode() in processes.environment(pid)


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
