from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from heartbeat import duties
from heartbeat.management import terminal
from heartbeat.management.terminal import OperatorCommand


class Command(OperatorCommand):
    help = (
        "Look once for runs whose host is gone and for work that nobody moves, as is done all the time anyway. A host"
        " that fell silent is suspected by the first look and given up by one some seconds later."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="for programs: an object with a key per duty")

    def handle(self, *args: Any, **options: Any) -> None:
        recovering = [name for name in duties.names() if name.startswith(duties.RECOVERY)]
        terminal.do_duties(recovering, self.stdout, as_json=options["json"])
