"""A person stops an agent: its runs end, and what waits for it says why (H-157, H-159, H-185)."""

from __future__ import annotations

import pytest

from heartbeat.models import Run, WakeupRequest
from paperclip.companies.models import Activity
from tests import factories
from tests.heartbeat.test_claims import claim
from tests.heartbeat.test_lifecycle import finish
from tests.heartbeat.test_wakeups import comment_wake, wake

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("deed", "status", "action"),
    [
        pytest.param("pause", "paused", "agent.paused", id="H-157 H-185 pause"),
        pytest.param("terminate", "terminated", "agent.terminated", id="H-157 H-185 terminate"),
        pytest.param("DELETE", "terminated", "agent.deleted", id="H-159 delete"),
    ],
)
def test_a_stopped_agent_has_no_run_and_gets_none(cast, deed, status, action):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer)
    wake(cast.engineer, issue=issue)
    (running,) = claim()
    comment_wake(cast.engineer, issue, factories.comment(issue))
    comment_wake(cast.peer, issue, factories.comment(issue), reason="issue_comment_mentioned")
    waiting = wake(cast.engineer, reason="manual", source="on_demand").run
    path = f"/api/agents/{cast.engineer.pk}"

    owner = cast.as_owner
    answer = owner.delete(path) if deed == "DELETE" else owner.post(f"{path}/{deed}")

    assert answer.status_code == 200
    waiting.refresh_from_db()
    running.refresh_from_db()
    assert waiting.status == "cancelled"
    assert (running.status, running.cancel_requested_at is not None) == ("running", True)
    assert Activity.objects.filter(action=action, entity_id=str(cast.engineer.pk)).count() == 1
    finish(running)
    cast.engineer.refresh_from_db()
    issue.refresh_from_db()
    assert cast.engineer.status == status
    assert not Run.objects.filter(agent=cast.engineer, status__in=("queued", "running")).exists()
    refused = WakeupRequest.objects.get(agent=cast.engineer, reason="issue_execution_deferred")
    assert refused.status in ("failed", "cancelled")
    assert Run.objects.get(agent=cast.peer).status == "queued", "others' calls go on"


def test_whoever_takes_an_issue_away_frees_it(cast):  # H-4
    issue = factories.issue(cast.company, assignee_agent=cast.engineer)
    wake(cast.engineer, issue=issue)
    claim()
    issue.refresh_from_db()
    assert None not in (issue.execution_run_id, issue.execution_locked_at, issue.checkout_run_id)

    answer = cast.as_owner.patch(f"/api/issues/{issue.pk}", {"status": "blocked"})

    assert answer.status_code == 200
    issue.refresh_from_db()
    assert (issue.execution_run_id, issue.execution_locked_at, issue.checkout_run_id) == (None, None, None)
