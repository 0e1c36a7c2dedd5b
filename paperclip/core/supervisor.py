"""Keeps a few programs running in the foreground, with one prefixed log, like a Procfile.

A part that ends starts again after a growing pause; a part that falls silent is ended first. SIGINT,
SIGTERM and SIGHUP stop everything. Each part is a process group of its own: only its main process is asked
to stop (django-q2 hangs when its workers get the signal too), and what remains of the group afterwards is
killed, so that no orphan keeps a port or a queue. If this process is itself killed, `undertaker` ends them.

Parts are forked from this process and share the memory of all it has imported, which halves the footprint
of the product and makes a restart a matter of milliseconds. Therefore no thread may run here and no
connection may be open: work that may block is a `Chore`, in a short-lived process of its own.

Knows nothing of Django and of what the parts are.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import math
import multiprocessing
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.context import ForkProcess
from pathlib import Path
from types import FrameType
from typing import TextIO

from setproctitle import setproctitle

from paperclip.core.claims import Claim

UNDERTAKER = Path(__file__).with_name("undertaker.py")
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
# A part that lived this long has recovered: its next end counts as the first one again.
STEADY_SECONDS = 60.0
STOP_SECONDS = 10.0
# After a kill -9 of ours the next start is waiting for the port, so the parts get less time to end.
UNDERTAKER_GRACE_SECONDS = 3.0
SILENCE_LOOK_SECONDS = 15.0

LINE_BYTES = 64 * 1024
LAST_CHUNKS = 64
COLOURS = ("36", "33", "32", "35", "34", "31")
OWN_NAME = "up"
REST_LOOK_SECONDS = 2.0
# The exit codes by which a look at a part tells that it is silent, or rests.
SILENT = 64
RESTS = 65


@dataclass(frozen=True)
class Part:
    """A program to keep running: `run` is called in a process of its own and its return is the end of it.

    With `once` it is not started again. `silence` returns the age in seconds of its last sign of life, or
    None when it never gave one; it is called in another process and may raise. Past `silence_limit_seconds`
    the part is restarted; it is never held to be silent for longer than it has been running.

    `rests` is asked when the part ended by itself with code 0, and from then on now and again, in another process: it
    returns in words why the part is not to be started, or None when it is. When it raises, the part is started.
    """

    name: str
    run: Callable[[], None]
    once: bool = False
    silence: Callable[[], float | None] | None = None
    silence_limit_seconds: float = math.inf
    rests: Callable[[], str | None] | None = None


@dataclass(frozen=True)
class Chore:
    """Work done every `every_seconds`, if `needed`, in a process that lives `limit_seconds` at most.

    What it prints is said in the log when it ends, unless it is what it printed the last time. An exception
    counts as its words and is tried again. With `once` it is over when it has succeeded. `needed` is asked
    in this process: it must be quick.
    """

    name: str
    run: Callable[[], None]
    every_seconds: float
    needed: Callable[[], bool] = lambda: True
    once: bool = False
    limit_seconds: float = 60.0


@dataclass
class _Process:
    """A living child: a part, or one turn of a chore."""

    job: Part | Chore
    process: ForkProcess
    started: float
    output: int
    kill_at: float
    rest: bytes = b""
    words: str = ""

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid


@dataclass
class _Plan:
    """When a job is due next, and what it did before."""

    job: Part | Chore
    due: float
    failures: int = 0
    words: str = ""


def next_pause(failures: int) -> float:
    """Seconds to wait before the next start, after `failures` ends in a row that came too soon (from 0)."""
    return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(failures, 10))


def describe_exit(code: int) -> str:
    """An exit code as multiprocessing gives it, in words: `exit code 3`, `signal SIGKILL`."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


class Supervisor:
    """Runs `parts` and `chores` until it is told to stop. For the main thread of a process without others."""

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        chores: Sequence[Chore] = (),
        out: TextIO,
        claimed: Claim | None = None,
        stop_seconds: float = STOP_SECONDS,
    ) -> None:
        self._names = [OWN_NAME, *(part.name for part in parts)]
        self._resting: dict[str, float] = {}  # parts that may rest, with the seconds they lived
        jobs: list[Part | Chore] = [
            *parts,
            *chores,
            *(_look_at(part) for part in parts if part.silence),
            *(self._ask(part) for part in parts if part.rests),
        ]
        self._plans = {job.name: _Plan(job, due=0.0) for job in jobs}
        self._living: dict[str, _Process] = {}
        self._out = out
        self._colour = out.isatty() and not os.environ.get("NO_COLOR")
        self._claimed = claimed
        self._stop_seconds = stop_seconds
        self._stop_signals = 0
        self._stopping = False
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        self._undertaker: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Start the parts and stay until a signal has stopped them all, or all that run once are over.

        Numbered, because the order matters:
        1. the undertaker lives before the first part does, and hears of each part at once;
        2. what is imported by now is set aside from the garbage collector, so that parts go on sharing it;
        3. a stop asks every part, then kills what is left at the deadline or at a second signal.
        """
        for descriptor in (self._wake_read, self._wake_write):
            os.set_blocking(descriptor, False)
        self._selector.register(self._wake_read, selectors.EVENT_READ, None)
        with self._signals():
            self._call_undertaker()
            gc.collect()
            gc.freeze()
            while self._living or (self._parts_planned() and not self._stopping):
                self._start_due(time.monotonic())
                self._listen()
                self._reap()
                self._kill_overdue(time.monotonic())
        self._dismiss_undertaker()
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def say(self, text: str, *, name: str = OWN_NAME) -> None:
        """Write `text`, line by line, to the log under `name`."""
        label = f"{name:<{max(map(len, self._names))}} |"
        if self._colour:
            label = f"\x1b[{COLOURS[self._names.index(name) % len(COLOURS)]}m{label}\x1b[0m"
        try:
            self._out.write("".join(f"{label} {line}\n" for line in text.splitlines() or [""]))
            self._out.flush()
        except (OSError, ValueError):
            # Nobody reads any more (closed pipe or terminal): a foreground program ends then.
            self._speak_to_nobody()
            self._begin_stop()

    def _speak_to_nobody(self) -> None:
        """Let what is still buffered go nowhere: Python writes it once more at its end, and fails if it cannot."""
        with contextlib.suppress(
            OSError, ValueError
        ):  # an output without a descriptor has nothing to redirect
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._out.fileno())
            os.close(nowhere)

    # Signals

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self._on_stop_signal) for number in STOPS}
        # A handler must exist, or the wake-up descriptor hears nothing of children that end.
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        wake_before = signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(wake_before)
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_stop_signal(self, number: int, frame: FrameType | None) -> None:
        self._stop_signals += 1

    def _begin_stop(self) -> None:
        if self._stopping:
            return
        self._stopping = True
        for each in self._living.values():
            self._ask_to_end(each)

    # Beginnings

    def _parts_planned(self) -> bool:
        return any(isinstance(plan.job, Part) for plan in self._plans.values())

    def _start_due(self, now: float) -> None:
        for plan in list(self._plans.values()):
            if self._stopping or plan.due > now:
                continue
            if isinstance(plan.job, Chore) and not plan.job.needed():
                plan.due = now + plan.job.every_seconds
                continue
            plan.due = math.inf
            try:
                self._start(plan.job)
            except OSError as error:
                self._plan_next(plan.job, f"cannot start: {error.strerror}", lived=0.0)

    def _start(self, job: Part | Chore) -> None:
        read, write = os.pipe()
        os.set_blocking(read, False)
        process = multiprocessing.get_context("fork").Process(
            target=self._be, args=(job, read, write), name=job.name
        )
        # A stop that arrives before the child has its own handlers must wait, not be lost in ours.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        try:
            process.start()
        except OSError:
            os.close(read)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
            os.close(write)
        now = time.monotonic()
        limit = job.limit_seconds if isinstance(job, Chore) else math.inf
        child = _Process(job, process, now, read, kill_at=now + limit)
        self._living[job.name] = child
        self._selector.register(read, selectors.EVENT_READ, child)
        self._tell_undertaker(f"+{child.pid}")
        if isinstance(job, Part):
            self.say(f"{job.name} started, process {child.pid}")

    def _be(self, job: Part | Chore, read: int, write: int) -> None:
        """Live as `job`: the first thing a child does."""
        os.setsid()
        _end_with_parent()
        signal.set_wakeup_fd(-1)
        for number in (*STOPS, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        self._keep_to_ourselves(read)
        with Path(os.devnull).open() as nothing:
            os.dup2(nothing.fileno(), 0)
        os.dup2(write, 1)
        os.dup2(write, 2)
        os.close(write)
        setproctitle(f"paperclip {job.name}")
        if isinstance(job, Part):
            job.run()
            return
        try:
            job.run()
        except Exception as error:  # noqa: BLE001 - whatever it is becomes the words of the chore
            sys.exit(f"{job.name}: {error}".strip())

    def _keep_to_ourselves(self, read: int) -> None:
        """Close, in a child, what only the supervisor may hold: others wait for its end."""
        own = [read, self._wake_read, self._wake_write, *(each.output for each in self._living.values())]
        if self._claimed:
            own += [self._claimed.own, self._claimed.parts]
        if self._undertaker and self._undertaker.stdin:
            own.append(self._undertaker.stdin.fileno())
        self._selector.close()
        for descriptor in own:
            os.close(descriptor)

    # Ends

    def _reap(self) -> None:
        for child in list(self._living.values()):
            code = child.process.exitcode
            if code is None:
                continue
            # Workers whose main process is gone would keep its port or its queue.
            _signal_group(child.pid, signal.SIGKILL)
            self._tell_undertaker(f"-{child.pid}")
            self._hear_last_words(child)
            del self._living[child.job.name]
            child.process.close()
            lived = time.monotonic() - child.started
            if isinstance(child.job, Chore):
                self._end_chore(child, child.job, code)
            elif code == 0 and child.job.rests and not self._stopping:
                self._resting[child.job.name] = lived
                self._plans[ASK + child.job.name].due = 0.0
            else:
                self._plan_next(child.job, f"ended ({describe_exit(code)})", lived=lived)
        if self._undertaker and self._undertaker.poll() is not None:
            self._dismiss_undertaker()
            self._call_undertaker()

    def _end_chore(self, child: _Process, chore: Chore, code: int) -> None:
        plan = self._plans[chore.name]
        if child.words and child.words != plan.words and not self._stopping:
            self.say(child.words)
        plan.words = child.words
        if chore.once and code == 0:
            del self._plans[chore.name]
        else:
            plan.due = time.monotonic() + chore.every_seconds
        if code == SILENT:
            self._end_silent(chore.name)
        if code != RESTS and chore.name.startswith(ASK):
            self._wake(chore.name.removeprefix(ASK))

    def _plan_next(self, job: Part | Chore, what: str, *, lived: float) -> None:
        plan = self._plans[job.name]
        if self._stopping or (job.once and isinstance(job, Part)):
            self.say(f"{job.name} {what}")
            del self._plans[job.name]
            return
        failures = 0 if lived >= STEADY_SECONDS else plan.failures
        pause = next_pause(failures)
        self.say(f"{job.name} {what} after {lived:.1f} s; starts again in {pause:g} s")
        plan.failures = failures + 1
        plan.due = time.monotonic() + pause

    def _end_silent(self, name: str) -> None:
        part_name = name.removeprefix(LOOK_AT)
        child = self._living.get(part_name)
        if child is None or child.kill_at < math.inf or self._stopping:
            return
        assert isinstance(child.job, Part)
        limit = child.job.silence_limit_seconds
        if time.monotonic() - child.started > limit:
            self.say(f"{part_name} has shown no work for over {limit:g} s; ending it")
            self._ask_to_end(child)

    def _ask(self, part: Part) -> Chore:
        return Chore(
            ASK + part.name,
            partial(_say_whether_it_rests, part),
            REST_LOOK_SECONDS,
            needed=lambda: part.name in self._resting,
        )

    def _wake(self, name: str) -> None:
        """Start a part that rested, or that only seemed to when it ended."""
        lived = self._resting.pop(name)
        plan, asked = self._plans[name], self._plans[ASK + name]
        asked.words = ""
        self._plan_next(plan.job, "ended (exit code 0)", lived=lived)

    def _ask_to_end(self, child: _Process) -> None:
        child.kill_at = min(child.kill_at, time.monotonic() + self._stop_seconds)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGTERM)

    def _kill_overdue(self, now: float) -> None:
        for child in self._living.values():
            if child.kill_at <= now:
                self.say(f"{child.job.name} does not end; killing it")
                child.kill_at = math.inf
                _signal_group(child.pid, signal.SIGKILL)

    # Ears

    def _listen(self) -> None:
        for key, _ in self._selector.select(self._seconds_to_next_event(time.monotonic())):
            if key.data is None:
                os.read(self._wake_read, 4096)
            else:
                self._read(key.data)
        if self._stop_signals and not self._stopping:
            self.say("stopping; once more to stop at once")
            self._begin_stop()
        if self._stop_signals > 1:
            for child in self._living.values():
                _signal_group(child.pid, signal.SIGKILL)

    def _seconds_to_next_event(self, now: float) -> float | None:
        times = [child.kill_at for child in self._living.values()]
        if not self._stopping:
            times += [plan.due for plan in self._plans.values()]
        nearest = min(times, default=math.inf)
        return None if nearest == math.inf else max(0.0, nearest - now)

    def _read(self, child: _Process) -> bool:
        """Take in one chunk of the child's output; whether there may be more at once."""
        try:
            chunk = os.read(child.output, LINE_BYTES)
        except BlockingIOError:
            return False
        if not chunk:
            self._selector.unregister(child.output)
        *lines, child.rest = (child.rest + chunk).split(b"\n")
        if child.rest and (not chunk or len(child.rest) > LINE_BYTES):
            lines.append(child.rest)
            child.rest = b""
        for line in lines:
            text = line.rstrip(b"\r").decode(errors="replace")
            if isinstance(child.job, Part):
                self.say(text, name=child.job.name)
            else:
                child.words += f"{text}\n"
        return bool(chunk)

    def _hear_last_words(self, child: _Process) -> None:
        # Bounded: a program that left the group with our pipe in its hands may write for ever.
        for _ in range(LAST_CHUNKS):
            if child.output not in self._selector.get_map() or not self._read(child):
                break
        if child.output in self._selector.get_map():
            self._selector.unregister(child.output)
        os.close(child.output)

    # The undertaker

    def _call_undertaker(self) -> None:
        self._undertaker = subprocess.Popen(
            [sys.executable, "-I", "-S", str(UNDERTAKER), str(UNDERTAKER_GRACE_SECONDS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=(self._claimed.parts,) if self._claimed else (),
        )
        for child in self._living.values():
            self._tell_undertaker(f"+{child.pid}")

    def _tell_undertaker(self, line: str) -> None:
        assert self._undertaker is not None
        assert self._undertaker.stdin is not None
        # A dead one is replaced at the next turn and told everything again.
        with contextlib.suppress(BrokenPipeError):
            self._undertaker.stdin.write(f"{line}\n".encode())
            self._undertaker.stdin.flush()

    def _dismiss_undertaker(self) -> None:
        assert self._undertaker is not None
        assert self._undertaker.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._undertaker.stdin.close()
        self._undertaker.wait()


LOOK_AT = "look at "
ASK = "ask after "


def _look_at(part: Part) -> Chore:
    return Chore(f"{LOOK_AT}{part.name}", partial(_look, part), SILENCE_LOOK_SECONDS)


def _look(part: Part) -> None:
    assert part.silence is not None
    age = part.silence()
    if age is None or age > part.silence_limit_seconds:
        sys.exit(SILENT)


def _say_whether_it_rests(part: Part) -> None:
    assert part.rests is not None
    reason = part.rests()
    if reason is not None:
        print(reason)  # noqa: T201 - chores speak by printing
        sys.exit(RESTS)


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def _end_with_parent() -> None:
    """Ask Linux for a SIGTERM when the supervisor dies; elsewhere the undertaker does it alone."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, int(signal.SIGTERM))
