from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from heartbeat.management import naming
from paperclip.core import clock
from paperclip.core.errors import Refusal
from paperclip.portability import archives, exports
from paperclip.portability.choices import Part
from paperclip.portability.taking.desk import Wish


class Command(BaseCommand):
    help = "Write a company to a folder or a zip file, without its secrets."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("company", help="issue prefix, name or id")
        parser.add_argument(
            "--out", required=True, help="an empty or new folder, or a file that ends in .zip"
        )
        parser.add_argument(
            "--include",
            nargs="+",
            choices=Part.values,
            default=Part.values,
            metavar="PART",
            help=f"what to take along: {', '.join(Part.values)}; all of it when left out",
        )
        parser.add_argument("--agents", nargs="+", default=(), metavar="SLUG", help="only these agents")
        parser.add_argument("--projects", nargs="+", default=(), metavar="SLUG", help="only these projects")
        parser.add_argument(
            "--issues", nargs="+", default=(), metavar="ISSUE", help="only these, such as PAP-12"
        )
        parser.add_argument(
            "--expand-skills", action="store_true", help="with the texts of Paperclip's own skills"
        )
        parser.add_argument("--user", help="sign-in name of who exports; the first person when left out")

    def handle(self, *args: Any, **options: Any) -> None:
        company = naming.company(options["company"])
        wish = Wish(
            parts=options["include"],
            agents=options["agents"],
            projects=options["projects"],
            issues=options["issues"],
            expand_skills=options["expand_skills"],
        )
        try:
            made = exports.export(
                company=company, wish=wish, actor=naming.person(options["user"]), now=clock.now()
            )
        except Refusal as refusal:
            raise CommandError(refusal.message) from refusal
        place = Path(options["out"])
        try:
            _write(place, made)
        except OSError as error:
            raise CommandError(f"{place} cannot be written: {error.strerror or error}") from error
        for warning in made.warnings:
            self.stderr.write(f"warning: {warning}")
        self.stdout.write(f"{exports.summary(made)} in {len(made.files)} files: {place}")


def _write(place: Path, made: exports.Export) -> None:
    if place.suffix.lower() != ".zip":
        archives.write_folder(place, made.files)
        return
    with place.open("xb") as file:
        file.write(archives.write_zip(made.files))
