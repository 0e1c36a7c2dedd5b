from __future__ import annotations

import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

import orjson
from django.core.management.base import BaseCommand

from paperclip.core import doctor


class Command(BaseCommand):
    help = "Look at every part and say how to mend what is wrong. Exit code 1 when something is."
    # What checks find is reported by `check`, and must not keep the doctor from looking.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="for programs: a list of findings")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = doctor.doctor()
        if options["json"]:
            self.stdout.write(
                orjson.dumps([asdict(each) for each in findings], option=orjson.OPT_INDENT_2).decode()
            )
        else:
            self._print(findings)
        if any(each.state == "fail" for each in findings):
            sys.exit(1)

    def _print(self, findings: list[doctor.Finding]) -> None:
        paint = {"ok": self.style.SUCCESS, "warn": self.style.WARNING, "fail": self.style.ERROR}
        width = max(len(each.part) for each in findings)
        for each in findings:
            self.stdout.write(f"{paint[each.state](f'{each.state:4}')}  {each.part:<{width}}  {each.text}")
            if each.hint:
                self.stdout.write(f"{'':4}  {'':<{width}}  -> {each.hint}")
