from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from heartbeat import wakeups
from heartbeat.management import naming, terminal
from heartbeat.management.terminal import OperatorCommand
from paperclip.core import clock
from paperclip.core.errors import Refusal

_REASON_CHARS = 96


class Command(OperatorCommand):
    help = "Wake an agent, as the button on its page does, and say which run answers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("agent", help="name or id")
        parser.add_argument("--company", help="issue prefix, name or id, when several have such an agent")
        parser.add_argument("--issue", help="what to work on: an identifier such as PAP-12, or an id")
        parser.add_argument("--reason", help="why, for the agent and for the board")
        parser.add_argument(
            "--follow", action="store_true", help="show the run's log; exit code 1 unless it succeeds"
        )
        parser.add_argument("--user", help="sign-in name of who wakes it; the first person when left out")
        parser.add_argument("--json", action="store_true", help="for programs: the run as an object")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["json"] and options["follow"]:
            raise CommandError("--json and --follow do not go together")
        company = naming.company(options["company"]) if options["company"] else None
        agent = naming.agent(options["agent"], within=company)
        issue = naming.issue(options["issue"], of=agent.company) if options["issue"] else None
        reason = options["reason"]
        if reason is not None and len(reason) > _REASON_CHARS:
            raise CommandError(f"--reason has at most {_REASON_CHARS} characters")
        try:
            outcome = wakeups.enqueue(
                agent_id=agent.pk,
                company_id=agent.company_id,
                call=wakeups.manual(reason, {"issueId": str(issue.pk)} if issue is not None else None),
                actor=naming.person(options["user"]),
                now=clock.now(),
            )
        except Refusal as refusal:
            raise CommandError(refusal.message) from refusal
        if outcome.run is None:
            excuse = outcome.refused.message if outcome.refused is not None else "It waits for its turn"
            raise CommandError(f"No run for {agent.name} ({outcome.kind}): {excuse}")
        run = naming.run(str(outcome.run.pk))
        if options["json"]:
            self.stdout.write(terminal.json_text(terminal.record(run)))
            return
        self.stdout.write(f"{run.pk} {outcome.kind} for {agent.name}")
        self.stdout.flush()
        if options["follow"]:
            terminal.follow_and_exit(run, out=self.stdout, err=self.stderr)
