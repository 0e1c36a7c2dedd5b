"""A small company under fire: what the state machine of the engine does to it, and what must hold afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q

from heartbeat import claims, duties, lifecycle, movement, wakeups
from heartbeat import context as contexts
from heartbeat.adapters.base import Result
from heartbeat.choices import RUN_LIVE, RUN_TERMINAL, WAKEUP_WAITING, RunStatus
from heartbeat.models import Run, Runner, WakeupRequest
from heartbeat.moves import Kind
from heartbeat.outcomes import Remains
from heartbeat.wakeups import Call
from issues import comments, holds, tree_control
from issues import lifecycle as issue_lifecycle
from issues.choices import CLOSED, HoldMode, HoldStatus, IssueStatus
from issues.models import Issue, TreeHold
from paperclip.companies import actors, agents
from paperclip.companies.choices import AGENT_NOT_INVOKABLE, AgentStatus
from paperclip.companies.models import Agent
from paperclip.core import clock
from paperclip.core.errors import Refusal
from tests import factories

# How a program can end: what it leaves behind, by name.
ENDINGS: dict[str, Callable[[datetime], tuple[Result, Remains]]] = {
    "well": lambda now: (Result(summary="Did what was asked"), Remains(exit_code=0)),
    "well, silent": lambda now: (Result(), Remains(exit_code=0)),
    "unknown": lambda now: (Result(error_message="It said no"), Remains(exit_code=3)),
    "missing file": lambda now: (
        Result(error_message="ENOENT: no such file: plan.txt"),
        Remains(exit_code=2),
    ),
    "out of memory": lambda now: (Result(error_message="process out of memory"), Remains(exit_code=1)),
    "rate limit": lambda now: (Result(error_message="HTTP 429 Too Many Requests"), Remains(exit_code=1)),
    "network": lambda now: (Result(error_message="read ECONNRESET"), Remains(exit_code=1)),
    "killed": lambda now: (Result(), Remains(signal="SIGKILL")),
    "timeout": lambda now: (Result(), Remains(timed_out=True, timeout_seconds=5)),
    "max turns": lambda now: (
        Result(error_message="Out of turns", error_code="max_turns_exhausted"),
        Remains(exit_code=1),
    ),
    "upstream": lambda now: (
        Result(error_message="Overloaded", error_family="transient_upstream"),
        Remains(exit_code=1),
    ),
    "usage limit": lambda now: (
        Result(
            error_message="Usage limit reached",
            error_family="transient_upstream",
            retry_not_before=now + timedelta(hours=5),
        ),
        Remains(exit_code=1),
    ),
}
COUNTERS = (
    "process_loss_retry_count",
    "diagnostic_retry_count",
    "comment_retry_count",
    "handoff_attempt",
    "recovery_attempt",
    "continuation_attempt",
    "scheduled_retry_attempt",
)


class World:
    """Two runners, three agents and their issues, with a clock of its own."""

    def __init__(self) -> None:
        self._now = clock.now()
        self.company = factories.company()
        self.person = actors.for_user(factories.user(member_of=self.company, is_superuser=True))
        lead = factories.agent(self.company, role="ceo", name="Lead")
        busy = {"heartbeat": {"enabled": False, "maxConcurrentRuns": 2}}
        hands = [
            factories.agent(self.company, name=name, reports_to=lead, runtime_config=busy)
            for name in ("Ada", "Bob")
        ]
        self.agents: list[Agent] = [lead, *hands]
        self.issues: list[UUID] = []
        self.runners: list[Runner] = [
            factories.runner(name=f"runner-{clock.now().timestamp()}-{n}") for n in "12"
        ]

    @property
    def now(self) -> datetime:
        """The time, a little later at each look: no two things happen at once, and of two runs one is the last."""
        self._now += timedelta(microseconds=1)
        return self._now

    # --- What happens ------------------------------------------------------------------------------------

    def pass_time(self, by: timedelta) -> None:
        self._now += by
        Runner.objects.filter(pk__in=[runner.pk for runner in self.runners]).update(
            last_seen_at=self.now, lease_expires_at=self.now + timedelta(hours=1)
        )

    def write_issue(self, agent: Agent | None, blocker: UUID | None, parent: UUID | None) -> None:
        fields: dict[str, Any] = {"title": f"Issue {len(self.issues) + 1}", "parent_id": parent}
        if agent is not None:
            fields["assignee_agent_id"] = agent.pk
        if blocker is not None:
            fields["blocked_by_issue_ids"] = [blocker]
        made = self._try(
            lambda: issue_lifecycle.create(
                company_id=self.company.pk, fields=fields, actor=self.person, now=self.now
            )
        )
        if made is not None:
            self.issues.append(made.pk)

    def change_issue(self, issue_id: UUID, fields: dict[str, Any]) -> None:
        self._try(
            lambda: issue_lifecycle.update(issue_id=issue_id, fields=fields, actor=self.person, now=self.now)
        )

    def comment(self, issue_id: UUID, mentioned: Agent | None) -> None:
        body = f"A word, @{mentioned.name}" if mentioned else "A word"
        self._try(
            lambda: comments.add(issue_id=issue_id, body=body, actor=self.person, now=self.now, reopen=True)
        )

    def agent_comment(self, run: Run) -> None:
        if run.issue_id is None:
            return
        agent = actors.for_agent(run.agent, run_id=run.pk)
        self._try(lambda: comments.add(issue_id=run.issue_id, body="Did a part", actor=agent, now=self.now))

    def agent_closes(self, run: Run) -> None:
        if run.issue_id is None:
            return
        agent = actors.for_agent(run.agent, run_id=run.pk)
        fields = {"status": IssueStatus.DONE}
        self._try(
            lambda: issue_lifecycle.update(issue_id=run.issue_id, fields=fields, actor=agent, now=self.now)
        )

    def wake(self, agent: Agent, issue_id: UUID | None) -> None:
        payload = {"issueId": str(issue_id)} if issue_id else None
        wakeups.enqueue(
            agent_id=agent.pk,
            company_id=self.company.pk,
            call=Call(reason="manual", trigger_detail="manual", payload=payload),
            actor=self.person,
            now=self.now,
        )

    def set_paused(self, agent: Agent, paused: bool) -> None:
        change = agents.pause if paused else agents.resume
        self._try(lambda: change(agent=Agent.objects.get(pk=agent.pk), actor=self.person, now=self.now))

    def hold(self, issue_id: UUID, mode: str) -> None:
        self._try(
            lambda: tree_control.give(
                root_id=issue_id,
                mode=mode,
                actor=self.person,
                now=self.now,
                metadata={"wakeAgents": True} if mode == HoldMode.RESTORE else None,
            )
        )

    def release_holds(self) -> None:
        """End every pause by hand, as a person would who forgot none."""
        held = TreeHold.objects.filter(company=self.company, mode=HoldMode.PAUSE, status=HoldStatus.ACTIVE)
        for hold in held.order_by("created_at", "id"):
            self._try(
                lambda hold=hold: tree_control.release(
                    hold_id=hold.pk, root_id=hold.root_issue_id, actor=self.person, now=self.now
                )
            )

    def claim(self, runner: Runner, most: int = 1) -> list[Run]:
        claimed = list(claims.claim(runner=runner, most=most, now=self.now))
        for run in claimed:
            held = run.issue_id is not None and holds.gate(run.issue_id) is not None
            assert not held or contexts.read(run.context_snapshot).flag("treeHoldInteraction"), (
                f"{run} started under a pause without anybody's word"
            )
        return claimed

    def end(self, run: Run, how: str) -> None:
        result, remains = ENDINGS[how](self.now)
        assert run.claim_token is not None
        lifecycle.finish(
            run_id=run.pk, claim_token=run.claim_token, result=result, remains=remains, now=self.now
        )

    def lose(self, run: Run) -> None:
        lifecycle.lose(run_id=run.pk, message="The program is gone", remains=Remains(), now=self.now)

    def cancel(self, run: Run) -> None:
        lifecycle.cancel(run_id=run.pk, reason="Enough", actor=self.person, now=self.now)
        run.refresh_from_db()
        if run.status == RunStatus.RUNNING:
            self.end(run, "killed")

    def tick(self) -> None:
        duties.tick(now=self.now)

    def both(self, first: Callable[[], Any], second: Callable[[], Any]) -> None:
        """Do two things at the same time, each on a connection of its own."""

        def alone(step: Callable[[], Any]) -> None:
            try:
                step()
            finally:
                connection.close()

        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(alone, step) for step in (first, second)]:
                done.result()

    def _try(self, step: Callable[[], Any]) -> Any:
        """A refusal is an answer, not a fault."""
        try:
            return step()
        except Refusal:
            return None

    # --- What there is -----------------------------------------------------------------------------------

    def running(self) -> list[Run]:
        rows = Run.objects.select_related("agent__company").filter(
            company=self.company, status=RunStatus.RUNNING
        )
        return list(rows.order_by("created_at", "id"))

    def live(self) -> list[Run]:
        return list(
            Run.objects.filter(company=self.company, status__in=RUN_LIVE).order_by("created_at", "id")
        )

    # --- What must hold ----------------------------------------------------------------------------------

    def check(self) -> None:
        wide = ("context_snapshot", "result_json", "usage_json", "stdout_excerpt", "stderr_excerpt")
        rows = Run.objects.filter(company=self.company).select_related("wakeup_request")
        runs = list(rows.defer(*wide, "wakeup_request__payload"))
        by_id = {run.pk: run for run in runs}
        self._one_live_run_per_issue(runs)
        for run in runs:
            if run.status in RUN_TERMINAL:
                assert run.followup_mechanism, f"nothing is said of what follows {run}"
                assert run.finished_at is not None
                assert run.wakeup_request.status not in (*WAKEUP_WAITING, "claimed")
            if run.retry_of_run_id is not None:
                before = by_id[run.retry_of_run_id]
                for name in COUNTERS:
                    assert getattr(run, name) >= getattr(before, name), f"{name} went down along a chain"
        followers = Counter(run.retry_of_run_id for run in runs if run.retry_of_run_id is not None)
        assert all(count == 1 for count in followers.values())
        for issue in Issue.objects.filter(company=self.company):
            if issue.execution_run_id is not None:
                assert by_id[issue.execution_run_id].status in RUN_LIVE, (
                    f"{issue} is locked by a run that is over"
                )

    def _one_live_run_per_issue(self, runs: list[Run]) -> None:
        live = Counter(run.issue_id for run in runs if run.status in RUN_LIVE and run.issue_id is not None)
        assert all(count == 1 for count in live.values())

    def check_nothing_stands_still(self) -> None:
        """Every open issue that is an agent's to move has something that will move it, or says why not."""
        rows = Issue.objects.select_related("assignee_agent").filter(
            company=self.company,
            status__in=(IssueStatus.TODO, IssueStatus.IN_PROGRESS),
            assignee_agent__isnull=False,
        )
        for issue in rows:
            assert self._is_moved(issue), f"nobody will move {issue.identifier} ({issue.status})"

    def check_everything_is_said(self) -> None:
        """Of every open issue that somebody has the board says what moves it next, and that is true or mends it."""
        rows = Issue.objects.filter(company=self.company, assignee_agent__isnull=False).exclude(
            status__in=CLOSED
        )
        issues = list(rows.select_related("company", "project", "assignee_agent", "assignee_user"))
        moves = movement.of_many(issues, now=self.now)
        live = set(
            Run.objects.filter(company=self.company, status__in=RUN_LIVE).values_list("issue_id", flat=True)
        )
        for issue in issues:
            move = moves[issue.pk]
            about = f"{issue.identifier} ({issue.status}): {move.kind}: {move.sentence}"
            assert move.sentence, about
            assert move.kind != Kind.OVER, about
            if move.kind in (Kind.RUN, Kind.QUEUED, Kind.RETRY):
                assert move.run is not None, about
                assert not move.path and issue.pk in live or move.path, about
            if move.is_missing:
                assert move.action is not None, f"nothing mends {about}"

    def _is_moved(self, issue: Issue) -> bool:
        agent = issue.assignee_agent
        assert agent is not None
        if agent.status in AGENT_NOT_INVOKABLE:
            return True  # shown on the board as waiting for the agent
        if Run.objects.filter(issue=issue, status__in=RUN_LIVE).exists():
            return True
        blockers = Issue.objects.filter(blocks_links__related_issue=issue)
        if blockers.exclude(status=IssueStatus.DONE).exists():
            return True
        last = Run.objects.filter(issue=issue, agent=agent).order_by("-created_at", "-id").first()
        if last is None:
            # H-144f: put in progress by hand while its agent took no calls. The board says so, with a button.
            was_called = Run.objects.filter(issue=issue).exists() or issue.checkout_run_id is not None
            return issue.status == IssueStatus.IN_PROGRESS and not was_called
        # A person's stop stands until a person calls again, and is shown.
        calls = WakeupRequest.objects.filter(
            issue=issue, agent=agent, requested_by_actor_type="user", status="skipped"
        )
        return (
            last.cancel_requested_at is not None
            and not calls.filter(finished_at__gt=last.cancel_requested_at).exists()
        )

    def quiesce(self, how: str) -> int:
        """Let time pass and end whatever runs in the same way until nothing is left; return the rounds it took."""
        for rounds in range(1, 60):
            self.pass_time(timedelta(hours=6))
            self.tick()
            for runner in self.runners:
                self.claim(runner, most=20)
            running = self.running()
            for run in running:
                self.end(run, how)
            self.check()
            if not running and not self.live_of_able_agents():
                return rounds
        raise AssertionError(f"still running after {rounds} rounds: {self.live()}")

    def live_of_able_agents(self) -> list[Run]:
        able = ~Q(agent__status__in=AGENT_NOT_INVOKABLE)
        return list(Run.objects.filter(able, company=self.company, status__in=RUN_LIVE))

    def wake_everybody(self) -> None:
        Agent.objects.filter(company=self.company, status=AgentStatus.PAUSED).update(status=AgentStatus.IDLE)

    def waiting_wakes(self) -> int:
        return WakeupRequest.objects.filter(company=self.company, status="deferred_issue_execution").count()

    def open_issue_ids(self) -> list[UUID]:
        rows = Issue.objects.filter(company=self.company, pk__in=self.issues).exclude(status__in=CLOSED)
        return list(rows.order_by("issue_number").values_list("pk", flat=True))
