"""Agents that answer each other for ever: seen, stopped for all of them, and left to a person (field notes 8, 9)."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from heartbeat import breaker, circles, movement
from heartbeat.choices import RUN_LIVE
from heartbeat.circles import Step
from heartbeat.models import LoopStop, Run, WakeupRequest
from issues import comments, documents
from issues import lifecycle as issue_lifecycle
from issues.models import Comment, Issue
from paperclip.board import attention
from paperclip.companies import actors
from paperclip.companies.models import Activity
from paperclip.core import clock
from paperclip.governance.models import Notice
from tests import factories
from tests.heartbeat.test_breaker import SYSTEM, look, ran, says, soon
from tests.heartbeat.test_claims import claim
from tests.heartbeat.test_lifecycle import finish
from tests.heartbeat.test_wakeups import wake

pytestmark = pytest.mark.django_db
LIMIT = 6
_facts = itertools.count()


@pytest.fixture(autouse=True)
def impatience(settings):
    settings.LOOP_RUNS_BETWEEN_AGENTS = LIMIT


@pytest.fixture
def issue(cast):
    return factories.issue(cast.company, assignee_agent=cast.engineer, status="in_progress")


def to_and_fro(cast, issue, count, *, does=None):
    """`count` runs, of the engineer and the peer in turn, each called by the other; what the breaker said of each."""
    pair = itertools.cycle([(cast.engineer, cast.peer), (cast.peer, cast.engineer)])
    answers = []
    for agent, other in itertools.islice(pair, count):
        answers.append(look(ran(agent, issue, by=("agent", str(other.pk)), does=does)))
    return answers


def in_hand(issue, actor):
    """Let the agent act on the issue, without a word of it in the log."""
    Issue.objects.filter(pk=issue.pk).update(
        assignee_agent=actor.agent_id, assignee_user=None, checkout_run=actor.run_id
    )


def something_new(issue):
    numbers = itertools.count()

    def do(actor):
        in_hand(issue, actor)
        says(issue, f"Have you thought of {next(numbers)}?")(actor)

    return do


# --- When it is one --------------------------------------------------------------------------------------


def test_agents_that_only_talk_are_stopped_all_of_them(cast, issue):
    assert to_and_fro(cast, issue, LIMIT, does=something_new(issue)) == [False] * (LIMIT - 1) + [True]

    stops = LoopStop.objects.order_by("agent__name")
    assert [(stop.agent.name, stop.is_between_agents, stop.runs) for stop in stops] == [
        ("Engineer", True, LIMIT),
        ("Peer", True, LIMIT),
    ]
    told = Comment.objects.get(issue=issue, author_type="system")
    assert "Peer and Engineer called each other 6 times in a row" in told.body
    assert told.presentation["tone"] == "warning"
    entry = Activity.objects.get(action="issue.loop_stopped")
    assert set(entry.details["agentIds"]) == {str(cast.engineer.pk), str(cast.peer.pk)}
    notice = Notice.objects.get(kind="loop_stopped")
    assert notice.title == "Peer and Engineer go in circles and were stopped"


def test_it_is_told_once(cast, issue):
    to_and_fro(cast, issue, LIMIT + 3)
    assert LoopStop.objects.count() == 2
    assert Comment.objects.filter(author_type="system").count() == 1


@pytest.mark.parametrize(
    "deed",
    [
        pytest.param(
            lambda issue: (
                lambda actor: documents.put(
                    issue_id=issue.pk,
                    key="notes",
                    body=f"Fact {next(_facts)}",
                    actor=actor,
                    now=soon(),
                    overwrite=True,
                )
            ),
            id="something is written",
        ),
        pytest.param(
            lambda issue: (
                lambda actor: issue_lifecycle.create(
                    company_id=issue.company_id, fields={"title": "More"}, actor=actor, now=soon()
                )
            ),
            id="an issue is made",
        ),
    ],
)
def test_what_moves_is_no_circle(cast, issue, deed):
    def do(actor):
        in_hand(issue, actor)
        if actor.agent_id == cast.engineer.pk:
            deed(issue)(actor)

    assert not any(to_and_fro(cast, issue, 2 * LIMIT, does=do))


def test_a_new_status_is_news_and_the_same_again_is_not(cast, issue):
    statuses = itertools.cycle(["blocked", "in_progress"])

    def do(actor):
        in_hand(issue, actor)
        issue_lifecycle.update(issue_id=issue.pk, fields={"status": next(statuses)}, actor=actor, now=soon())

    answers = to_and_fro(cast, issue, 2 * LIMIT, does=do)
    assert answers.index(True) in range(LIMIT, LIMIT + 4)


def test_passing_the_work_on_and_back_is_no_news_for_long(cast, issue):
    def do(actor):
        in_hand(issue, actor)
        other = cast.peer if actor.agent_id == cast.engineer.pk else cast.engineer
        issue_lifecycle.update(
            issue_id=issue.pk, fields={"assignee_agent_id": other.pk}, actor=actor, now=soon()
        )

    answers = to_and_fro(cast, issue, 2 * LIMIT, does=do)
    assert answers.index(True) in range(LIMIT, LIMIT + 3)


def test_a_persons_word_starts_the_count_anew(cast, issue):
    to_and_fro(cast, issue, LIMIT - 1)
    comments.add(issue_id=issue.pk, body="Go on like this", actor=actors.for_user(cast.owner), now=soon())
    Run.objects.filter(status="queued").delete()
    assert to_and_fro(cast, issue, LIMIT + 1) == [False] * LIMIT + [True], "the first answers that word"


def test_what_only_the_product_calls_for_is_none(cast, issue):
    """A daily look that says something new each day may go on for ever."""
    do = something_new(issue)
    assert not any(look(ran(cast.engineer, issue, by=SYSTEM, does=do)) for _ in range(2 * LIMIT))


def test_words_from_another_issue_count_as_well(cast, issue):
    """Two agents, each on an issue of its own, that comment on the other's."""
    for _ in range(LIMIT - 1):
        assert look(ran(cast.engineer, issue, by=("agent", str(cast.peer.pk)))) is False
    assert look(ran(cast.engineer, issue, by=("agent", str(cast.peer.pk)))) is True
    assert "Other agents called Engineer 6 times in a row" in LoopStop.objects.get().reason


@pytest.mark.parametrize(
    ("called", "expected"),
    [
        pytest.param([True, True, True, True], True, id="all by others"),
        pytest.param([True, False, True, False], True, id="half by others"),
        pytest.param([True, False, False, False], False, id="mostly by the product"),
    ],
)
def test_who_calls_decides(called, expected):
    steps = [Step(False, 0, (), (), is_called_by_other=by) for by in called]
    assert circles.goes_to_and_fro(steps, limit=4) is expected


# --- What a stop does ------------------------------------------------------------------------------------


def stopped(cast, issue):
    to_and_fro(cast, issue, LIMIT)
    return LoopStop.objects.get(agent=cast.engineer)


@pytest.mark.parametrize("agent", ["engineer", "peer"])
def test_other_agents_reach_neither_of_them(cast, issue, agent):
    stopped(cast, issue)
    called = getattr(cast, agent)
    Issue.objects.filter(pk=issue.pk).update(assignee_agent=called)
    outcome = wake(called, issue=issue, actor=actors.for_agent(cast.ceo))
    assert outcome.refused.code == "loop_stopped"


def test_a_person_reaches_one_and_frees_both(cast, issue):
    stopped(cast, issue)
    outcome = wake(cast.engineer, issue=issue, actor=actors.for_user(cast.owner))
    assert outcome.run is not None
    assert not LoopStop.objects.filter(closed_at__isnull=True).exists()
    assert not Notice.objects.filter(kind="loop_stopped", closed_at__isnull=True).exists()


def test_a_persons_comment_frees_both(cast, issue):
    stopped(cast, issue)
    comments.add(issue_id=issue.pk, body="Do it like this", actor=actors.for_user(cast.owner), now=soon())
    Run.objects.filter(status="queued").delete()
    assert wake(cast.engineer, issue=issue, actor=actors.for_agent(cast.peer)).run is not None
    assert not LoopStop.objects.filter(closed_at__isnull=True).exists()


def test_the_board_says_who_keeps_it_and_lets_it_go_on(cast, issue):
    stop = stopped(cast, issue)
    issue.refresh_from_db()
    move = movement.of(issue, now=clock.now())
    assert (move.kind, move.action) == ("loop", "lift_stop")
    assert "called each other" in move.sentence

    assert breaker.clear(stop=stop, actor=actors.for_user(cast.owner), now=soon()).kind == "queued"
    assert not LoopStop.objects.filter(closed_at__isnull=True).exists()
    Run.objects.filter(status="queued").delete()
    assert to_and_fro(cast, issue, LIMIT + 1) == [False] * LIMIT + [True], "the count starts anew"


def needs_a_person(cast):
    found = attention.items(cast.company.pk, now=clock.now())
    return [
        (item.who, item.text) for item in found if item.icon == "loop" or "called each other" in item.text
    ]


def test_whom_it_concerns_is_in_needs_you_whoever_has_the_issue(cast, issue):
    stopped(cast, issue)
    ((who, text),) = needs_a_person(cast)
    assert who == issue.identifier
    assert "Nobody but a person calls them now" in text, "the issue stands still, and its line says why"

    Issue.objects.filter(pk=issue.pk).update(assignee_agent=cast.manager)
    factories.run(cast.manager, issue=issue)
    ((who, text),) = needs_a_person(cast)
    assert who in ("Engineer", "Peer"), "somebody else is at work on it: one line for the two"
    assert "Peer and Engineer called each other 6 times" in text
    assert issue.identifier in text

    Issue.objects.filter(pk=issue.pk).update(status="done")
    assert needs_a_person(cast) == []


def test_a_timer_that_was_stopped_is_in_needs_you(cast):
    LoopStop.objects.create(company=cast.company, agent=cast.peer, runs=20, reason="Twenty idle runs")
    assert needs_a_person(cast) == [("Peer", "is not called by itself any more: Twenty idle runs")]


def test_two_agents_that_answer_each_other_come_to_rest(cast, issue):
    """Real calls, claims and ends: each run says something new and names the other."""
    names = {cast.engineer.pk: cast.ceo.name, cast.ceo.pk: cast.engineer.name}
    now = clock.now()
    wake(cast.engineer, issue=issue, reason="issue_assigned", now=now)
    started = 0
    for round_ in range(40):
        claimed = claim()
        if not claimed:
            break
        for run in claimed:
            started += 1
            actor = actors.for_agent(run.agent, run_id=run.pk)
            now += timedelta(seconds=1)
            body = f"@{names[run.agent_id]} and what of case {round_}?"
            comments.add(issue_id=issue.pk, body=body, actor=actor, now=now)
            finish(run)

    assert LoopStop.objects.filter(issue=issue, closed_at__isnull=True).count() == 2
    assert not Run.objects.filter(status__in=RUN_LIVE).exists()
    assert started <= 2 * LIMIT
    last = WakeupRequest.objects.latest("requested_at")
    assert last.status == "cancelled"
    assert "called each other" in last.error, "the last word is not answered, and its request says why"
