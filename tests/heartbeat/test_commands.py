"""What an operator types: wake, runs, tick, recover, promote_retries. The streaming ones against a real product."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import timedelta
from functools import partial
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from heartbeat import duties
from heartbeat.models import Run, RunEvent, WakeupRequest
from paperclip.core import clock
from tests import factories
from tests.product import ROOT, Product

TALK = """
import pathlib, sys, time
print("first", flush=True)
print("oh", file=sys.stderr, flush=True)
while len(sys.argv) > 2 and not pathlib.Path(sys.argv[2]).exists():
    time.sleep(0.05)
print("last", flush=True)
sys.exit(int(sys.argv[1]))
"""


def said(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=StringIO())
    return out.getvalue().rstrip("\n")


def refused(*arguments: str) -> str:
    with pytest.raises(CommandError) as refusal:
        said(*arguments)
    text = str(refusal.value)
    assert "\n" not in text, "one line"
    return text


@pytest.mark.django_db
class TestWake:
    def test_it_queues_a_run_in_the_name_of_a_person(self, cast):
        assert said("wake", "Engineer").endswith("queued for Engineer")
        run = Run.objects.get()
        assert (run.agent_id, run.invocation_source, run.trigger_detail) == (
            cast.engineer.pk, "on_demand", "manual",
        )  # fmt: skip
        assert WakeupRequest.objects.get().requested_by_actor_type == "user"

    def test_for_an_issue_with_a_reason(self, cast):
        issue = factories.issue(cast.company, assignee_agent=cast.engineer)
        told = json.loads(
            said("wake", "engineer", "--issue", issue.identifier.lower(), "--reason", "look", "--json")
        )
        assert (told["issueIdentifier"], told["status"], told["agentName"]) == (
            issue.identifier, "queued", "Engineer",
        )  # fmt: skip
        assert Run.objects.get().context_snapshot["wakeReason"] == "look"

    def test_again_it_joins_the_run_that_waits(self, cast):
        first = said("wake", str(cast.engineer.pk))
        second = said("wake", str(cast.engineer.pk), "--user", cast.operator.username)
        assert first.split()[0] == second.split()[0]
        assert "coalesced" in second

    def test_a_refusal_is_said_and_fails(self, cast):
        type(cast.engineer).objects.filter(pk=cast.engineer.pk).update(status="paused")
        assert "No run for Engineer" in refused("wake", "Engineer")
        assert not Run.objects.exists()

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("nobody",), "There is no agent 'nobody'"),
            (("Engineer", "--company", "NOPE"), "There is no company 'NOPE'; known prefixes: "),
            (("Engineer", "--issue", "XX-1"), "There is no issue 'XX-1'"),
            (("Engineer", "--issue", "some words"), "There is no issue 'some words'"),
            (("Engineer", "--user", "stranger"), "nobody who signs in as 'stranger'"),
            (("Engineer", "--json", "--follow"), "do not go together"),
            (("Engineer", "--reason", "x" * 97), "at most 96 characters"),
        ],
    )
    def test_what_cannot_be_done_is_said_in_a_line(self, cast, arguments, words):
        assert words in refused("wake", *arguments)
        assert not Run.objects.exists()

    def test_a_name_that_two_companies_use_needs_the_company(self, cast):
        factories.agent(cast.elsewhere, name="Engineer")
        text = refused("wake", "Engineer")
        assert "Several agents are called 'Engineer'" in text
        assert cast.elsewhere.issue_prefix in text
        assert "queued" in said("wake", "Engineer", "--company", cast.company.issue_prefix.lower())


@pytest.mark.django_db
class TestRuns:
    def test_list_shows_the_newest_first_and_narrows(self, cast):
        now = clock.now()
        old = factories.run(
            cast.engineer,
            status="failed",
            error="disk on fire\nand more",
            created_at=now - timedelta(hours=2),
        )
        new = factories.run(cast.peer, status="queued", created_at=now)
        foreign = factories.run(cast.foreign_agent, created_at=now - timedelta(minutes=1))
        lines = said("runs", "list").splitlines()
        assert [line[:8] for line in lines] == [
            "RUN     ",
            *(str(each.pk)[:8] for each in (new, foreign, old)),
        ]
        assert "disk on fire" in lines[-1]
        prefix = cast.company.issue_prefix
        for arguments, expected in (
            (("--company", prefix), {new.pk, old.pk}),
            (("--agent", "Peer"), {new.pk}),
            (("--status", "live"), {new.pk, foreign.pk}),
            (("--status", "failed", "--company", prefix), {old.pk}),
            (("--limit", "1"), {new.pk}),
        ):
            told = json.loads(said("runs", "list", "--json", *arguments))
            assert {row["id"] for row in told} == {str(pk) for pk in expected}, arguments
        assert said("runs", "list", "--status", "timed_out") == ""
        assert json.loads(said("runs", "list", "--status", "timed_out", "--json")) == []

    def test_a_waiting_retry_says_when(self, cast):
        factories.run(
            cast.engineer,
            status="scheduled_retry",
            scheduled_retry_at=clock.now() + timedelta(minutes=8, seconds=5),
            scheduled_retry_attempt=2,
            scheduled_retry_reason="transient_failure",
        )
        assert "retry 2 of 4, due in 8 min" in said("runs", "list")

    def test_show_tells_a_run_with_its_events(self, cast):
        issue = factories.issue(cast.company, title="Mend the roof")
        run = factories.run(cast.engineer, issue=issue, status="succeeded", finished_at=clock.now())
        RunEvent.objects.create(
            company=cast.company, run=run, agent=cast.engineer, seq=1, event_type="lifecycle", level="info",
            message="Run started", created_at=clock.now(),
        )  # fmt: skip
        for reference in (str(run.pk), str(run.pk)[:8], str(run.pk)[:13].upper()):
            text = said("runs", "show", reference)
            for words in (str(run.pk), "Engineer", "Mend the roof", "succeeded", "Run started"):
                assert words in text
        told = json.loads(said("runs", "show", str(run.pk), "--json"))
        assert told["events"][0]["message"] == "Run started"

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("show", "00000000"), "There is no run '00000000'"),
            (("show", "not-an-id"), "There is no run 'not-an-id'"),
            (("show", factories.NO_SUCH_ID), "There is no run"),
            (("follow", ""), "There is no run ''"),
            (("list", "--limit", "0"), "between 1 and 500"),
            (("list", "--limit", "501"), "between 1 and 500"),
            (("list", "--status", "asleep"), "invalid choice"),
            (("list", "--company", "NOPE"), "There is no company"),
            ((), "required"),
        ],
    )
    def test_what_cannot_be_shown_is_said_in_a_line(self, cast, arguments, words):
        assert words in refused("runs", *arguments)

    def test_letters_that_two_runs_begin_with_need_more(self, cast):
        ids = ["abcdef00-0000-4000-8000-000000000001", "abcdef00-0000-4000-8000-000000000002"]
        for run_id in ids:
            factories.run(factories.agent(cast.company), id=run_id)
        assert "Several runs begin with" in refused("runs", "show", "abcdef")
        assert ids[1] in said("runs", "show", ids[1][:-1] + "2")


@pytest.mark.django_db
class TestDuties:
    def test_tick_does_everything_and_leaves_the_schedulers_mark_alone(self, cast):
        told = json.loads(said("tick", "--json"))
        assert set(told) == set(duties.names())
        from heartbeat import queries

        assert queries.last_tick_age_seconds() is None, (
            "a tick by hand must not hide a scheduler that is dead"
        )
        lines = said("tick").splitlines()
        assert len(lines) == len(told) + 1

    def test_a_duty_that_fails_is_named_after_the_others_had_their_turn(self, cast, monkeypatch):
        def broken(*, now):
            raise RuntimeError("no luck")

        monkeypatch.setitem(duties._DUTIES, "heartbeat.timers", broken)
        out = StringIO()
        with pytest.raises(CommandError, match="heartbeat.timers failed"):
            call_command("tick", "--json", stdout=out)
        told = json.loads(out.getvalue())
        assert told["heartbeat.timers"] == {"error": "RuntimeError: no luck"}
        assert set(told) == set(duties.names())

    def test_recover_does_the_recovery_duties(self, cast):
        told = json.loads(said("recover", "--json"))
        assert "recovery.lost_runs" in told
        assert all(name.startswith("recovery.") for name in told)
        assert len(told) == len([name for name in duties.names() if name.startswith("recovery.")])

    def test_recover_in_two_looks_frees_what_a_lost_host_held(self, cast):
        past = clock.now() - timedelta(minutes=5)
        runner = factories.runner(lease_expires_at=past, suspected_at=past, last_seen_at=past)
        run = factories.run(cast.engineer, runner=runner)
        said("recover")
        assert "reaped 1" in said("recover")
        run.refresh_from_db()
        assert run.error_code == "process_lost"

    def test_promote_retries_queues_what_is_due(self, cast):
        now = clock.now()
        due, later = (
            factories.run(
                agent,
                status="scheduled_retry",
                scheduled_retry_at=now + wait,
                scheduled_retry_attempt=1,
                scheduled_retry_reason="transient_failure",
            )
            for agent, wait in ((cast.engineer, timedelta(seconds=-1)), (cast.peer, timedelta(hours=1)))
        )
        assert json.loads(said("promote_retries", "--json")) == {
            "promoted": 1, "dropped": 0, "runIds": [str(due.pk)],
        }  # fmt: skip
        later.refresh_from_db()
        assert later.status == "scheduled_retry"
        assert said("promote_retries").startswith("0 retries queued")


class TestFollowing:
    """Against a real runner, in processes of their own."""

    @pytest.fixture
    def agent(self, product, tmp_path):
        script = tmp_path / "talk.py"
        script.write_text(TALK)

        def make(code: int, *waits: str):
            args = ["-I", str(script), str(code), *waits]
            return factories.agent(
                factories.company(), name="Talker", adapter_config={"command": sys.executable, "args": args}
            )

        return make

    def begin(self, product: Product, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env=product.environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell lets what it starts in the background ignore Ctrl-C, and so would whatever that starts.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )

    def test_wake_and_follow_ends_as_the_run_does(self, product, agent):
        agent(0)
        product.start("runner")
        good = product.manage("wake", "talker", "--follow")
        assert good.returncode == 0, good.stderr
        assert good.stdout.splitlines()[1:] == ["first", "last"]
        assert "oh" in good.stderr
        assert "-- succeeded after" in good.stderr.splitlines()[-1]
        run = Run.objects.get()
        again = product.manage("runs", "follow", str(run.pk)[:8])
        assert (again.returncode, again.stdout) == (0, "first\nlast\n")

    def test_a_run_that_fails_fails_the_command(self, product, agent):
        agent(3)
        product.start("runner")
        bad = product.manage("wake", "talker", "--follow")
        assert bad.returncode == 1
        assert "-- failed after" in bad.stderr
        assert "Traceback" not in bad.stderr

    def test_lines_come_while_the_run_lives_and_ctrl_c_leaves_it_alone(self, product, agent, tmp_path):
        talker = agent(0, str(tmp_path / "go"))
        product.start("runner")
        run_id = product.manage("wake", str(talker.pk)).stdout.split()[0]
        follower = self.begin(product, "runs", "follow", run_id)
        assert follower.stdout.readline() == "first\n", "it is shown before the run ends"
        assert Run.objects.get(pk=run_id).status == "running"
        follower.send_signal(signal.SIGINT)
        _, errors = follower.communicate(timeout=10)
        assert follower.returncode == 130
        assert "the run goes on" in errors
        assert "Traceback" not in errors
        assert Run.objects.get(pk=run_id).status == "running"
        second = self.begin(product, "runs", "follow", run_id)
        assert second.stdout.readline() == "first\n"
        (tmp_path / "go").touch()
        rest, _ = second.communicate(timeout=15)
        assert (second.returncode, rest) == (0, "last\n")

    def test_a_run_without_a_runner_is_waited_for(self, product, agent):
        talker = agent(0)
        follower = self.begin(product, "wake", str(talker.pk), "--follow")
        follower.stdout.readline()
        assert "queued" in follower.stderr.readline()
        product.start("runner")
        assert follower.communicate(timeout=30)[0] == "first\nlast\n"
        assert follower.returncode == 0

    def test_no_database_is_one_line(self, product):
        gone = product.manage("runs", "list", DATABASE_URL="postgresql://nobody@127.0.0.1:9/nothing")
        assert gone.returncode == 1
        assert len(gone.stderr.strip().splitlines()) == 1
        assert "database" in gone.stderr
