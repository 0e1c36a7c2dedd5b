"""One press on an issue that stands still does what its sentence says, and nothing when it has moved meanwhile."""

from __future__ import annotations

from datetime import timedelta

import pytest

from heartbeat import mending, movement
from heartbeat.models import LoopStop, ProviderGate, Run
from heartbeat.moves import Action, Kind
from heartbeat.providers import key_of
from issues import tree_control
from issues.models import Issue
from paperclip.companies import actors
from paperclip.companies.models import Agent, Company
from paperclip.core import clock
from paperclip.core.errors import Conflict
from tests import factories
from tests.heartbeat.test_wakeups import wake

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(cast):
    return actors.for_user(cast.owner)


@pytest.fixture
def issue(cast):
    factories.runner()
    return factories.issue(cast.company, assignee_agent=cast.engineer)


def paused_agent(cast, issue, person):
    Agent.objects.filter(pk=cast.engineer.pk).update(status="paused", pause_reason="manual")


def held(cast, issue, person):
    tree_control.give(root_id=issue.pk, mode="pause", actor=person, now=clock.now())


def stopped_company(cast, issue, person):
    Company.objects.filter(pk=cast.company.pk).update(status="paused")


def drained_company(cast, issue, person):
    wake(cast.engineer, issue=issue)
    Company.objects.filter(pk=cast.company.pk).update(draining_since=clock.now())


def backlog(cast, issue, person):
    Issue.objects.filter(pk=issue.pk).update(status="backlog")


def loop(cast, issue, person):
    LoopStop.objects.create(company=cast.company, agent=cast.engineer, issue=issue, runs=5, reason="Round")


def cancelled_blocker(cast, issue, person):
    factories.blocks(factories.issue(cast.company, status="cancelled"), issue)


def cancelled_blocker_of_a_blocker(cast, issue, person):
    between = factories.issue(cast.company, assignee_agent=cast.peer)
    factories.blocks(factories.issue(cast.company, status="cancelled"), between)
    factories.blocks(between, issue)


def waiting_retry(cast, issue, person):
    later = clock.now() + timedelta(hours=2)
    before = factories.run(cast.engineer, issue=issue, status="failed", finished_at=clock.now())
    factories.run(
        cast.engineer,
        issue=issue,
        status="scheduled_retry",
        scheduled_retry_at=later,
        scheduled_retry_attempt=1,
        retry_of_run=before,
    )


def shut_account(cast, issue, person):
    wake(cast.engineer, issue=issue)
    now = clock.now()
    ProviderGate.objects.create(
        company=cast.company,
        key=key_of(cast.engineer),
        label="process",
        state="closed",
        closed_at=now,
        not_before=now + timedelta(hours=1),
    )


def cancelled_by_a_person(cast, issue, person):
    now = clock.now()
    factories.run(
        cast.engineer,
        issue=issue,
        status="cancelled",
        cancel_requested_at=now,
        cancel_reason="Enough",
        finished_at=now,
        error_code="cancelled",
    )


@pytest.mark.parametrize(
    ("scene", "action"),
    [
        pytest.param(paused_agent, Action.RESUME_AGENT, id="its agent is paused"),
        pytest.param(held, Action.RELEASE_HOLD, id="it is held"),
        pytest.param(stopped_company, Action.RESUME_COMPANY, id="the company is stopped"),
        pytest.param(drained_company, Action.TAKE_WORK, id="the company drains"),
        pytest.param(backlog, Action.START, id="it is in the backlog"),
        pytest.param(loop, Action.LIFT_STOP, id="its agent went round in circles"),
        pytest.param(cancelled_blocker, Action.DROP_BLOCKER, id="its blocker is cancelled"),
        pytest.param(
            cancelled_blocker_of_a_blocker, Action.DROP_BLOCKER, id="the blocker of its blocker is cancelled"
        ),
        pytest.param(waiting_retry, Action.RETRY_NOW, id="a retry waits for its time"),
        pytest.param(shut_account, Action.OPEN_ACCOUNT, id="the provider's account is shut"),
        pytest.param(cancelled_by_a_person, Action.WAKE, id="a person had stopped it"),
    ],
)
def test_a_press_mends_what_the_sentence_names(cast, issue, person, scene, action):
    scene(cast, issue, person)
    before = movement.of(_read(issue), now=clock.now())
    assert before.action == action, before

    said = mending.mend(issue_id=issue.pk, action=action, actor=person, now=clock.now())

    after = movement.of(_read(issue), now=clock.now())
    assert after.kind != before.kind, after
    assert not after.is_missing
    assert said.endswith(".")
    with pytest.raises(Conflict):
        mending.mend(issue_id=issue.pk, action=action, actor=person, now=clock.now())
    assert Run.objects.filter(issue=issue, status__in=("queued", "scheduled_retry")).count() <= 1


@pytest.mark.parametrize(
    "action", [pytest.param("assign", id="not a press"), pytest.param("explode", id="unknown")]
)
def test_what_is_not_a_deed_is_refused_with_how_it_stands(issue, person, action):
    with pytest.raises(Conflict, match="It is taken up again within a minute|called"):
        mending.mend(issue_id=issue.pk, action=action, actor=person, now=clock.now())


def test_every_action_is_a_deed_or_leads_somewhere():
    from heartbeat.admin import movement as pages

    for action in Action:
        assert action in pages._LABELS
        assert mending.is_a_deed(action) != (action in pages._PLACES), action


def test_work_that_moves_by_itself_asks_nobody(issue):
    assert movement.of(_read(issue), now=clock.now()).kind == Kind.RECOVERY


def _read(issue):
    related = ("company", "project", "assignee_agent", "assignee_user")
    return Issue.objects.select_related(*related).get(pk=issue.pk)
