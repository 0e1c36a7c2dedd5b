from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from heartbeat import duties
from heartbeat.management import terminal
from heartbeat.management.terminal import OperatorCommand


class Command(OperatorCommand):
    help = "Do everything that is due now, once, as the scheduler does every half minute; say what each duty did."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="for programs: an object with a key per duty")

    def handle(self, *args: Any, **options: Any) -> None:
        terminal.do_duties(duties.names(), self.stdout, as_json=options["json"])
