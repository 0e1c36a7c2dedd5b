from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from paperclip.board.demo import seed
from paperclip.companies import actors, signin
from paperclip.core import clock
from paperclip.core.errors import Refusal

PACE_SECONDS = 0.4


class Command(BaseCommand):
    help = "Add the demo company: agents that audit a repository, without any language model."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--repository", default=str(settings.BASE_DIR), help="folder to audit (default: this checkout)"
        )
        parser.add_argument(
            "--pace",
            type=float,
            default=PACE_SECONDS,
            metavar="SECONDS",
            help=f"pause of the agents after each line they say, for the eye (default {PACE_SECONDS:g})",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        repository = Path(options["repository"]).expanduser().resolve()
        if not repository.is_dir():
            raise CommandError(
                f"{repository} is not a folder: give the repository to audit with --repository"
            )
        if not 0 <= options["pace"] <= 5:
            raise CommandError("--pace takes 0 to 5 seconds")
        try:
            seeded = seed.seed(
                repository=repository,
                pace_seconds=options["pace"],
                actor=actors.for_user(signin.first_user()),
                now=clock.now(),
            )
        except Refusal as error:
            raise CommandError(str(error)) from error
        issue = seeded.issue
        if seeded.is_new:
            self.stdout.write(f"{issue.identifier}: an audit of {repository} begins")
        else:
            self.stdout.write(
                f"{issue.identifier}: an audit of {repository} is still open; nothing was added"
            )
        self.stdout.write(
            f"Watch it at {settings.PAPERCLIP_PUBLIC_URL}/admin/issues/issue/{issue.pk}/change/"
        )
