"""Other processes of this host: which there are, what they are, and signals that reach no stranger.

Linux tells it all through /proc; elsewhere psutil does, and is loaded only there.
"""

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path


def all_pids() -> list[int]:
    """Return the ids of all processes there are."""
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


def environment(pid: int) -> list[bytes]:
    """Return the variables a process was started with, as NAME=value; none of one that is gone or a stranger's."""
    if sys.platform == "linux":
        return _proc_file(pid, "environ")
    import psutil

    try:
        return [f"{name}={value}".encode() for name, value in psutil.Process(pid).environ().items()]
    except psutil.Error:
        return []


def holds_open(pid: int, path: Path) -> bool:
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


def is_running(pid: int) -> bool:
    """True unless the process is gone or merely waits to be collected by its parent."""
    if sys.platform == "linux":
        status = b"\0".join(_proc_file(pid, "stat"))
        return bool(status) and status.rpartition(b") ")[2][:1] not in (b"Z", b"X")
    import psutil

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def group_of(pid: int) -> int | None:
    """Return the process group, None when the process is gone."""
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def signal_if(pid: int, number: int, is_right: Callable[[int], bool]) -> bool:
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


def wait_gone(pids: list[int], until: float) -> bool:
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
