"""What time drives, done by a runner promptly: so that a due retry does not wait for the scheduler's next look.

Threads of their own do the work, each duty by one of them at a time, so that neither a slow duty holds up another
nor all of them the starting and ending of runs. They are abandoned when the runner ends: whatever a duty was at is
undone by the database and done again by the next one to look.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from datetime import datetime

from django.db import Error as DatabaseError
from django.db import connection

from heartbeat import duties
from paperclip.core import clock

log = logging.getLogger(__name__)

THREADS = 3
LOOK_SECONDS = 1.0
STOP_SECONDS = 3.0
# Between two passes of a duty that got somewhere; longer each time the same thing is still due after it.
REST_SECONDS = 0.005
REST_GROWTH = 1.2
# Figures that tell of a look, not of anything done.
_LOOKED = frozenset({"checked", "scanned", "skipped", "existing", "failed", "idle"})


class DueWork:
    """The due work of one runner. `look` is called by the runner's thread, `done` from the others."""

    def __init__(self, nudge: Callable[[], None]) -> None:
        self.look_at = 0.0  # monotonic: when to look again
        self._nudge = nudge
        self._wanted: queue.SimpleQueue[tuple[str, datetime, bool] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._doing: set[str] = set()
        self._pace_at: dict[str, float] = {}
        self._rest: dict[str, float] = {}
        self._rests_until: dict[str, float] = {}
        self._last_due: dict[str, datetime] = {}

    def look(self, at: float) -> None:
        """Hand out what is due and plan the next look; `at` is monotonic. Raises what the database raises."""
        self.look_at = at + LOOK_SECONDS
        now = clock.shared_now()
        wait = LOOK_SECONDS
        for name, moment in duties.next_due(now).items():
            seconds = max((moment - now).total_seconds(), self._rests_until.get(name, 0.0) - at)
            if seconds > 0:
                wait = min(wait, seconds)
            elif name not in self._doing:
                again = self._last_due.get(name) == moment
                self._rest[name] = self._rest[name] * REST_GROWTH if again else REST_SECONDS
                self._last_due[name] = moment
                self._hand_out(name, now, is_due=True)
        for name in duties.names():
            if at >= self._pace_at.get(name, 0.0):
                self._hand_out(name, now, is_due=False)
                self._pace_at[name] = at + duties.pace(name).total_seconds()
        self.look_at = min(self.look_at, at + wait)  # another thread may have asked for a look meanwhile

    def look_now(self) -> None:
        """Look again at once: something was said to be due."""
        self.look_at = 0.0

    def stop(self) -> None:
        """Let what is being done come to its end, if that is soon."""
        until = time.monotonic() + STOP_SECONDS
        for _ in self._threads:
            self._wanted.put(None)
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _hand_out(self, name: str, now: datetime, *, is_due: bool) -> None:
        if name in self._doing:
            return
        self._doing.add(name)
        if not self._threads:
            self._threads = [
                threading.Thread(target=self._work, name=f"due-{number}", daemon=True)
                for number in range(THREADS)
            ]
            for thread in self._threads:
                thread.start()
        self._wanted.put((name, now, is_due))

    def _work(self) -> None:
        while (wanted := self._wanted.get()) is not None:
            name, now, is_due = wanted
            got_anywhere = self._do(name, now)
            if is_due:
                # What is due and cannot be done now is not tried more often than we look.
                rest = min(LOOK_SECONDS, self._rest[name]) if got_anywhere else LOOK_SECONDS
                self._rests_until[name] = time.monotonic() + rest
            self._doing.discard(name)
            if got_anywhere:
                self.look_now()
                self._nudge()
        connection.close()

    def _do(self, name: str, now: datetime) -> bool:
        """Do one duty; return whether it got anywhere, so that there may be more of it at once."""
        try:
            done = duties.do(name, now=now)
        except DatabaseError as error:
            log.error("%s: %s", name, first_line(error))
            connection.close()
        except Exception:
            log.exception("%s failed; it is tried again", name)
        else:
            figures = done.items() if isinstance(done, dict) else ()
            return any(isinstance(value, int) and value and name not in _LOOKED for name, value in figures)
        return False


def first_line(error: BaseException) -> str:
    """Return what an error says, in one line."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
