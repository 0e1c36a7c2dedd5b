"""The right to run the product on one home folder: `up.lock` for the living, `parts.lock` for what it left.

Both are flocks, which end with the process, so nothing has to be cleaned up after a kill.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.05


class AlreadyRunningError(Exception):
    """The home folder is taken. The text says by whom."""


@dataclass(frozen=True)
class Claim:
    """Two open lock files: `own` is held by this process alone, `parts` also by its undertaker."""

    own: int
    parts: int

    def release(self) -> None:
        os.close(self.own)
        os.close(self.parts)


def take(home: Path, *, wait_seconds: float, say: Callable[[str], None]) -> Claim:
    """Claim `home`, waiting up to `wait_seconds` while what a killed owner left behind is being ended.

    Raises AlreadyRunningError when the owner lives, or its parts outlive the wait.
    """
    own, parts = _open(home / "up.lock"), _open(home / "parts.lock")
    try:
        if not _locked(own):
            holder = os.pread(own, 32, 0).decode(errors="replace").strip()
            raise AlreadyRunningError(f"`up` already runs on {home} (process {holder}): stop that one first.")
        os.ftruncate(own, 0)
        os.pwrite(own, f"{os.getpid()}\n".encode(), 0)
        if not _locked(parts):
            say("waiting for the parts of an earlier `up` to end")
            _wait_for(parts, home, wait_seconds)
    except BaseException:
        Claim(own, parts).release()
        raise
    return Claim(own, parts)


def _wait_for(parts: int, home: Path, wait_seconds: float) -> None:
    deadline = time.monotonic() + wait_seconds
    while not _locked(parts):
        if time.monotonic() > deadline:
            raise AlreadyRunningError(f"Parts of an earlier `up` on {home} do not end: end them by hand.")
        time.sleep(POLL_SECONDS)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
