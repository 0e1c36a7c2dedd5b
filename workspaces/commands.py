"""Running a program on the host for a short while: bounded in time and output, ended with all it started.

Nothing here knows workspaces, and nothing goes through a shell unless the caller's words are one.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

KEPT_BYTES = 256 * 1024
LINGER_SECONDS = 0.5
GRACE_SECONDS = 2.0
TRUNCATED = "[paperclip] earlier output was left out\n"

_READ_BYTES = 64 * 1024
_LOOK_SECONDS = 0.1
# Of the server's own environment these reach no program that is run for a workspace (W-65, WW-14).
_OWN_PREFIXES = ("PAPERCLIP_", "DJANGO_", "PG", "CLAUDE_CODE_")
_OWN_NAMES = frozenset(
    {
        "DATABASE_URL",
        "REDIS_URL",
        "CLAUDECODE",
        "npm_config_tailscale_auth",
        "npm_config_authenticated_private",
        # These would turn git to another repository than the one it is called for.
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_COMMON_DIR",
        "GIT_OBJECT_DIRECTORY",
        "GIT_NAMESPACE",
        "GIT_PREFIX",
    }
)
_DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"

OnOutput = Callable[[str, bytes], None]


@dataclass(frozen=True)
class Captured:
    """The end of one stream, and how many bytes there were in all."""

    tail: bytes
    size: int

    @property
    def is_truncated(self) -> bool:
        """Whether there was more than was kept."""
        return self.size > len(self.tail)

    @property
    def text(self) -> str:
        """What was kept, as it can be shown and stored."""
        text = self.tail.decode("utf-8", "replace").replace("\0", "\ufffd")
        return TRUNCATED + text if self.is_truncated else text


@dataclass(frozen=True)
class Finished:
    """How a program ended: an exit code, or None when a signal or its time limit ended it."""

    exit_code: int | None
    timed_out: bool
    stdout: Captured
    stderr: Captured

    @property
    def is_fine(self) -> bool:
        """Whether it ended by itself and was content."""
        return self.exit_code == 0


class _Tail:
    def __init__(self, limit: int) -> None:
        self.size = 0
        self._limit = limit
        self._kept = bytearray()

    def add(self, data: bytes) -> None:
        self.size += len(data)
        self._kept += data
        if len(self._kept) > 2 * self._limit:
            del self._kept[: -self._limit]

    def captured(self) -> Captured:
        return Captured(bytes(self._kept[-self._limit :]), self.size)


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout_seconds: float,
    kept_bytes: int = KEPT_BYTES,
    on_output: OnOutput | None = None,
) -> Finished:
    """Run a program to its end and return how it ended; what it left behind in its group is ended with it.

    The last `kept_bytes` of each stream are kept; `on_output` is given each piece as it comes, with `stdout` or
    `stderr`. Raises OSError when it cannot be started.
    """
    process = subprocess.Popen(
        list(argv),
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    tails = {"stdout": _Tail(kept_bytes), "stderr": _Tail(kept_bytes)}
    try:
        timed_out = _follow(process, tails, on_output, time.monotonic() + timeout_seconds)
    finally:
        end_group(process.pid)
        process.wait()
        for pipe in (process.stdout, process.stderr):
            assert pipe is not None
            pipe.close()
    code = process.returncode
    return Finished(
        exit_code=code if code >= 0 and not timed_out else None,
        timed_out=timed_out,
        stdout=tails["stdout"].captured(),
        stderr=tails["stderr"].captured(),
    )


def environment(*more: Mapping[str, str]) -> dict[str, str]:
    """Return what a program that is run for a workspace finds: the server's environment without its secrets."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in _OWN_NAMES and not name.startswith(_OWN_PREFIXES)
    }
    kept.setdefault("PATH", _DEFAULT_PATH)
    for each in more:
        kept |= each
    return kept


def shell() -> str:
    """Return the shell that commands of people are given to (W-54)."""
    chosen = os.environ.get("SHELL", "")
    return chosen if chosen.startswith("/") and os.access(chosen, os.X_OK) else "/bin/sh"


def end_group(pid: int) -> None:
    """End what is left of a process group; nothing happens when nobody is."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # macOS answers so for a group in which everyone has ended
        return


def _follow(
    process: subprocess.Popen[bytes], tails: Mapping[str, _Tail], on_output: OnOutput | None, until: float
) -> bool:
    """Read until the program has ended and its pipes are drained; return whether it ran out of time."""
    assert process.stdout is not None
    assert process.stderr is not None
    timed_out = False
    with selectors.DefaultSelector() as selector:
        for name, pipe in (("stdout", process.stdout), ("stderr", process.stderr)):
            os.set_blocking(pipe.fileno(), False)
            selector.register(pipe, selectors.EVENT_READ, name)
        while selector.get_map():
            now = time.monotonic()
            if now >= until and process.poll() is None:
                if timed_out:
                    break
                timed_out = True
                os.killpg(process.pid, signal.SIGTERM)
                until = now + GRACE_SECONDS
            elif process.poll() is not None and (timed_out or now >= until):
                break  # somebody it left behind holds the pipes open
            elif process.poll() is not None:
                until = min(until, now + LINGER_SECONDS)
            for key, _ in selector.select(_LOOK_SECONDS):
                _read(selector, key, tails[key.data], on_output)
    if not timed_out:
        timed_out = _outlives(process, until)
    return timed_out


def _outlives(process: subprocess.Popen[bytes], until: float) -> bool:
    """Wait for a program that closed its pipes; return whether it ran out of time."""
    try:
        process.wait(max(0.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        return True
    return False


def _read(
    selector: selectors.BaseSelector, key: selectors.SelectorKey, tail: _Tail, on_output: OnOutput | None
) -> None:
    try:
        data = os.read(key.fd, _READ_BYTES)
    except BlockingIOError:
        return
    if not data:
        selector.unregister(key.fileobj)
        return
    tail.add(data)
    if on_output is not None:
        on_output(key.data, data)
