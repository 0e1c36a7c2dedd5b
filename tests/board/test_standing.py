"""What stands in an agent's or an issue's way is said on its page, with the button that mends it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from heartbeat.models import LoopStop, ProviderGate, Run
from heartbeat.providers import key_of
from issues.models import Issue
from paperclip.companies.models import Agent
from paperclip.core import clock
from tests import factories
from tests.board.conftest import browse

pytestmark = pytest.mark.django_db


def agent_page(agent):
    return f"/admin/companies/agent/{agent.pk}/change/"


def issue_page(issue):
    return f"/admin/issues/issue/{issue.pk}/change/"


@pytest.fixture
def stop(cast):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer)
    return LoopStop.objects.create(
        company=cast.company, agent=cast.engineer, issue=issue, runs=5, reason="Five runs brought nothing new"
    )


@pytest.fixture
def gate(cast):
    now = clock.now()
    return ProviderGate.objects.create(
        company=cast.company,
        key=key_of(cast.engineer),
        label="claude · opus",
        state="closed",
        reason="Usage limit reached",
        closed_at=now,
        not_before=now + timedelta(hours=1),
    )


def test_a_stopped_loop_is_shown_and_lifted(cast, stop):
    board = browse(cast.owner)
    assert "Five runs brought nothing new" in board.get(agent_page(cast.engineer)).content.decode()

    board.post(f"/admin/heartbeat/run/stop/{stop.pk}/lift/")

    stop.refresh_from_db()
    assert stop.closed_at is not None
    assert Run.objects.filter(issue=stop.issue, status="queued").count() == 1
    assert "Nothing keeps it" in board.get(agent_page(cast.engineer)).content.decode()


def test_a_shut_account_is_shown_and_opened(cast, gate):
    board = browse(cast.owner)
    assert "claude · opus" in board.get(agent_page(cast.engineer)).content.decode()

    board.post(f"/admin/heartbeat/run/account/{gate.pk}/open/{cast.engineer.pk}/")

    gate.refresh_from_db()
    assert gate.state == "open"


def test_the_issue_page_mends_what_it_names(cast):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer)
    Agent.objects.filter(pk=cast.engineer.pk).update(status="paused", pause_reason="manual")
    board = browse(cast.owner)
    html = board.get(issue_page(issue)).content.decode()
    assert "Engineer is paused." in html
    assert "Resume the agent" in html

    board.post(f"/admin/heartbeat/run/mend/{issue.pk}/", {"action": "resume_agent"})

    assert Agent.objects.get(pk=cast.engineer.pk).status == "idle"


def test_a_press_that_comes_too_late_says_how_things_stand(cast):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="done")
    answer = browse(cast.owner).post(
        f"/admin/heartbeat/run/mend/{issue.pk}/", {"action": "resume_agent"}, follow=True
    )
    assert "That is not what it needs now. It is done." in answer.content.decode()


def test_a_waiting_retry_counts_down_and_starts_at_once(cast):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer)
    failed = factories.run(cast.engineer, issue=issue, status="failed", finished_at=clock.now())
    retry = factories.run(
        cast.engineer,
        issue=issue,
        status="scheduled_retry",
        scheduled_retry_at=clock.now() + timedelta(minutes=30),
        scheduled_retry_attempt=2,
        scheduled_retry_reason="transient_failure",
        retry_of_run=failed,
    )
    board = browse(cast.owner)
    html = board.get(f"/admin/heartbeat/run/{retry.pk}/change/").content.decode()
    assert "data-due" in html
    assert "Retry now" in html
    assert "Retry now" in board.get(issue_page(issue)).content.decode()

    board.post(f"/admin/heartbeat/run/{retry.pk}/do/retry/")

    retry.refresh_from_db()
    assert retry.status == "queued"


@pytest.mark.parametrize("who", ["viewer", "outsider"])
def test_nobody_else_presses_anything(cast, stop, gate, who):
    board = browse(getattr(cast, who))
    Issue.objects.filter(pk=stop.issue_id).update(status="backlog")
    for path in (
        f"/admin/heartbeat/run/stop/{stop.pk}/lift/",
        f"/admin/heartbeat/run/account/{gate.pk}/open/{cast.engineer.pk}/",
        f"/admin/heartbeat/run/mend/{stop.issue_id}/",
    ):
        assert board.post(path, {"action": "start"}).status_code == 404
        assert board.get(path).status_code == 405
    stop.refresh_from_db()
    gate.refresh_from_db()
    assert (stop.closed_at, gate.state) == (None, "closed")
    assert Issue.objects.get(pk=stop.issue_id).status == "backlog"
