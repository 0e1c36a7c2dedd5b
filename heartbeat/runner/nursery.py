"""Shims without an interpreter's start for each: one process that has loaded the shim, and forks it on request.

Starting Python and loading the shim takes several times as long as all that a short run does, forking takes less
than a millisecond. The nursery is the shim program itself, called otherwise; see `nurse` there. It owns nothing: a
shim that was forked lives on whatever becomes of nursery and runner, the nursery ends with the runner, and one that
died is replaced at the next start.
"""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

from heartbeat.runner import rundir, shim
from heartbeat.runner.rundir import RunDir

ANSWER_BYTES = 64
END_SECONDS = 5


class Nursery:
    """The forking process of one runner, started when it is first needed. May be used by several threads."""

    def __init__(self, runs_root: Path) -> None:
        self._runs_root = runs_root
        self._lock = threading.Lock()
        self._requests: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self, directory: RunDir, lock_fd: int, errors_fd: int) -> int | None:
        """Start the shim of a run, which takes over both descriptors; for `rundir.start_shim_by`.

        Returns a descriptor for the caller to close, which becomes readable when the shim ends; None when there is
        none to be had and the lock on `alive` alone tells, as when the nursery died over the request. Raises OSError
        when no process can be started.
        """
        with self._lock:
            self._send(os.fsencode(directory.path), [lock_fd, errors_fd])
            answer, descriptors = self._receive()
        if not answer:
            return None
        if answer.startswith(shim.REFUSED):
            number = int(answer.removeprefix(shim.REFUSED))
            raise OSError(number, os.strerror(number))
        return descriptors[0] if descriptors else None

    def close(self) -> None:
        """End the nursery; shims stay."""
        with self._lock:
            self._forget()

    def _send(self, path: bytes, descriptors: list[int]) -> None:
        for _ in range(2):  # the one there was may have died meanwhile, and that shows only now
            requests = self._requests or self._begin()
            try:
                socket.send_fds(requests, [path], descriptors)
            except (BrokenPipeError, ConnectionResetError):
                self._forget()
            else:
                return
        raise OSError(errno.EPIPE, "The process that starts shims does not stay alive")

    def _receive(self) -> tuple[bytes, list[int]]:
        assert self._requests is not None
        try:
            answer, descriptors, _, _ = socket.recv_fds(
                self._requests, ANSWER_BYTES, 1, socket.MSG_CMSG_CLOEXEC
            )
        except ConnectionResetError:
            answer, descriptors = b"", []
        if not answer:
            self._forget()
        return answer, descriptors

    def _begin(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            fd = theirs.fileno()
            # The last word tells a person who lists processes whose shims these are.
            words = [str(rundir.shim_program()), shim.NURSERY, str(fd), str(self._runs_root)]
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", *words],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=(fd,),
                    start_new_session=True,
                    env=rundir.shim_environment(),
                    cwd="/",
                )
            except OSError:
                ours.close()
                raise
        self._requests = ours
        return ours

    def _forget(self) -> None:
        if self._requests is not None:
            self._requests.close()
            self._requests = None
        if self._process is not None:
            self._process.wait(END_SECONDS)
            self._process = None


def is_possible() -> bool:
    """Return whether the platform can pass on and watch processes by descriptor."""
    return hasattr(os, "pidfd_open") and hasattr(socket, "SOCK_SEQPACKET")
