"""C-58, C-62: pausing, resuming, approving, terminating, deleting."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from paperclip.companies import agents, signals
from paperclip.companies.models import Activity, Agent
from paperclip.core import clock
from tests import cast as standing
from tests import factories

STATUSES = ("active", "idle", "running", "error", "paused", "pending_approval", "terminated")


@pytest.fixture
def stopped():
    seen: list[tuple[str, str]] = []

    def keep(agent, reason, **_):
        seen.append((agent.status, reason))

    signals.agent_stopped.connect(keep)
    yield seen
    signals.agent_stopped.disconnect(keep)


def call(caller, agent, verb):
    return caller.post(f"/api/agents/{agent.id}/{verb}")


REFUSALS = {
    ("pause", "terminated"): "Cannot pause terminated agent",
    ("pause", "pending_approval"): "Pending approval agents cannot be paused",
    ("resume", "terminated"): "Cannot resume terminated agent",
    ("resume", "pending_approval"): "Pending approval agents cannot be resumed",
} | {
    ("approve", status): "Only pending approval agents can be approved"
    for status in STATUSES
    if status != "pending_approval"
}
OUTCOMES = {"pause": "paused", "approve": "idle", "terminate": "terminated"}
MOVES = [
    pytest.param(verb, status, id=f"C-62 {verb} {status}")
    for verb in ("pause", "resume", "approve", "terminate")
    for status in STATUSES
]


@pytest.mark.parametrize(("verb", "status"), MOVES)
def test_every_move_from_every_status(cast, verb, status):
    """C-58, C-62, CW-8, B-50, B-51, B-53"""
    agent = factories.agent(cast.company, status=status)
    answer = call(cast.as_owner, agent, verb)
    after = Agent.objects.get(pk=agent.pk)
    if (verb, status) in REFUSALS:
        assert (answer.status_code, answer.json()["error"]) == (409, REFUSALS[verb, status])
        assert after.status == status
        assert not Activity.objects.exists()
        return
    # A working agent that is resumed goes on working: the end of its run will say what it is then.
    wanted = ("running" if status == "running" else "idle") if verb == "resume" else OUTCOMES[verb]
    assert (answer.status_code, answer.json()["status"], after.status) == (200, wanted, wanted)
    assert (after.pause_reason, after.paused_at is not None) == (
        ("manual", True) if verb == "pause" else (None, False)
    )
    action = {"pause": "paused", "resume": "resumed", "approve": "approved", "terminate": "terminated"}[verb]
    assert Activity.objects.get(entity_id=str(agent.id)).action == f"agent.{action}"


def test_stopping_cancels_its_runs(cast, stopped):
    """C-58: with these words."""
    call(cast.as_owner, cast.peer, "pause")
    call(cast.as_owner, cast.peer, "resume")
    call(cast.as_owner, cast.peer, "terminate")
    call(cast.as_owner, cast.peer, "terminate")
    assert stopped == [
        ("paused", "Cancelled due to agent pause"),
        ("terminated", "Cancelled due to agent termination"),
        ("terminated", "Cancelled due to agent termination"),
    ]


def test_pause_by_budget_has_its_own_words(cast, stopped):
    from paperclip.companies import actors
    from paperclip.companies.choices import PauseReason

    agents.pause(
        agent=cast.peer, actor=actors.system("budget_service"), now=clock.now(), reason=PauseReason.BUDGET
    )
    assert stopped == [("paused", "Cancelled due to budget pause")]
    assert Agent.objects.get(pk=cast.peer.pk).pause_reason == "budget"


def test_approval_names_its_source(cast):
    agent = factories.agent(cast.company, status="pending_approval")
    call(cast.as_owner, agent, "approve")
    assert Activity.objects.get(action="agent.approved").details == {"source": "agent_detail"}


def test_termination_revokes_every_key(cast):
    for _ in range(2):
        factories.agent_key(cast.peer)
    call(cast.as_owner, cast.peer, "terminate")
    assert not cast.peer.api_keys.filter(revoked_at__isnull=True).exists()


def test_deleting_keeps_history(cast, stopped):
    """CW-15: an agent with costs can be deleted; what it did stays readable."""
    cast.manager.cost_events.create(
        company=cast.company, provider="p", biller="p", model="m", cost_cents=5, occurred_at=clock.now()
    )
    issue = factories.issue(cast.company, created_by_agent=cast.manager)
    factories.comment(issue, author_agent=cast.manager)
    assert cast.as_owner.delete(f"/api/agents/{cast.manager.id}").json() == {"ok": True}
    gone = Agent.objects.get(pk=cast.manager.pk)
    assert (gone.status, gone.cost_events.count()) == ("terminated", 1)
    assert Agent.objects.filter(reports_to=cast.manager).count() == 0
    assert issue.comments.count() == 1
    assert stopped == [("terminated", "Cancelled due to agent termination")]
    assert Activity.objects.get(entity_id=str(cast.manager.id)).action == "agent.deleted"
    names = [one["name"] for one in cast.as_owner.get(f"/api/companies/{cast.company.id}/agents").json()]
    assert "Manager" not in names


@pytest.mark.django_db(transaction=True)
def test_only_one_of_many_approves():
    cast = standing.make()
    agent = factories.agent(cast.company, status="pending_approval")
    statuses = []

    def approve():
        statuses.append(call(cast.as_owner, agent, "approve").status_code)
        connection.close()

    threads = [threading.Thread(target=approve) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 409, 409, 409, 409, 409]
    assert Activity.objects.filter(action="agent.approved").count() == 1
