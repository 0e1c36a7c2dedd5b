from __future__ import annotations

import sys
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction

from heartbeat.management import naming, terminal
from heartbeat.management.terminal import OperatorCommand
from paperclip.companies.models import Company
from paperclip.core import clock
from paperclip.core.errors import Invalid, Refusal
from paperclip.core.templatetags.board import distance
from routines import crontab, lifecycle, previews, queries, starts, triggers
from routines.choices import RoutineStatus, RunSource, RunStatus, TriggerKind
from routines.crontab import Entry
from routines.management import naming as routine_naming
from routines.management import records
from routines.models import Routine, RoutineRun, Trigger
from routines.previews import Preview
from routines.queries import Shown

_TITLE_CHARS = 48


class Command(OperatorCommand):
    help = "Recurring work: list routines, see what they do next, set one off, stop them all, take over a crontab."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(
            dest="verb", required=True, metavar="list|next|run|disable-all|import-crontab"
        )
        _add_list(verbs)
        _add_next(verbs)
        _add_run(verbs)
        _add_disable_all(verbs)
        _add_import(verbs)

    def handle(self, *args: Any, **options: Any) -> None:
        verbs: dict[str, Callable[[dict[str, Any]], None]] = {
            "list": self._list,
            "next": self._next,
            "run": self._run,
            "disable-all": self._disable_all,
            "import-crontab": self._import,
        }
        try:
            verbs[options["verb"]](options)
        except Invalid as refusal:
            raise CommandError("; ".join(each["message"] for each in refusal.issues)) from refusal
        except Refusal as refusal:
            raise CommandError(refusal.message) from refusal

    # --- Look ----------------------------------------------------------------------------------------

    def _list(self, options: dict[str, Any]) -> None:
        companies = _companies(options["company"])
        rows = [row for company in companies for row in queries.of_company(company.pk)]
        if not options["all"]:
            rows = [row for row in rows if row.routine.status != RoutineStatus.ARCHIVED]
        if options["json"]:
            self.stdout.write(terminal.json_text([records.of_routine(row) for row in rows]))
            return
        if not rows:
            self.stderr.write("There is no routine")
            return
        now = clock.now()
        headings = ("ROUTINE", "TITLE", "STATUS", "NEXT", "LAST", "")
        self.stdout.write(terminal.table(headings, [_cells(row, now) for row in rows]))

    def _next(self, options: dict[str, Any]) -> None:
        count = options["count"]
        if not 1 <= count <= previews.COUNT_MAX:
            raise CommandError(f"--count must be between 1 and {previews.COUNT_MAX}")
        now = clock.shared_now()
        company = naming.company(options["company"]) if options["company"] else None
        if options["routine"]:
            routine = routine_naming.routine(options["routine"], within=company)
            rows = previews.of_routine(routine.pk, now=now, count=count)
        else:
            rows = [
                row
                for each in _companies(options["company"])
                for row in previews.of_company(each.pk, now=now)
            ]
        if options["json"]:
            self.stdout.write(terminal.json_text([records.of_preview(row) for row in rows]))
            return
        if not rows:
            self.stderr.write("No schedule is there to fire")
            return
        for row in rows:
            for line in _told(row, count, now):
                self.stdout.write(line)

    # --- Do ------------------------------------------------------------------------------------------

    def _run(self, options: dict[str, Any]) -> None:
        company = naming.company(options["company"]) if options["company"] else None
        routine = routine_naming.routine(options["routine"], within=company)
        fields: dict[str, Any] = {
            "source": RunSource.MANUAL,
            "variables": _variables(options["var"]),
            "idempotency_key": options["key"],
        }
        run = starts.run_now(
            routine_id=routine.pk, fields=fields, actor=naming.person(options["user"]), now=clock.now()
        )
        if options["json"]:
            self.stdout.write(terminal.json_text(records.of_run(run)))
        else:
            self.stdout.write(f"{run.pk} {_outcome(run)}")
        if run.status == RunStatus.FAILED:
            sys.exit(1)

    def _disable_all(self, options: dict[str, Any]) -> None:
        company, now = naming.company(options["company"]), clock.now()
        active = Routine.objects.filter(company=company, status=RoutineStatus.ACTIVE).order_by("created_at")
        rows = list(active)
        if not options["dry_run"]:
            actor = naming.person(options["user"])
            with transaction.atomic():
                for routine in rows:
                    lifecycle.update(
                        routine_id=routine.pk, fields={"status": RoutineStatus.PAUSED}, actor=actor, now=now
                    )
        for routine in rows:
            self.stdout.write(f"{routine.pk} {routine.title}")
        would = "would be paused" if options["dry_run"] else "paused"
        self.stdout.write(f"{len(rows)} routines of {company.name} {would}")

    def _import(self, options: dict[str, Any]) -> None:
        company = naming.company(options["company"])
        agent = naming.agent(options["agent"], within=company)
        entries = crontab.read(_text(options["file"]), zone=options["timezone"], has_user=options["system"])
        known = _known(company)
        headings = ("LINE", "WHEN", "ZONE", "TITLE", "")
        rows = [
            (str(each.line), each.expression, each.zone, each.title[:_TITLE_CHARS], _verdict(each, known))
            for each in entries
        ]
        if rows:
            self.stdout.write(terminal.table(headings, rows))
        bad = [each for each in entries if each.fault is not None]
        if bad:
            raise CommandError(f"{len(bad)} of {len(entries)} entries cannot be taken over; nothing was")
        new = [each for each in entries if _identity(each) not in known]
        if options["dry_run"]:
            self.stdout.write(f"{len(new)} routines would be made for {agent.name}")
            return
        status = RoutineStatus.ACTIVE if options["activate"] else RoutineStatus.PAUSED
        actor, now = naming.person(options["user"]), clock.now()
        with transaction.atomic():
            for each in new:
                routine = lifecycle.create(
                    company_id=company.pk,
                    fields={
                        "title": each.title,
                        "description": each.description,
                        "assignee_agent_id": agent.pk,
                        "status": status,
                    },
                    actor=actor,
                    now=now,
                )
                fields = {
                    "kind": TriggerKind.SCHEDULE,
                    "cron_expression": each.expression,
                    "timezone": each.zone,
                    "label": f"crontab line {each.line}",
                }
                triggers.create(routine_id=routine.pk, fields=fields, actor=actor, now=now)
        self.stdout.write(f"{len(new)} routines made for {agent.name}, {status}")


# --- Arguments -------------------------------------------------------------------------------------------

_Verbs = _SubParsersAction


def _add_list(verbs: _Verbs[Any]) -> None:
    parser = verbs.add_parser("list", help="routines with their next and last time")
    _company(parser)
    parser.add_argument("--all", action="store_true", help="archived ones too")
    _json(parser)


def _add_next(verbs: _Verbs[Any]) -> None:
    parser = verbs.add_parser("next", help="times to come, and what will be made up for missed ones")
    parser.add_argument("routine", nargs="?", help="title or id; every running schedule when left out")
    _company(parser)
    parser.add_argument("--count", type=int, default=5, help="how many times of each; default 5")
    _json(parser)


def _add_run(verbs: _Verbs[Any]) -> None:
    parser = verbs.add_parser("run", help="set a routine off; exit code 1 when that failed")
    parser.add_argument("routine", help="title or id")
    _company(parser)
    parser.add_argument("--var", action="append", default=[], metavar="NAME=VALUE", help="may be repeated")
    parser.add_argument("--key", help="idempotency key: the same key starts it once")
    _user(parser)
    _json(parser)


def _add_disable_all(verbs: _Verbs[Any]) -> None:
    parser = verbs.add_parser("disable-all", help="pause every active routine of a company")
    parser.add_argument("-C", "--company", required=True, help="issue prefix, name or id")
    parser.add_argument("--dry-run", action="store_true", help="say which, and leave them")
    _user(parser)


def _add_import(verbs: _Verbs[Any]) -> None:
    parser = verbs.add_parser("import-crontab", help="make a routine of each entry of a crontab")
    parser.add_argument("file", help="a file as `crontab -l` prints it; - for standard input")
    parser.add_argument("-C", "--company", required=True, help="issue prefix, name or id")
    parser.add_argument("--agent", required=True, help="who does the work: name or id")
    parser.add_argument("--timezone", default="UTC", help="of times above any CRON_TZ line; default UTC")
    parser.add_argument("--system", action="store_true", help="the file names a user, as /etc/crontab does")
    parser.add_argument("--activate", action="store_true", help="let them fire; they come paused otherwise")
    parser.add_argument("--dry-run", action="store_true", help="say what would be made, and make nothing")
    _user(parser)


def _company(parser: ArgumentParser) -> None:
    parser.add_argument("-C", "--company", help="issue prefix, name or id")


def _user(parser: ArgumentParser) -> None:
    parser.add_argument("--user", help="sign-in name of who does it; the first person when left out")


def _json(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs: as the API writes it")


# --- Words -----------------------------------------------------------------------------------------------


def _companies(named: str | None) -> list[Company]:
    return [naming.company(named)] if named else list(Company.objects.order_by("created_at"))


def _cells(row: Shown, now: datetime) -> tuple[str, ...]:
    routine = row.routine
    due = [each.next_run_at for each in row.triggers if each.enabled and each.next_run_at is not None]
    fires = routine.status == RoutineStatus.ACTIVE and due
    return (
        str(routine.pk),
        routine.title[:_TITLE_CHARS],
        routine.status,
        distance(min(due), now) if fires else "",
        distance(row.last_run.triggered_at, now) if row.last_run is not None else "never",
        _outcome(row.last_run) if row.last_run is not None else "",
    )


def _outcome(run: RoutineRun) -> str:
    if run.reason is not None:
        return f"{run.status}: {run.reason}"
    return f"{run.status} {run.linked_issue.identifier}" if run.linked_issue is not None else run.status


def _told(row: Preview, count: int, now: datetime) -> list[str]:
    trigger = row.trigger
    head = f"{trigger.routine.title} ({trigger.cron_expression}, {trigger.timezone})"
    if row.fault is not None:
        return [head, f"  cannot be read: {row.fault}"]
    lines = [head + (f": {row.waits_for}" if row.waits_for is not None else "")]
    if row.missed:
        many = f"{len(row.missed)}{' or more' if len(row.missed) == previews.MISSED_MAX else ''}"
        lines.append(
            f"  missed {many} since {distance(row.missed[0], now)}; {len(row.made_up)} will be made up for"
        )
    for time in row.times[:count]:
        change = ", put off by a change of clock" if time.is_moved else ", after a change of clock"
        lines.append(f"  {time.local.isoformat(' ', 'minutes')}{change if time.is_clock_change else ''}")
    return lines


def _variables(given: list[str]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    for name, sign, _ in pairs:
        if not sign or not name:
            raise CommandError(f"--var {name}: write NAME=VALUE")
    return {name: value for name, _, value in pairs}


def _text(path: str) -> str:
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read: {error}") from error


def _known(company: Company) -> set[tuple[str, str, str]]:
    """Return what the company's routines do when, so that a crontab may be taken over again."""
    rows = Trigger.objects.filter(company=company, kind=TriggerKind.SCHEDULE)
    rows = rows.exclude(routine__status=RoutineStatus.ARCHIVED).select_related("routine")
    return {(row.routine.title, row.cron_expression or "", row.routine.description or "") for row in rows}


def _identity(entry: Entry) -> tuple[str, str, str]:
    return entry.title, entry.expression, entry.description


def _verdict(entry: Entry, known: set[tuple[str, str, str]]) -> str:
    if entry.fault is not None:
        return entry.fault
    return "is there already" if _identity(entry) in known else ""
