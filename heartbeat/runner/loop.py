"""The runner: claims runs, starts their programs, follows them, ends them.

One thread decides and waits; a few others start and end programs, each with its own database connection. The
thread sleeps until something happens: a notice from the database, a shim's exit, or the next duty. Killing the
runner at any point loses nothing: what it knew is in the database and in the run directories.

1. Take the home's lock, register, find the runs of before again (`reattach`).
2. On a notice or once a second: claim what fits, hand each run to a thread that starts it.
3. When a shim exits: hand the run to a thread that ends it. If the database is away, try again until it is back.
4. On the side: renew the lease, pass on cancels, keep progress, do the work that is due.

A runner that is drained claims nothing more and ends with its last run. One that was given up while it was frozen
or cut off registers anew, and ends the programs of runs that were taken from it.
"""

from __future__ import annotations

import logging
import os
import selectors
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections, connection

from heartbeat import claims, runners
from heartbeat.choices import RunStatus
from heartbeat.models import Run, Runner
from heartbeat.runner import ending, following, lease, nursery, start, strays
from heartbeat.runner.due import DueWork, first_line
from heartbeat.runner.following import Live
from heartbeat.runner.listening import Listener
from heartbeat.runner.nursery import Nursery
from heartbeat.runner.rundir import RunDir
from heartbeat.runner.start import Started
from paperclip.core import clock
from paperclip.core.threads import PassingThreads, give_back

log = logging.getLogger(__name__)

THREADS = 4
# After so long without a start or an end a thread ends, and its database connection with it.
IDLE_SECONDS = 30
POLL_SECONDS = 1.0
PROGRESS_SECONDS = 1.0
LOG_NEWS_SECONDS = 0.5
ORPHAN_LOOK_SECONDS = 0.5


@dataclass
class Every:
    """Something to do again and again: `seconds` apart, and at once when asked."""

    seconds: float
    due_at: float = field(default=0.0)

    def is_due(self, at: float) -> bool:
        """Return whether it is time, and if so set the next time."""
        if at < self.due_at:
            return False
        self.due_at = at + self.seconds
        return True


class Loop:
    """The state of one runner process."""

    def __init__(self) -> None:
        self.runner: Runner | None = None
        self.live: dict[UUID, Live] = {}
        self.starting: set[UUID] = set()
        self.stopping = False
        self.selector = selectors.DefaultSelector()
        self.wake_read, self.wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.selector.register(self.wake_read, selectors.EVENT_READ, "wake")
        self.listener = Listener()
        self.pool = PassingThreads(THREADS, idle_seconds=IDLE_SECONDS, at_end=_end_thread)
        self.nursery = Nursery(Path(settings.RUNS_ROOT)) if nursery.is_possible() else None
        self.claim = Every(POLL_SECONDS)
        self.progress = Every(PROGRESS_SECONDS)
        self.log_news = Every(LOG_NEWS_SECONDS)
        self.orphans = Every(ORPHAN_LOOK_SECONDS)
        self.cancels = Every(POLL_SECONDS)
        self.renewal = Every(settings.RUNNER_LEASE_SECONDS / 3)
        self.due_work = DueWork(self._nudge)
        self.lease_valid_until = 0.0
        self.draining = False
        self.outage = False
        self.unstarted = False  # a claimed run could not be prepared while the database was away

    # --- Start and stop ----------------------------------------------------------------------------------

    def run(self) -> None:
        """Work until told to stop. Raises HomeInUse when another runner has this home."""
        lock = lease.lock_home(Path(settings.PAPERCLIP_HOME))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.set_wakeup_fd(self.wake_write, warn_on_full_buffer=False)
        log.info(
            "runner %s: capacity %s, home %s",
            runners.own_name(),
            settings.RUNNER_CAPACITY,
            settings.PAPERCLIP_HOME,
        )
        while not self.stopping:
            self._guarded(self._pass)
            self._wait()
        self.pool.shutdown(wait=True)
        self.due_work.stop()
        if self.nursery is not None:
            self.nursery.close()
        if self.runner is not None:
            runner = self.runner
            self._guarded(lambda: lease.retire(runner, now=clock.now()))
        if self.draining and not self.live:
            log.info(
                "runner drained; `manage.py runner --take-work`, or the board's Runners page, lets it work again"
            )
        else:
            log.info("runner stopped; %s runs go on by themselves", len(self.live))
        os.close(lock)

    def _on_stop(self, number: int, frame: Any) -> None:
        self.stopping = True

    def _guarded(self, step: Callable[[], None]) -> None:
        """Do a step; a database that is away stops nothing that runs, and is said once."""
        try:
            step()
        except DatabaseError as error:
            if not self.outage:
                log.error("database: %s; live runs go on, trying again every second", first_line(error))
            self.outage = True
            close_old_connections()
            connection.close()
            return
        if self.outage:
            log.info("database: back")
        self.outage = False

    # --- One pass ----------------------------------------------------------------------------------------

    def _pass(self) -> None:
        at = time.monotonic()
        self._end_exited(at)
        self._hold_lease(at)
        self._listen()
        if self.cancels.is_due(at):
            following.pass_on_cancels(self._followed())
        if self.claim.is_due(at):
            self._look_for_work(at)
        if self.progress.is_due(at):
            for item in self._followed():
                following.keep_progress(item)
        if self.live and self.log_news.is_due(at):
            for item in self._followed():
                following.tell_output(item)
        if at >= self.due_work.look_at:
            self.due_work.look(at)

    def _hold_lease(self, at: float) -> None:
        if self.runner is not None and self.renewal.is_due(at):
            if lease.renew(self.runner, now=clock.shared_now()):
                self.lease_valid_until = at + settings.RUNNER_LEASE_SECONDS
            else:
                log.warning("runner %s was given up while it was silent; it begins anew", self.runner.name)
                self.runner = None
        if self.runner is None:
            self.runner = lease.register(now=clock.shared_now())
            self.lease_valid_until = at + settings.RUNNER_LEASE_SECONDS
            self._reattach(self.runner)
        elif self.unstarted:
            self.unstarted = False
            self._reattach(self.runner)

    def _wait(self) -> None:
        """Sleep until something happens or the next duty is due."""
        at = time.monotonic()
        next_due = min(
            self.claim.due_at,
            self.cancels.due_at,
            self.progress.due_at,
            self.renewal.due_at,
            self.due_work.look_at,
        )
        if self.live:
            next_due = min(next_due, self.log_news.due_at)
        if any(item.pidfd is None for item in self.live.values()):
            next_due = min(next_due, self.orphans.due_at)
        pause = POLL_SECONDS if self.outage else min(max(next_due - at, 0.0), POLL_SECONDS)
        for key, _ in self.selector.select(pause):
            if key.data == "wake":
                self._drain_wakes()
            elif key.data == "listen":
                self._take_notices()
            else:
                self._on_exit(key.data)

    def _drain_wakes(self) -> None:
        while True:
            try:
                if not os.read(self.wake_read, 4096):
                    return
            except BlockingIOError:
                return

    def _nudge(self) -> None:
        """Wake the waiting thread from another one."""
        os.write(self.wake_write, b".")

    # --- Notices from the database -----------------------------------------------------------------------

    def _listen(self) -> None:
        descriptor = self.listener.connect()
        if descriptor is not None:
            self.selector.register(descriptor, selectors.EVENT_READ, "listen")
            self.claim.due_at = 0.0  # what was queued while nobody listened

    def _take_notices(self) -> None:
        notices = self.listener.take()
        if notices is None:
            self.selector.unregister(self.listener.lost_descriptor)
            return
        if notices.queue:
            self.claim.due_at = 0.0
        if notices.cancels:
            self.cancels.due_at = 0.0
        if notices.standing:
            self.claim.due_at = 0.0
        if notices.due:
            self.due_work.look_now()

    # --- Claim and start ---------------------------------------------------------------------------------

    def _look_for_work(self, at: float) -> None:
        """Claim, if this runner may: it holds its lease, and nobody drains it."""
        assert self.runner is not None
        was_draining, self.draining = self.draining, lease.is_drained(self.runner)
        if self.draining:
            if not was_draining:
                log.info(
                    "runner %s drains: it takes no work; %s runs go on", self.runner.name, len(self.live)
                )
            if not self.live and not self.starting and not self.unstarted:
                self.stopping = True
        elif was_draining:
            log.info("runner %s takes work again", self.runner.name)
        if not self.draining and at < self.lease_valid_until:
            self._claim()

    def _claim(self) -> None:
        assert self.runner is not None
        room = settings.RUNNER_CAPACITY - len(self.live) - len(self.starting)
        if room <= 0 or self.stopping:
            return
        for run in claims.claim(runner=self.runner, most=room, now=clock.now()):
            self._submit_start(run)

    def _submit_start(self, run: Run) -> None:
        self.starting.add(run.pk)
        self.pool.submit(self._start, run)

    def _start(self, run: Run) -> None:
        """In a thread: start the program, and follow it or forget it."""
        try:
            started = start.start(run, self.nursery)
        except DatabaseError as error:
            log.error("run %s: could not be prepared: %s; trying again", run.pk, first_line(error))
            connection.close()
            started = None
            self.unstarted = True
        except Exception as error:
            log.exception("run %s: could not be started", run.pk)
            started = None
            start.give_up(run, error)
        if started is not None:
            self.live[run.pk] = Live(started)
        else:
            self.claim.due_at = 0.0  # its place is free again
        self.starting.discard(run.pk)
        self._nudge()

    # --- Follow ------------------------------------------------------------------------------------------

    def _followed(self) -> list[Live]:
        """Runs whose programs have not been seen to end."""
        return [item for item in list(self.live.values()) if not item.ending]

    def _watch_new(self) -> None:
        for item in self._followed():
            if not item.watched:
                item.watched = True
                item.pidfd = following.pidfd(item.started)
                if item.pidfd is not None:
                    self.selector.register(item.pidfd, selectors.EVENT_READ, item.started.run_id)

    def _on_exit(self, run_id: UUID) -> None:
        item = self.live.get(run_id)
        if item is not None:
            self._submit_end(item)

    def _end_exited(self, at: float) -> None:
        self._watch_new()
        look = self.orphans.is_due(at)
        for item in list(self.live.values()):
            if item.ending or at < item.retry_at:
                continue
            if item.retry_at or (item.pidfd is None and look and not item.started.directory.is_alive()):
                self._submit_end(item)

    def _submit_end(self, item: Live) -> None:
        if item.pidfd is not None:
            self.selector.unregister(item.pidfd)
            os.close(item.pidfd)
            item.pidfd = None
        if item.started.shim is not None:
            item.started.shim.wait()
        item.ending = True
        self.pool.submit(self._end, item)

    def _end(self, item: Live) -> None:
        """In a thread: end the run; when the database is away, leave it for a later try."""
        started = item.started
        try:
            following.tell_output(item)
            ended = ending.end(
                run_id=started.run_id, claim_token=started.claim_token, directory=started.directory
            )
        except DatabaseError as error:
            log.error(
                "run %s: has ended but cannot be written: %s; trying again",
                started.run_id,
                first_line(error),
            )
            connection.close()
            item.retry_at = time.monotonic() + POLL_SECONDS
            item.ending = False
        except Exception:
            log.exception("run %s: could not be ended; trying again", started.run_id)
            item.retry_at = time.monotonic() + 10 * POLL_SECONDS
            item.ending = False
        else:
            if not ended:
                log.warning("run %s: was taken from this runner before it ended", started.run_id)
            self.live.pop(started.run_id, None)
        self.claim.due_at = 0.0
        self._nudge()

    # --- Find again --------------------------------------------------------------------------------------

    def _reattach(self, runner: Runner) -> None:
        """Take up every run this runner had claimed: end it, follow it again, or start it if nothing has."""
        mine = Run.objects.select_related("agent__company", "issue__project").filter(
            runner=runner, status=RunStatus.RUNNING
        )
        for run in mine:
            if run.pk in self.live or run.pk in self.starting:
                continue
            directory = RunDir.open(Path(settings.RUNS_ROOT), str(run.pk))
            if directory is None or not directory.was_started():
                log.info("run %s: was claimed but not started; starting it", run.pk)
                self._submit_start(run)
                continue
            assert run.claim_token is not None
            alive = directory.is_alive()
            log.info("run %s: %s", run.pk, "found again" if alive else "has ended meanwhile")
            self.live[run.pk] = Live(Started(run.pk, run.claim_token, directory))
        self.orphans.due_at = 0.0
        strays.end(Path(settings.RUNS_ROOT), known={str(run_id) for run_id in (*self.live, *self.starting)})


def _end_thread() -> None:
    connection.close()
    give_back()
