"""Ends what a supervisor leaves behind when it is killed with no chance to clean up.

A script of its own, run as `python -I -S undertaker.py GRACE_SECONDS` in a session of its own, with the
standard library only. Its standard input is a pipe whose other end only the supervisor holds: lines `+N`
and `-N` tell which process groups live. When the pipe closes, the first process of each group on the list
gets SIGTERM, and the whole group SIGKILL once that process is gone, or the grace is over. A group number
stays taken while any member lives, so workers whose parent is already dead are found as well.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

POLL_SECONDS = 0.05


def main(grace_seconds: float) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups = _listen()
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.kill(group, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    while groups:
        late = time.monotonic() > deadline
        for group in [each for each in groups if late or not _main_process_lives(each)]:
            _kill(group)
            groups.discard(group)
        time.sleep(POLL_SECONDS)


def _listen() -> set[int]:
    """The process groups that live when the supervisor's end of the pipe closes."""
    groups: set[int] = set()
    for line in sys.stdin:
        number = int(line[1:])
        if line.startswith("+"):
            groups.add(number)
        else:
            groups.discard(number)
    return groups


def _main_process_lives(group: int) -> bool:
    try:
        os.kill(group, 0)
    except ProcessLookupError:
        return False
    # Nobody may have collected it yet: where Linux tells, a zombie counts as dead.
    with contextlib.suppress(FileNotFoundError), open(f"/proc/{group}/stat", encoding="utf-8") as file:  # noqa: PTH123
        return file.read().rpartition(")")[2].split()[0] != "Z"
    return True


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main(float(sys.argv[1]))
