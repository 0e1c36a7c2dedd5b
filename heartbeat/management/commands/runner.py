from __future__ import annotations

import argparse
import signal
import threading
from typing import Any

from django.core.management.base import CommandError

from heartbeat import runners
from heartbeat.choices import RunnerState
from heartbeat.management.terminal import OperatorCommand
from heartbeat.models import Runner
from heartbeat.runner.lease import HomeInUse, NameInUse
from heartbeat.runner.loop import Loop
from paperclip.core import clock

LOOK_SECONDS = 0.5


class Command(OperatorCommand):
    help = "Claim queued runs, start agent programs, follow and finish them. One per host and home."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Without arguments the settings say it all."""
        ways = parser.add_mutually_exclusive_group()
        ways.add_argument(
            "--drain",
            action="store_true",
            help="let the live runs of this home's runner end, take no work any more, and wait for that",
        )
        ways.add_argument(
            "--take-work", action="store_true", help="let this home's drained runner work again"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT, or until drained."""
        if options["drain"]:
            self._drain()
            return
        if options["take_work"]:
            self._take_work()
            return
        try:
            Loop().run()
        except (HomeInUse, NameInUse) as error:
            raise CommandError(str(error)) from error

    def _drain(self) -> None:
        """Ask for the drain and say how it goes; the second signal leaves it to itself."""
        runner = self._own()
        if runner is None:
            raise CommandError(f"No runner has ever worked in this home under the name {runners.own_name()}")
        patience = _Patience()
        runners.drain(runner=runner, now=clock.shared_now())
        said = None
        while self._is_there(runner):
            live = runners.live_runs(runner)
            if live != said:
                self._say(f"{runner.name}: {live} live runs; it takes no more")
            said = live
            if patience.is_over(LOOK_SECONDS):
                raise CommandError("No longer waiting. The runner goes on draining; --take-work stops that")
            if patience.wants_word():
                self._say("Still waiting for the live runs; once more to give up waiting")
            runner.refresh_from_db()
        left = runners.live_runs(runner)
        if left:
            raise CommandError(f"{runner.name} is not there; {left} runs go on by themselves until it is")
        self._say(f"{runner.name} is drained; `manage.py runner --take-work` lets it work again")

    def _take_work(self) -> None:
        """Take the drain back."""
        runner = self._own()
        if runner is None or not runners.take_work(runner=runner, now=clock.shared_now()):
            raise CommandError("The runner of this home is not drained")
        there = self._is_there(runner)
        self._say(
            f"{runner.name} takes work again"
            + ("" if there else " once it is started; `manage.py up` does so by itself")
        )

    def _own(self) -> Runner | None:
        return Runner.objects.filter(name=runners.own_name()).order_by("-last_seen_at").first()

    def _is_there(self, runner: Runner) -> bool:
        return runner.state != RunnerState.STOPPED and runner.lease_expires_at > clock.shared_now()

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


class _Patience:
    """Ends with the second SIGINT or SIGTERM; the first one is answered with a word."""

    def __init__(self) -> None:
        self._signals = 0
        self._answered = False
        self._over = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def is_over(self, seconds: float) -> bool:
        """Wait `seconds`, or less when it is over."""
        return self._over.wait(seconds)

    def wants_word(self) -> bool:
        """Return once whether the first signal has come."""
        answer, self._answered = self._signals > 0 and not self._answered, self._signals > 0
        return answer

    def _on_signal(self, number: int, frame: Any) -> None:
        self._signals += 1
        if self._signals > 1:
            self._over.set()
