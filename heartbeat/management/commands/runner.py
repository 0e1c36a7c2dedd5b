from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from heartbeat.runner.lease import HomeInUse
from heartbeat.runner.loop import Loop


class Command(BaseCommand):
    help = "Claim queued runs, start agent programs, follow and finish them. One per host and home."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """No arguments: the settings say it all."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT."""
        try:
            Loop().run()
        except HomeInUse as error:
            raise CommandError(str(error)) from error
