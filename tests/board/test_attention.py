"""What waits for a person, and what does not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from heartbeat import runners
from heartbeat.models import Run
from issues.models import Issue
from paperclip.board import attention
from paperclip.companies import actors, invites, joins
from paperclip.companies.models import Agent
from paperclip.core import clock
from paperclip.governance.models import Approval
from tests import factories


def told(company) -> list[str]:
    return [f"{item.who} {item.text}" for item in attention.items(company.pk, now=clock.now())]


def test_all_that_waits_is_told_newest_first(scene):
    assert told(scene.company) == [
        "NWA-7 Nobody has it. · Decide which coverage tool we trust · holds up NWA-5, NWA-6",
        "Lead asks: Hire an agent: Designer",
        "NWA-8 It is in review, and nobody is asked to judge it. · Review the splitting plan for the scheduler module",
        "Quality failed on NWA-10: playwright: browser closed unexpectedly (signal 9)",
        "NWA-9 Writer is paused. · Describe the public API in the handbook",
    ]


def test_quiet_company_is_quiet(scene):
    assert told(factories.company()) == []


def test_settled_approval_waits_for_nobody(scene):
    Approval.objects.filter(pk=scene.approval.pk).update(status="approved")
    assert not any("Hire" in line for line in told(scene.company))


def test_blocker_that_somebody_works_on_needs_no_person(scene):
    Issue.objects.filter(title__startswith="Decide which").update(assignee_agent=scene.ceo)
    assert not any("NWA-5" in line for line in told(scene.company))


def test_failure_is_forgotten_once_a_later_run_of_the_issue_exists(scene):
    now = clock.now()
    Run.objects.create(
        company=scene.company,
        agent=scene.backend,
        issue=scene.failed.issue,
        status="succeeded",
        created_at=now,
    )
    assert not any("signal 9" in line for line in told(scene.company))


def test_failure_that_is_retried_needs_no_person(scene):
    Run.objects.filter(pk=scene.failed.pk).update(followup_mechanism="process_loss_retry")
    lines = told(scene.company)
    assert not any("signal 9" in line for line in lines)
    assert "Quality is in error: its last run failed" in lines


def test_failure_on_a_closed_issue_needs_no_person(scene):
    Issue.objects.filter(pk=scene.failed.issue_id).update(status="cancelled")
    assert not any("signal 9" in line for line in told(scene.company))


def test_old_failure_is_history(scene):
    Run.objects.filter(pk=scene.failed.pk).update(
        created_at=clock.now() - attention.LOOK_BACK - timedelta(days=1)
    )
    assert not any("signal 9" in line for line in told(scene.company))


def test_same_issue_failing_again_and_again_is_told_once(scene):
    for minutes in range(5, 1, -1):
        Run.objects.create(
            company=scene.company,
            agent=scene.failed.agent,
            issue=scene.failed.issue,
            status="failed",
            followup_mechanism="none",
            error="signal 9 again",
            created_at=clock.now() - timedelta(minutes=minutes),
        )
    assert sum("signal 9" in line for line in told(scene.company)) == 1


def test_agent_whose_failure_is_told_is_not_told_twice(scene):
    assert Agent.objects.get(name="Quality", company=scene.company).status == "error"
    assert sum(line.startswith("Quality") for line in told(scene.company)) == 1


@pytest.mark.django_db
def test_work_that_waits_for_a_cancelled_issue_is_told():  # field note 18
    company = factories.company()
    issue = factories.issue(company, assignee_agent=factories.agent(company), title="Ship it")
    factories.blocks(factories.issue(company, status="cancelled"), issue)
    (line,) = told(company)
    assert "which is cancelled" in line
    assert "Ship it" in line


@pytest.mark.django_db
def test_a_runner_that_fell_silent_is_told():
    past = clock.now() - timedelta(minutes=5)
    factories.runner(name=runners.own_name(), last_seen_at=past, lease_expires_at=past)
    (line,) = told(factories.company())
    assert "is silent" in line


def test_whoever_asks_to_join_waits_for_a_decision(scene):
    now = clock.now()
    person = actors.for_user(factories.user(member_of=scene.company, is_superuser=True))
    fields = {"allowed_join_types": "agent"}
    invite, _ = invites.create(company=scene.company, fields=fields, actor=person, now=now)
    request, _ = joins.ask_as_agent(invite=invite, fields={"agent_name": "Scout"}, address=None, now=now)
    assert told(scene.company)[0] == "Scout asks to be hired"
    joins.reject(request=request, actor=person, now=now)
    assert not any("Scout" in line for line in told(scene.company))
