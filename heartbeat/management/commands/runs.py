from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db.models import QuerySet

from heartbeat import queries, words
from heartbeat.choices import RUN_LIVE, RunStatus
from heartbeat.management import naming, terminal
from heartbeat.management.terminal import OperatorCommand
from heartbeat.models import Run
from paperclip.core import clock

MOST = 500
EVENTS = 200
_STATUSES = {"live": RUN_LIVE, **{status: (status,) for status in RunStatus.values}}


class Command(OperatorCommand):
    help = "Look at runs: list the newest, show one, follow the log of one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="list|show|follow")
        listing = verbs.add_parser("list", help="the newest runs")
        listing.add_argument("--company", help="issue prefix, name or id")
        listing.add_argument("--agent", help="name or id")
        listing.add_argument(
            "--status", choices=list(_STATUSES), metavar="STATUS", help=f"one of {', '.join(_STATUSES)}"
        )
        listing.add_argument("--limit", type=int, default=20, help=f"how many, 1 to {MOST}; default 20")
        listing.add_argument("--json", action="store_true", help="for programs: a list of objects")
        showing = verbs.add_parser("show", help="one run with its events")
        showing.add_argument("run", help="its id, or the first letters of it")
        showing.add_argument("--json", action="store_true", help="for programs: an object")
        following = verbs.add_parser(
            "follow", help="its log until it ends; exit code 0 when it succeeded, 1 when not"
        )
        following.add_argument("run", help="its id, or the first letters of it")

    def handle(self, *args: Any, **options: Any) -> None:
        match options["verb"]:
            case "list":
                self._list(options)
            case "show":
                self._show(naming.run(options["run"]), as_json=options["json"])
            case _:
                terminal.follow_and_exit(naming.run(options["run"]), out=self.stdout, err=self.stderr)

    def _list(self, options: dict[str, Any]) -> None:
        if not 1 <= options["limit"] <= MOST:
            raise CommandError(f"--limit must be between 1 and {MOST}")
        rows = list(self._chosen(options)[: options["limit"]])
        if options["json"]:
            self.stdout.write(terminal.json_text([terminal.record(run) for run in rows]))
            return
        if not rows:
            self.stderr.write("No run is like that")
            return
        now, told = clock.now(), words.tell(rows)
        lines = [terminal.cells(run, told[run.pk], now=now) for run in rows]
        self.stdout.write(terminal.table(terminal.HEADINGS, lines))

    def _chosen(self, options: dict[str, Any]) -> QuerySet[Run]:
        company = naming.company(options["company"]) if options["company"] else None
        rows = Run.objects.select_related(*terminal.RELATED).defer(
            "stdout_excerpt", "stderr_excerpt", "result_json"
        )
        if company is not None:
            rows = rows.filter(company=company)
        if options["agent"]:
            rows = rows.filter(agent=naming.agent(options["agent"], within=company))
        if options["status"]:
            rows = rows.filter(status__in=_STATUSES[options["status"]])
        return rows.order_by("-created_at", "-id")

    def _show(self, run: Run, *, as_json: bool) -> None:
        events = queries.events(run, after=0, limit=EVENTS)
        if as_json:
            told = [
                {
                    "seq": each.seq,
                    "createdAt": clock.iso(each.created_at),
                    "level": each.level,
                    "message": each.message,
                }
                for each in events
            ]
            self.stdout.write(terminal.json_text({**terminal.record(run), "events": told}))
            return
        now = clock.now()
        told_run = words.tell([run])[run.pk]
        facts = [
            ("Run", str(run.pk)),
            ("Who", f"{run.agent.name} ({run.company.name})"),
            ("Issue", f"{run.issue.identifier} {run.issue.title}" if run.issue is not None else ""),
            ("Why", told_run.reason),
            ("Status", run.status),
            ("What", told_run.what),
            ("Created", clock.iso(run.created_at)),
            ("Started", clock.iso(run.started_at) if run.started_at else ""),
            ("Ended", clock.iso(run.finished_at) if run.finished_at else ""),
            ("Runner", f"{run.runner.name} on {run.runner.host}" if run.runner is not None else ""),
            ("Note", terminal.note(run, now=now)),
            ("Log", f"{run.log_bytes or 0} bytes; `runs follow {str(run.pk)[:8]}` shows it"),
        ]
        width = max(len(name) for name, _ in facts)
        for name, value in facts:
            if value:
                self.stdout.write(f"{name:<{width}}  {value}")
        if events:
            lines = [(clock.iso(each.created_at), each.level or "", each.message or "") for each in events]
            self.stdout.write("\n" + terminal.table(("EVENT", "LEVEL", ""), lines))
