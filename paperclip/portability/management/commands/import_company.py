from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from heartbeat.management import naming
from paperclip.core import clock
from paperclip.core.errors import Refusal
from paperclip.portability import archives, imports, sources
from paperclip.portability.choices import Collision, Part
from paperclip.portability.faults import Findings
from paperclip.portability.planning import Options, Plan, Step
from paperclip.portability.shapes import File


class Command(BaseCommand):
    help = (
        "Bring a company package in: say what would happen with --dry-run, then do it, all of it or nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("package", help="a folder, a zip file, or the address of a repository on GitHub")
        where = parser.add_mutually_exclusive_group(required=True)
        where.add_argument(
            "--into", metavar="COMPANY", help="issue prefix, name or id of a company that is there"
        )
        where.add_argument("--new", metavar="NAME", help="the name of a new company")
        parser.add_argument("--dry-run", action="store_true", help="show the plan and write nothing")
        parser.add_argument(
            "--collision",
            choices=Collision.values,
            default=Collision.RENAME.value,
            help="what to do where a name is taken",
        )
        parser.add_argument(
            "--include",
            nargs="+",
            choices=Part.values,
            default=Part.values,
            metavar="PART",
            help=f"what to bring in: {', '.join(Part.values)}; all of it when left out",
        )
        parser.add_argument("--agents", nargs="+", metavar="SLUG", help="only these agents")
        parser.add_argument("--user", help="sign-in name of who imports; the first person when left out")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = Findings()
        chosen = Options(
            company=naming.company(options["into"]) if options["into"] else None,
            new_name=options["new"],
            parts=options["include"],
            agents=options["agents"],
            collision=options["collision"],
        )
        try:
            plan = imports.plan(_files(options["package"], findings), chosen, findings)
            self._show(plan)
            if plan.errors:
                raise CommandError("The package cannot be imported; nothing was written")
            if options["dry_run"]:
                self.stdout.write("Nothing was written.")
                return
            result = imports.apply(plan=plan, actor=naming.person(options["user"]), now=clock.now())
        except Refusal as refusal:
            raise CommandError(imports.faults_of(refusal)) from refusal
        company = result.company
        self.stdout.write(f"{company.name} ({company.issue_prefix}) {result.company_action}: {company.pk}")

    def _show(self, plan: Plan) -> None:
        """Print what is going to happen, thing by thing, then what a person should know."""
        self.stdout.write(f"company: {plan.company_action} {plan.company_name}")
        for kind, steps in (
            ("agent", plan.agents),
            ("project", plan.projects),
            ("goal", plan.goals),
            ("issue", plan.issues),
            ("routine", plan.routines),
        ):
            self._show_steps(kind, steps)
        for each in plan.env_inputs:
            self.stdout.write(f"to be given: {each.key} ({each.kind}) of {each.owner}")
        for warning in plan.warnings:
            self.stderr.write(f"warning: {warning}")
        for error in plan.errors:
            self.stderr.write(f"error: {error}")

    def _show_steps(self, kind: str, steps: Sequence[Step]) -> None:
        for step in steps:
            self.stdout.write(
                f"{kind}: {step.action} {step.name}{f' ({step.reason})' if step.reason else ''}"
            )


def _files(package: str, findings: Findings) -> dict[str, File]:
    if package.startswith("https://"):
        return sources.fetch(package, findings)
    path = Path(package)
    try:
        if path.is_dir():
            return archives.read_folder(path, findings)
        with path.open("rb") as file:
            return archives.read_zip(file, findings)
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}") from error
