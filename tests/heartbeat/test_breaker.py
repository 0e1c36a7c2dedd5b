"""Loops of calls that move nothing: seen, stopped, told to the board, and let go on (field notes 8, 9)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from heartbeat import breaker, circles, stops
from heartbeat.circles import Step
from heartbeat.models import LoopStop, Run, WakeupRequest
from issues import comments, documents
from issues import lifecycle as issue_lifecycle
from issues.models import Comment, Issue
from paperclip.companies import actors
from paperclip.companies.models import Activity
from paperclip.core import clock
from paperclip.core.errors import Conflict
from tests import factories
from tests.heartbeat.test_claims import claim
from tests.heartbeat.test_lifecycle import finish
from tests.heartbeat.test_wakeups import comment_wake, wake

pytestmark = pytest.mark.django_db
SYSTEM = ("system", "heartbeat_service")
_moments = iter(range(1, 1_000_000))


@pytest.fixture
def issue(cast):
    return factories.issue(cast.company, assignee_agent=cast.engineer, status="in_progress")


def soon():
    """A time of its own for each run: within a test they would all be of one moment."""
    return clock.now() + timedelta(seconds=next(_moments))


def ran(agent, issue, *, by=SYSTEM, does=None, **fields):
    """A run that has ended, called by `by`, during which its agent did what `does(actor)` does."""
    now = soon()
    run = factories.run(agent, issue=issue, created_at=now, started_at=now, **fields)
    request = WakeupRequest.objects.create(
        company=agent.company, agent=agent, issue=issue, source="automation", status="claimed", run=run,
        requested_by_actor_type=by[0], requested_by_actor_id=by[1], requested_at=now,
    )  # fmt: skip
    run.wakeup_request = request
    run.save()
    if does is not None:
        does(actors.for_agent(agent, run_id=run.pk))
    if run.status == "running":
        run.status, run.finished_at = "succeeded", now
        run.save()
    return run


def look(run):
    run.refresh_from_db()
    request = run.wakeup_request
    requester = (request.requested_by_actor_type, request.requested_by_actor_id)
    return breaker.look(run, requester=requester, now=soon())


def rounds(agent, issue, count, **more):
    """`count` runs one after another; the last answer of the breaker."""
    return [look(ran(agent, issue, **more)) for _ in range(count)]


def says(issue, text):
    def do(actor):
        comments.add(issue_id=issue.pk, body=text() if callable(text) else text, actor=actor, now=soon())

    return do


# --- When a loop is one ----------------------------------------------------------------------------------


def test_runs_that_leave_no_trace_are_stopped(cast, issue):
    assert rounds(cast.engineer, issue, 5) == [False, False, False, False, True]

    stop = LoopStop.objects.get()
    assert (stop.agent_id, stop.issue_id, stop.runs, stop.closed_at) == (
        cast.engineer.pk, issue.pk, 5, None
    )  # fmt: skip
    said = Comment.objects.get(issue=issue)
    assert (said.author_type, said.presentation["tone"]) == ("system", "warning")
    assert "Engineer was called 5 times in a row" in said.body
    assert "write a comment" in said.body
    assert Activity.objects.get(action="issue.loop_stopped").details["agentId"] == str(cast.engineer.pk)
    assert stops.of_company(cast.company.pk) == [stop]


def test_a_stop_is_told_once(cast, issue):
    rounds(cast.engineer, issue, 8)
    assert (LoopStop.objects.count(), Comment.objects.count()) == (1, 1)


def test_the_number_of_runs_is_a_setting(cast, issue, settings):
    settings.LOOP_RUNS = 2
    assert rounds(cast.engineer, issue, 2) == [False, True]


@pytest.mark.parametrize(
    "deed",
    [
        pytest.param(
            lambda issue: says(issue, lambda: f"Found cause number {next(_moments)}"), id="says something new"
        ),
        pytest.param(
            lambda issue: lambda actor: documents.put(
                issue_id=issue.pk, key="notes", body=f"text {next(_moments)}", actor=actor, now=soon(),
                overwrite=True,
            ),
            id="writes something new",
        ),
        pytest.param(
            lambda issue: lambda actor: issue_lifecycle.create(
                company_id=issue.company_id, fields={"title": "More"}, actor=actor, now=soon()
            ),
            id="makes an issue",
        ),
        pytest.param(
            lambda issue: lambda actor: issue_lifecycle.update(
                issue_id=issue.pk, fields={"title": f"T{next(_moments)}"}, actor=actor, now=soon()
            ),
            id="changes the issue",
        ),
    ],
)  # fmt: skip
def test_work_that_moves_is_no_loop(cast, issue, deed):
    def do(actor):
        Issue.objects.filter(pk=issue.pk).update(checkout_run=actor.run_id)
        deed(issue)(actor)

    assert not any(rounds(cast.engineer, issue, 12, does=do))


def test_the_same_word_again_is_no_news(cast, issue):
    """Nor is it with another time, id or spacing in it: the first time it was said counts, the next five do not."""
    words = iter(
        [
            "Still waiting.",
            "Still  waiting.\n",
            "Still waiting. 2026-01-02T03:04:05Z",
            "Still waiting. 12:45",
            f"Still waiting. {factories.NO_SUCH_ID}",
            "Still waiting.",
        ]
    )

    def do(actor):
        Issue.objects.filter(pk=issue.pk).update(checkout_run=actor.run_id)
        says(issue, lambda: next(words))(actor)

    assert rounds(cast.engineer, issue, 6, does=do) == [False, False, False, False, False, True]


def test_a_status_that_goes_to_and_fro_is_no_news_for_long(cast, issue):
    def do(actor):
        Issue.objects.filter(pk=issue.pk).update(checkout_run=actor.run_id)
        status = Issue.objects.values_list("status", flat=True).get(pk=issue.pk)
        issue_lifecycle.update(
            issue_id=issue.pk,
            fields={"status": "blocked" if status == "in_progress" else "in_progress"},
            actor=actor,
            now=soon(),
        )

    answers = rounds(cast.engineer, issue, 9, does=do)
    assert answers.index(True) in (6, 7)


def test_taking_and_giving_back_is_no_news(cast, issue):
    def do(actor):
        Activity.objects.create(
            company=issue.company, actor_type="agent", actor_id=actor.id, run_id=actor.run_id,
            action="issue.checked_out", entity_type="issue", entity_id=str(issue.pk), created_at=soon(),
        )  # fmt: skip

    assert rounds(cast.engineer, issue, 5, does=do)[-1] is True


@pytest.mark.parametrize(
    "by",
    [
        pytest.param(lambda cast: ("user", str(cast.owner.pk)), id="a person"),
        pytest.param(lambda cast: ("agent", str(cast.peer.pk)), id="another agent"),
    ],
)
def test_what_somebody_asked_for_starts_the_count_anew(cast, issue, by):
    rounds(cast.engineer, issue, 3)
    assert rounds(cast.engineer, issue, 1, by=by(cast)) == [False]
    assert rounds(cast.engineer, issue, 5) == [False, False, False, False, True]


def test_calls_by_the_agent_itself_are_nobodys_wish(cast, issue):
    assert rounds(cast.engineer, issue, 5, by=("agent", str(cast.engineer.pk)))[-1] is True


def test_a_call_that_joined_the_run_counts_as_asked_for(cast, issue):
    rounds(cast.engineer, issue, 4)
    run = ran(cast.engineer, issue)
    WakeupRequest.objects.create(
        company=cast.company, agent=cast.engineer, issue=issue, source="automation", status="coalesced",
        run=run, requested_by_actor_type="user", requested_by_actor_id=str(cast.owner.pk), requested_at=soon(),
    )  # fmt: skip
    assert look(run) is False


def test_a_word_between_two_runs_starts_the_count_anew(cast, issue):
    rounds(cast.engineer, issue, 4)
    comments.add(issue_id=issue.pk, body="How is it?", actor=actors.for_user(cast.owner), now=soon())
    Run.objects.filter(status="queued").delete()
    assert rounds(cast.engineer, issue, 5)[:4] == [False] * 4


def test_a_word_during_the_last_run_is_heard(cast, issue):
    rounds(cast.engineer, issue, 4)

    def do(actor):
        comments.add(issue_id=issue.pk, body="Stop?", actor=actors.for_user(cast.owner), now=soon())

    assert look(ran(cast.engineer, issue, does=do)) is False


def test_reading_an_issue_says_nothing(cast, issue):
    rounds(cast.engineer, issue, 4)
    assert cast.as_owner.post(f"/api/issues/{issue.pk}/read").status_code == 200
    assert rounds(cast.engineer, issue, 1) == [True]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"status": "cancelled"}, id="stopped"),
        pytest.param({"status": "failed", "error_code": "process_lost"}, id="lost"),
        pytest.param({"status": "failed", "failure_category": "rate_limit"}, id="refused for its rate"),
        pytest.param({"status": "failed", "followup_mechanism": "scheduled_retry"}, id="refused upstream"),
    ],
)
def test_runs_that_say_nothing_of_their_work_do_not_count(cast, issue, fields):
    rounds(cast.engineer, issue, 2)
    for _ in range(6):
        ran(cast.engineer, issue, **fields)
    assert rounds(cast.engineer, issue, 3) == [False, False, True], "nor do they start the count anew"


def test_the_run_that_was_refused_upstream_stops_nothing(cast, issue):
    rounds(cast.engineer, issue, 4)
    refused = ran(cast.engineer, issue, status="failed", result_json={"errorFamily": "transient_upstream"})
    assert look(refused) is False


def test_failures_go_in_circles_too(cast, issue):
    assert rounds(cast.engineer, issue, 5, status="failed", error_code="adapter_failed")[-1] is True


def test_runs_of_others_on_the_issue_do_not_count(cast, issue):
    for _ in range(3):
        rounds(cast.engineer, issue, 1)
        ran(cast.peer, issue)
    assert not LoopStop.objects.exists()
    assert rounds(cast.engineer, issue, 2) == [False, True]


def test_a_timer_has_more_patience(cast):
    answers = rounds(cast.peer, None, 20)
    assert answers == [False] * 19 + [True]
    stop = LoopStop.objects.get()
    assert (stop.agent_id, stop.issue_id, stop.runs) == (cast.peer.pk, None, 20)
    assert Activity.objects.get(action="agent.loop_stopped").entity_id == str(cast.peer.pk)
    assert not Comment.objects.exists()


def test_runs_on_issues_are_no_part_of_a_timers_loop(cast, issue):
    rounds(cast.engineer, None, 15)
    ran(cast.engineer, issue)
    assert rounds(cast.engineer, None, 5)[-1] is True
    assert LoopStop.objects.get().issue_id is None


@pytest.mark.parametrize(
    ("steps", "loops"),
    [
        pytest.param([], False, id="no run"),
        pytest.param([Step(False, 0, (), ())], False, id="one"),
        pytest.param([Step(False, 0, (), ())] * 2, True, id="two of nothing"),
        pytest.param([Step(False, 0, (), ()), Step(True, 0, (), ())], False, id="asked for"),
        pytest.param([Step(False, 0, (), ()), Step(False, 1, (), ())], False, id="a deed"),
        pytest.param(
            [Step(False, 0, ("a",), ()), Step(False, 0, ("a",), ())], False, id="said for the first time"
        ),
        pytest.param([Step(False, 0, ("a",), ())] * 3, True, id="said before"),
        pytest.param(
            [Step(False, 0, ("a",), ()), Step(False, 0, ("b",), ()), Step(True, 3, ("b", "a"), ())],
            True,
            id="said before in a run that moved",
        ),
        pytest.param(
            [Step(False, 0, (), ("x done",)), Step(False, 0, (), ()), Step(False, 0, (), ("x todo",))],
            False,
            id="a new status",
        ),
    ],
)
def test_what_goes_in_circles(steps, loops):
    assert circles.goes_in_circles(steps, limit=2) is loops


@pytest.mark.parametrize(
    ("by", "queries"),
    [
        pytest.param(("user", "somebody"), 0, id="a person asked for it"),
        pytest.param(("agent", "another"), 1, id="another agent did"),
        pytest.param(SYSTEM, 2, id="nobody did"),
    ],
)
def test_a_look_is_a_query_for_each_kind_of_circle(cast, issue, by, queries):
    for _ in range(3):
        ran(cast.engineer, issue)
    run = Run.objects.select_related("agent").get(pk=ran(cast.engineer, issue).pk)
    with CaptureQueriesContext(connection) as asked:
        assert breaker.look(run, requester=by, now=soon()) is False
    assert len(asked) == queries


# --- What a stop does ------------------------------------------------------------------------------------


def stopped(cast, issue):
    return LoopStop.objects.create(
        company=cast.company, agent=cast.engineer, issue=issue, runs=5, reason="It went in circles"
    )


def test_automatic_calls_are_skipped(cast, issue):
    stopped(cast, issue)

    outcomes = [wake(cast.engineer, issue=issue, source="automation") for _ in range(2)]

    assert {outcome.refused.code for outcome in outcomes} == {"loop_stopped"}
    row = WakeupRequest.objects.get()
    assert (row.status, row.reason, row.error, row.coalesced_count) == (
        "skipped", "loop_stopped", "It went in circles", 1
    )  # fmt: skip


def test_a_queued_run_nobody_asked_for_ends_at_claim(cast, issue):
    run = wake(cast.engineer, issue=issue, source="automation").run
    stopped(cast, issue)

    assert claim() == []

    run.refresh_from_db()
    assert (run.status, run.error_code, run.wakeup_request.status) == ("cancelled", "loop_stopped", "skipped")


def test_a_timer_is_stopped_by_a_stop_without_an_issue_only(cast, issue):
    config = {"heartbeat": {"enabled": True, "intervalSec": 60, "maxConcurrentRuns": 5}}
    type(cast.engineer).objects.filter(pk=cast.engineer.pk).update(runtime_config=config)
    stopped(cast, issue)
    assert wake(cast.engineer, source="timer", reason="heartbeat_timer").kind == "queued"
    Run.objects.all().delete()
    stopped(cast, None)
    assert wake(cast.engineer, source="timer", reason="heartbeat_timer").refused.code == "loop_stopped"


@pytest.mark.parametrize(
    ("who", "goes", "is_lifted"),
    [
        pytest.param("person", True, True, id="a person lifts it"),
        pytest.param("other agent", True, False, id="another agent is heard"),
        pytest.param("itself", False, False, id="the agent itself is not"),
    ],
)
def test_who_still_reaches_the_agent(cast, issue, who, goes, is_lifted):
    stop = stopped(cast, issue)
    actor = {
        "person": actors.for_user(cast.owner),
        "other agent": actors.for_agent(cast.peer),
        "itself": actors.for_agent(cast.engineer),
    }[who]

    outcome = wake(cast.engineer, issue=issue, actor=actor)

    stop.refresh_from_db()
    assert (outcome.run is not None, stop.closed_at is not None) == (goes, is_lifted)
    if is_lifted:
        assert (stop.closed_by_actor_type, stop.closed_by_actor_id) == ("user", str(cast.owner.pk))


def test_a_comment_for_the_agent_goes_through(cast, issue):
    stopped(cast, issue)
    outcome = comment_wake(cast.engineer, issue, factories.comment(issue, author_agent=cast.peer))
    assert outcome.kind == "queued"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"description": "Do it otherwise"}, id="description"),
        pytest.param({"status": "todo"}, id="status"),
        pytest.param({"priority": "high"}, id="priority"),
    ],
)
def test_a_persons_change_of_the_issue_lifts_the_stop(cast, issue, change):
    stop = stopped(cast, issue)
    answer = cast.as_owner.patch(f"/api/issues/{issue.pk}", change)
    assert answer.status_code == 200

    assert wake(cast.engineer, issue=issue, source="automation").run is not None

    stop.refresh_from_db()
    assert stop.closed_at is not None


def test_what_an_agent_or_a_reader_does_lifts_nothing(cast, issue):
    stop = stopped(cast, issue)
    cast.as_owner.post(f"/api/issues/{issue.pk}/read")
    cast.as_agent(cast.ceo).patch(f"/api/issues/{issue.pk}", {"priority": "low"})
    assert wake(cast.engineer, issue=issue, source="automation").refused.code == "loop_stopped"
    stop.refresh_from_db()
    assert stop.closed_at is None


def test_a_person_lets_it_go_on(cast, issue):
    rounds(cast.engineer, issue, 5)
    stop = LoopStop.objects.get()
    owner = actors.for_user(cast.owner)

    outcome = breaker.clear(stop=stop, actor=owner, now=soon())

    stop.refresh_from_db()
    assert stop.close_reason == "A person let it go on"
    assert (outcome.kind, outcome.run.issue_id) == ("queued", issue.pk)
    assert outcome.run.context_snapshot["wakeReason"] == "loop_cleared"
    assert Activity.objects.filter(action="issue.loop_cleared").exists()
    with pytest.raises(Conflict):
        breaker.clear(stop=stop, actor=owner, now=soon())
    outcome.run.delete()
    answers = rounds(cast.engineer, issue, 6)
    assert answers == [False] * 5 + [True], "the count starts anew, and the first was asked for"
    assert LoopStop.objects.count() == 2


def test_a_timer_is_let_go_on(cast):
    stop = LoopStop.objects.create(company=cast.company, agent=cast.peer, runs=20, reason="r")
    outcome = breaker.clear(stop=stop, actor=actors.for_user(cast.owner), now=soon())
    assert (outcome.kind, outcome.run.issue_id) == ("queued", None)
    assert Activity.objects.get(action="agent.loop_cleared").entity_id == str(cast.peer.pk)


def test_the_database_holds_one_open_stop_per_agent_and_issue(cast, issue):
    for where in (issue, None):
        stopped(cast, where)
        with pytest.raises(IntegrityError), transaction.atomic():
            stopped(cast, where)


def test_an_engine_that_calls_for_nothing_comes_to_rest(cast, issue, settings):
    """Real calls, claims and ends: after the stop no call that nobody asked for starts a run."""
    settings.LOOP_RUNS = 3
    started = 0
    for _ in range(8):
        wake(cast.engineer, issue=issue, source="automation", reason="issue_monitor_due")
        for run in claim():
            started += 1
            finish(run)
    assert LoopStop.objects.filter(issue=issue, closed_at__isnull=True).count() == 1
    assert not Run.objects.filter(status__in=["queued", "running"]).exists()
    assert started <= 6
