"""Blockers in nobody's hands go back to the agent that made them (HB-50)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from heartbeat.models import Run
from heartbeat.recovery import stranded
from issues.models import Issue
from paperclip.companies.models import Agent
from paperclip.core import clock
from tests import factories
from tests.heartbeat.recovery import scenes

pytestmark = pytest.mark.django_db


@pytest.fixture
def now():
    return clock.now()


def orphan(cast, *, waiting=1, **fields):
    made = factories.issue(cast.company, created_by_agent=cast.engineer, status="todo", **fields)
    for _ in range(waiting):
        factories.blocks(made, factories.issue(cast.company, assignee_agent=cast.peer, status="blocked"))
    return made


def test_a_blocker_nobody_has_goes_back_to_its_maker(cast, now):  # HB-50
    issue = orphan(cast)
    (waiting,) = Issue.objects.filter(blocked_by_links__issue=issue)

    assert stranded.sweep(now=now).orphan_blockers_assigned == 1

    issue.refresh_from_db()
    assert issue.assignee_agent_id == cast.engineer.pk
    (word,) = scenes.words(issue)
    assert f"[{waiting.identifier}](/{issue.company.issue_prefix}/issues/{waiting.identifier})" in word.body
    (call,) = scenes.calls(issue)
    assert (call.reason, call.payload["mutation"]) == ("issue_assigned", "unassigned_blocker_recovery")
    assert scenes.live(issue).context_snapshot["source"] == "issue.unassigned_blocker_recovery"
    (deed,) = scenes.deeds(issue)
    assert deed.details["source"] == "recovery.reconcile_unassigned_blocking_issue"
    assert stranded.sweep(now=now).orphan_blockers_assigned == 0


def test_at_most_five_of_those_that_wait_are_named(cast, now):  # H-145
    issue = orphan(cast, waiting=7)
    stranded.sweep(now=now)
    (word,) = scenes.words(issue)
    assert (word.body.count("/issues/"), "and 2 more wait" in word.body) == (5, True)


def test_an_agent_that_lets_go_of_it_again_is_not_pressed(cast, now):  # field note 8
    issue = orphan(cast)
    stranded.sweep(now=now)
    Run.objects.filter(issue=issue).update(status="succeeded", finished_at=now)
    Issue.objects.filter(pk=issue.pk).update(assignee_agent=None, status="todo")

    assert stranded.sweep(now=now + timedelta(hours=1)).orphan_blockers_assigned == 0


@pytest.mark.parametrize(
    "why",
    [
        pytest.param("made by a person", id="H-145 not by an agent"),
        pytest.param("nobody waits", id="H-145 blocks nothing open"),
        pytest.param("paused", id="H-145 its maker may not run"),
        pytest.param("budget", id="HW-14 no budget"),
        pytest.param("backlog", id="H-145 not promised"),
    ],
)
def test_others_stay_where_they_are(cast, now, why):
    issue = orphan(cast)
    match why:
        case "made by a person":
            Issue.objects.filter(pk=issue.pk).update(created_by_agent=None, created_by_user=cast.owner)
        case "nobody waits":
            Issue.objects.filter(blocked_by_links__issue=issue).update(status="done")
        case "paused":
            Agent.objects.filter(pk=cast.engineer.pk).update(status="paused")
        case "budget":
            project = factories.project(cast.company, paused_at=now, pause_reason="budget")
            Issue.objects.filter(pk=issue.pk).update(project=project)
        case "backlog":
            Issue.objects.filter(pk=issue.pk).update(status="backlog")

    done = stranded.sweep(now=now)

    assert (done.orphan_blockers_assigned, done.failed) == (0, 0)
    issue.refresh_from_db()
    assert issue.assignee_agent_id is None
