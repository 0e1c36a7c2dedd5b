"""What an agent says while it works: its log, which people watch as it grows."""

from __future__ import annotations

import sys
import time


class Voice:
    """Says one short line after another on standard output."""

    def __init__(self, pace_seconds: float = 0) -> None:
        """`pace_seconds` is a breath after each line: the demo's work is too quick for the eye to follow."""
        self._pace_seconds = pace_seconds

    def __call__(self, text: str) -> None:
        """Say a line, at once visible to whoever follows the log."""
        print(text, flush=True)  # noqa: T201  the log of a run is what its program prints
        if self._pace_seconds:
            time.sleep(self._pace_seconds)


def complain(text: str) -> None:
    """Say why the work failed: the last such line is what people see as the run's error."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201  see above
