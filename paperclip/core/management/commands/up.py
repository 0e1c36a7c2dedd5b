from __future__ import annotations

import io
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from paperclip.core import claims, ports, postgres, stack, supervisor

# What a killed `up` left behind is being ended: the grace of its undertaker, and a good deal more.
LEFTOVERS_SECONDS = 15


class Command(BaseCommand):
    help = "Run everything in the foreground: database, board and API, scheduler, runner. Ctrl-C stops it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--demo", action="store_true", help="add the demo company and let it work")
        parser.add_argument(
            "--port", type=int, help="port of board and API; the same as PORT=… (default 3100)"
        )
        parser.add_argument("--no-runner", action="store_true", help="start no agents on this host")
        parser.add_argument("--no-scheduler", action="store_true", help="another host runs the scheduler")
        parser.add_argument("--open", action="store_true", help="open the board in a browser")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            claimed = claims.take(settings.PAPERCLIP_HOME, wait_seconds=LEFTOVERS_SECONDS, say=self._note)
        except claims.AlreadyRunningError as error:
            raise CommandError(str(error)) from error
        try:
            self._run(claimed, options)
        except postgres.PostgresError as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            raise CommandError(f"The database cannot be used: {error}".strip()) from error
        finally:
            claimed.release()

    def _run(self, claimed: claims.Claim, options: dict[str, Any]) -> None:
        complaint = ports.complaint(settings.BIND_HOST, settings.PORT)
        if complaint:
            raise CommandError(complaint)
        try:
            self._note("preparing the database")
            stack.prepare_database()
            stack.preload()
            supervisor.Supervisor(
                stack.parts(
                    demo=options["demo"],
                    scheduler=not options["no_scheduler"],
                    runner=not options["no_runner"],
                ),
                chores=stack.chores(open_browser=options["open"]),
                out=_robust_output(),
                claimed=claimed,
            ).run()
        finally:
            stack.wind_up()
        self._note("stopped")

    def _note(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _robust_output() -> io.TextIOWrapper:
    """Standard output, line by line for us and the parts, with escapes for what a terminal cannot show."""
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(errors="backslashreplace", line_buffering=True)
    return sys.stdout
