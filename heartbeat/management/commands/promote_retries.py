from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from heartbeat.management import terminal
from heartbeat.management.terminal import OperatorCommand
from heartbeat.retries import promotion
from paperclip.core import clock


class Command(OperatorCommand):
    help = "Queue every retry whose time has come. Runners then start them as they have room."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--json", action="store_true", help="for programs: an object with counts and run ids"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock.shared_now()
        dropped, run_ids = 0, list[str]()
        while (done := promotion.promote_due(now=now)).promoted or done.dropped:
            dropped += done.dropped
            run_ids += done.run_ids
        if options["json"]:
            told = {"promoted": len(run_ids), "dropped": dropped, "runIds": run_ids}
            self.stdout.write(terminal.json_text(told))
            return
        self.stdout.write(
            f"{len(run_ids)} retries queued, {dropped} dropped because something stood against them"
        )
        for run_id in run_ids:
            self.stdout.write(run_id)
