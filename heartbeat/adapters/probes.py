"""A short call of an agent's program, to see whether it answers at all (A-76)."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from heartbeat.adapters.base import Ended
from paperclip.core import redaction

PROMPT = "Respond with hello."
SECONDS, GRACE_SECONDS = 45, 5
_DETAIL_CHARS = 240


def ask(argv: Sequence[str], *, environment: Mapping[str, str], cwd: str, seconds: float = SECONDS) -> Ended:
    """Start a program with the prompt on its standard input and return how it ended; its whole group ends with it."""
    try:
        process = subprocess.Popen(
            argv,
            env=dict(environment),
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        return _ended(127, "", error.strerror or type(error).__name__, False, seconds)
    is_late = False
    try:
        out, err = process.communicate(PROMPT, timeout=seconds)
    except subprocess.TimeoutExpired:
        is_late = True
        out, err = _end(process)
    return _ended(process.returncode, out, err, is_late, seconds)


def first_line(said: str) -> str | None:
    """Return the first line of what a program said, without secrets."""
    line = next((line.strip() for line in redaction.text(said).splitlines() if line.strip()), None)
    return line[:_DETAIL_CHARS] if line else None


def _end(process: subprocess.Popen[str]) -> tuple[str, str]:
    os.killpg(process.pid, signal.SIGTERM)
    try:
        return process.communicate(timeout=GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()


def _ended(code: int, out: str, err: str, is_late: bool, seconds: float) -> Ended:
    return Ended(
        exit_code=code if code >= 0 else None,
        signal=signal.Signals(-code).name if code < 0 else None,
        timed_out=is_late,
        timeout_seconds=seconds,
        stdout=out,
        stderr=err,
        ended_at=datetime.now(UTC),
    )
