"""The engine under every order of events hypothesis can think of: nothing lost, doubled or left standing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.heartbeat.world import ENDINGS, World

pytestmark = pytest.mark.django_db(transaction=True)
endings = st.sampled_from(sorted(ENDINGS))
places = st.integers(min_value=0, max_value=30)
statuses = st.sampled_from(["todo", "in_progress", "blocked", "backlog", "done", "cancelled", "in_review"])
spans = st.sampled_from(
    [timedelta(seconds=1), timedelta(minutes=3), timedelta(minutes=45), timedelta(hours=7)]
)


class Engine(RuleBasedStateMachine):
    """What people, agents, programs, runners and the clock can do, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.world.write_issue(self.world.agents[1], None, None)

    def _agent(self, place):
        return self.world.agents[place % len(self.world.agents)]

    def _issue(self, place):
        return self.world.issues[place % len(self.world.issues)]

    def _running(self, place):
        running = self.world.running()
        return running[place % len(running)] if running else None

    @precondition(lambda self: len(self.world.issues) < 6)
    @rule(place=places, owned=st.booleans(), blocked=st.booleans(), is_child=st.booleans())
    def somebody_writes_an_issue(self, place, owned, blocked, is_child):
        self.world.write_issue(
            self._agent(place) if owned else None,
            self._issue(place) if blocked else None,
            self._issue(place + 1) if is_child else None,
        )

    @rule(place=places, status=statuses)
    def somebody_changes_a_status(self, place, status):
        self.world.change_issue(self._issue(place), {"status": status})

    @rule(place=places, to=places)
    def somebody_reassigns(self, place, to):
        self.world.change_issue(self._issue(place), {"assignee_agent_id": self._agent(to).pk})

    @rule(place=places, mentions=st.booleans(), whom=places)
    def somebody_comments(self, place, mentions, whom):
        self.world.comment(self._issue(place), self._agent(whom) if mentions else None)

    @rule(place=places, about=st.booleans(), which=places)
    def somebody_presses_wake(self, place, about, which):
        self.world.wake(self._agent(place), self._issue(which) if about else None)

    @rule(place=places, paused=st.booleans())
    def somebody_pauses_or_resumes_an_agent(self, place, paused):
        self.world.set_paused(self._agent(place), paused)

    @rule(place=places, mode=st.sampled_from(["pause", "pause", "resume", "cancel", "restore"]))
    def somebody_gives_an_order_over_a_tree(self, place, mode):
        self.world.hold(self._issue(place), mode)

    @rule()
    def somebody_ends_every_pause(self):
        self.world.release_holds()

    @rule(place=places)
    def somebody_cancels_a_run(self, place):
        live = self.world.live()
        if live:
            self.world.cancel(live[place % len(live)])

    @rule(which=st.integers(min_value=0, max_value=1), most=st.integers(min_value=1, max_value=3))
    def a_runner_claims(self, which, most):
        self.world.claim(self.world.runners[which], most)

    @rule(place=places)
    def an_agent_says_something(self, place):
        if (run := self._running(place)) is not None:
            self.world.agent_comment(run)

    @rule(place=places)
    def an_agent_closes_its_issue(self, place):
        if (run := self._running(place)) is not None:
            self.world.agent_closes(run)

    @rule(place=places, how=endings)
    def a_program_ends(self, place, how):
        if (run := self._running(place)) is not None:
            self.world.end(run, how)

    @rule(place=places)
    def a_program_is_lost(self, place):
        if (run := self._running(place)) is not None:
            self.world.lose(run)

    @rule(place=places, how=endings)
    def an_ending_is_told_twice(self, place, how):
        if (run := self._running(place)) is not None:
            self.world.end(run, how)
            self.world.end(run, "well")

    @rule(by=spans)
    def time_passes(self, by):
        self.world.pass_time(by)

    @rule()
    def the_scheduler_ticks(self):
        self.world.tick()

    @rule()
    def two_schedulers_tick_at_once(self):
        self.world.both(self.world.tick, self.world.tick)

    @rule()
    def two_runners_claim_at_once(self):
        first, second = self.world.runners
        self.world.both(lambda: self.world.claim(first, 3), lambda: self.world.claim(second, 3))

    @rule(place=places, how=endings)
    def a_program_ends_while_somebody_comments(self, place, how):
        run = self._running(place)
        if run is not None and run.issue_id is not None:
            self.world.both(lambda: self.world.end(run, how), lambda: self.world.comment(run.issue_id, None))

    @rule(place=places, how=endings)
    def a_program_ends_while_it_is_given_up_for_lost(self, place, how):
        if (run := self._running(place)) is not None:
            self.world.both(lambda: self.world.end(run, how), lambda: self.world.lose(run))

    @invariant()
    def everything_holds(self):
        self.world.check()

    @invariant()
    def the_board_says_what_moves_everything(self):
        self.world.check_everything_is_said()

    def teardown(self):
        try:
            for how in ("killed", "well, silent"):
                self.world.wake_everybody()
                self.world.release_holds()
                self.world.quiesce(how)
                self.world.check_nothing_stands_still()
                self.world.check_everything_is_said()
            assert self.world.waiting_wakes() == 0, "a wake waits for ever"
        finally:
            with connection.cursor() as cursor:
                cursor.execute("TRUNCATE companies, users, runners CASCADE")


def test_nothing_is_lost_doubled_or_left_standing():
    run_state_machine_as_test(
        Engine,
        settings=settings(
            max_examples=10,
            stateful_step_count=30,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
