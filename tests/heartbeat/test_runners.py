"""What people say to runners and hear of them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from heartbeat import doctor, duties, runners
from heartbeat.models import Runner, Tick
from heartbeat.runner import lease
from paperclip.core import clock
from paperclip.governance.models import Notice
from tests import factories

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def now():
    return clock.now()


def gone(now, **fields) -> Runner:
    past = now - 2 * MINUTE
    return factories.runner(**{"last_seen_at": past, "lease_expires_at": now - MINUTE} | fields)


def watched(now) -> None:
    """Somebody looked a moment ago."""
    Tick.objects.update_or_create(
        name=runners.WATCH, defaults={"committed_at": now - timedelta(seconds=5), "summary": {}}
    )


class TestLost:
    def test_people_are_told_once_of_a_runner_that_went_away(self, now):
        runner = gone(now)
        watched(now)
        assert runners.watch(now=now).lost == 1
        assert runners.watch(now=now).lost == 0
        notice = Notice.objects.get()
        assert (notice.company_id, notice.kind, notice.key, notice.repeats) == (
            None, "runner_lost", runner.name, 1,
        )  # fmt: skip
        runner.refresh_from_db()
        assert runners.state(runner, now=now) == "lost"

    def test_one_that_a_recovery_pass_wrote_off_is_told_as_well(self, now):
        gone(now, state="stopped", stopped_at=now)
        watched(now)
        assert runners.watch(now=now).lost == 1

    @pytest.mark.parametrize(
        "fields",
        [
            pytest.param({"lease_expires_at": timedelta(seconds=5)}, id="only just silent"),
            pytest.param({"state": "stopped", "stopped_at": 2 * MINUTE}, id="stopped on purpose"),
            pytest.param({"lost_at": timedelta()}, id="told before"),
        ],
    )
    def test_others_are_not(self, now, fields):
        moments = {name: now - ago for name, ago in fields.items() if isinstance(ago, timedelta)}
        gone(now, **fields | moments)
        watched(now)
        assert runners.watch(now=now).lost == 0
        assert not Notice.objects.exists()

    def test_after_an_outage_of_everything_nobody_is_called_lost_at_once(self, now):
        gone(now)
        assert duties.do(runners.WATCH, now=now)["lost"] == 0
        assert duties.do(runners.WATCH, now=now + timedelta(seconds=91))["lost"] == 0
        assert duties.do(runners.WATCH, now=now + timedelta(seconds=96))["lost"] == 1

    def test_one_that_comes_back_takes_it_back(self, now, settings):
        settings.RUNNER_NAME = "me"
        gone(now, name="me", host=lease.socket.gethostname())
        watched(now)
        runners.watch(now=now)
        runner = lease.register(now=now)
        assert runners.state(runner, now=now) == "active"
        assert Notice.objects.get().closed_at


class TestDrain:
    def test_it_is_asked_once_and_taken_back_once(self, now):
        runner = factories.runner()
        assert runners.drain(runner=runner, now=now)
        assert not runners.drain(runner=runner, now=now)
        assert Runner.objects.get().state == "draining"
        assert runners.take_work(runner=runner, now=now)
        assert not runners.take_work(runner=runner, now=now)
        assert Runner.objects.get().state == "active"

    def test_a_stopped_one_is_drained_without_seeming_to_live(self, now):
        runner = factories.runner(state="stopped")
        runners.drain(runner=runner, now=now)
        runner.refresh_from_db()
        assert (runner.state, runners.state(runner, now=now)) == ("stopped", "drained")

    def test_it_holds_over_a_restart(self, now, settings):
        settings.RUNNER_NAME = "me"
        runners.drain(runner=lease.register(now=now), now=now)
        again = lease.register(now=now)
        assert again.state == "draining"
        assert lease.is_drained(again)
        assert "me is drained" in runners.rests()
        runners.take_work(runner=again, now=now)
        assert runners.rests() is None

    @pytest.mark.parametrize(
        ("fields", "state", "words"),
        [
            ({}, "ok", "me, 0 of 8 runs live"),
            ({"drain_requested_at": clock.now(), "state": "draining"}, "warn", "drains and takes no work"),
            ({"drain_requested_at": clock.now(), "state": "stopped"}, "warn", "is drained and takes no work"),
            ({"state": "stopped"}, "warn", "stopped"),
            ({"lease_expires_at": clock.now() - MINUTE}, "fail", "is silent"),
        ],
    )
    def test_the_doctor_says_so(self, settings, fields, state, words):
        settings.RUNNER_NAME = "me"
        factories.runner(name="me", **fields)
        found = doctor.look_at_runner()
        assert found.state == state
        assert words in found.text
        assert doctor.look_at_other_runners().text == "none"

    def test_the_doctor_looks_for_other_hosts(self, now):
        factories.runner(name="there")
        assert doctor.look_at_other_runners().text == "1 at work"
        gone(now, name="away")
        found = doctor.look_at_other_runners()
        assert (found.state, found.text) == ("warn", "away gone without a word")


class TestLease:
    def test_a_runner_of_the_same_name_on_another_host_is_refused(self, now, settings):
        """Each would take the other's runs for its own and start them again."""
        settings.RUNNER_NAME = "me"
        factories.runner(name="me", host="elsewhere", lease_expires_at=now + MINUTE)
        with pytest.raises(lease.NameInUse, match="works on host elsewhere"):
            lease.register(now=now)
        assert lease.register(now=now + 2 * MINUTE).name == "me", "that host is gone"

    @pytest.mark.parametrize("change", [{"state": "stopped"}, {"pid": 1}, {"lost_at": clock.now()}])
    def test_a_runner_that_was_given_up_learns_it_when_it_renews(self, now, settings, change):
        settings.RUNNER_NAME = "me"
        runner = lease.register(now=now)
        assert lease.renew(runner, now=now)
        Runner.objects.update(**change)
        assert not lease.renew(runner, now=now)

    def test_worst_case_of_a_vanished_host_is_within_a_minute(self, settings):
        """It vanishes right after renewing; each look comes a full pace late."""
        from heartbeat.recovery import lost_runs

        pace = duties.pace(lost_runs.NAME)
        until_reaped = timedelta(seconds=settings.RUNNER_LEASE_SECONDS) + pace + lost_runs.GRACE + pace
        assert until_reaped <= timedelta(seconds=50)
