"""Blocked and reviewed work at whose end nobody moves (HB-89, HB-90, H-150, H-151)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from heartbeat import findings
from heartbeat.models import Run
from heartbeat.recovery import graph
from issues import tree_control
from issues.models import Issue, Relation
from paperclip.companies import actors
from paperclip.companies.models import Agent
from paperclip.core import clock
from tests import factories
from tests.heartbeat.recovery import scenes
from tests.issues.race import together

pytestmark = pytest.mark.django_db


@pytest.fixture
def now():
    return clock.now()


@pytest.fixture
def automatic(settings):
    settings.GRAPH_AUTO_RECOVERY = True
    settings.GRAPH_LOOKBACK_HOURS = 24


def waiting_for(leaf: Issue, agent: Agent) -> Issue:
    issue = factories.issue(leaf.company, assignee_agent=agent, status="blocked")
    factories.blocks(leaf, issue)
    return issue


def escalations(leaf: Issue) -> list[Issue]:
    kind = "harness_liveness_escalation"
    return list(Issue.objects.filter(origin_kind=kind, origin_id=str(leaf.pk)).order_by("created_at"))


@pytest.mark.parametrize(
    ("leaf", "state"),
    [
        pytest.param({"status": "todo"}, "blocked_by_unassigned_issue", id="H-150 unassigned"),
        pytest.param({"status": "backlog"}, "blocked_by_unassigned_issue", id="H-150 unassigned backlog"),
        pytest.param(
            {"status": "backlog", "assignee_agent": "peer"},
            "blocked_by_assigned_backlog_issue",
            id="H-150 assigned backlog",
        ),
        pytest.param(
            {"status": "todo", "assignee_agent": "paused"},
            "blocked_by_uninvokable_assignee",
            id="H-150 uninvokable",
        ),
        pytest.param(
            {"status": "cancelled", "assignee_agent": "peer"},
            "blocked_by_cancelled_issue",
            id="H-150 cancelled",
        ),
        pytest.param(
            {"status": "in_review", "assignee_agent": "peer"},
            "in_review_without_action_path",
            id="H-150 nobody judges",
        ),
        pytest.param(
            {"status": "in_review", "assignee_agent": "peer", "execution_state": "gone"},
            "invalid_review_participant",
            id="H-150 the judge is gone",
        ),
        pytest.param({"status": "todo", "assignee_user": "owner"}, None, id="H-150 a person has it"),
        pytest.param({"status": "todo", "assignee_agent": "peer"}, None, id="H-143 the pass moves it"),
    ],
)
def test_what_stands_still_has_a_name(cast, now, leaf, state):
    people = {
        "peer": cast.peer,
        "paused": factories.agent(cast.company, status="paused"),
        "owner": cast.owner,
    }
    fields = {name: people.get(value, value) for name, value in leaf.items()}
    if fields.get("execution_state") == "gone":
        participant = {"type": "agent", "agentId": factories.NO_SUCH_ID, "userId": None}
        fields["execution_state"] = {"status": "pending", "currentParticipant": participant}
    bad = factories.issue(cast.company, **fields)
    middle = waiting_for(bad, cast.peer)
    issue = waiting_for(middle, cast.engineer)

    found = {each.issue.pk: each for each in findings.of_company(cast.company.pk, now=now)}

    if state is None:
        assert issue.pk not in found
        return
    assert (found[issue.pk].state, found[issue.pk].leaf_id) == (state, bad.pk)
    assert found[issue.pk].incident_key == f"harness_liveness:{cast.company.pk}:{issue.pk}:{state}:{bad.pk}"
    assert found[issue.pk].leaf_key == found[middle.pk].leaf_key
    assert bad.identifier in found[issue.pk].movement.sentence


@pytest.mark.parametrize(
    ("why", "figure"),
    [
        pytest.param("off", "skipped_auto_recovery_disabled", id="HB-89 auto recovery off"),
        pytest.param("old", "skipped_outside_lookback", id="HB-89 path older than lookback"),
        pytest.param("held", "skipped", id="HB-89 hold"),
    ],
)
def test_findings_that_are_not_seen_to(cast, now, settings, automatic, why, figure):
    bad = factories.issue(cast.company, status="todo")
    issue = waiting_for(bad, cast.engineer)
    match why:
        case "off":
            settings.GRAPH_AUTO_RECOVERY = False
        case "old":
            Issue.objects.update(updated_at=now - timedelta(hours=25))
        case "held":
            tree_control.give(root_id=issue.pk, mode="pause", actor=actors.for_user(cast.owner), now=now)

    done = graph.sweep(now=now)

    assert (done.escalations_created, getattr(done, figure)) == (0, 1)
    assert done.findings == (0 if why == "held" else 1)
    assert not escalations(bad)


def test_two_that_wait_for_one_get_one_issue(cast, now, automatic):  # HB-90
    bad = factories.issue(cast.company, status="todo", created_by_agent=cast.engineer)
    first, second = (waiting_for(bad, cast.peer) for _ in range(2))

    done = graph.sweep(now=now)

    assert (done.findings, done.escalations_created, done.escalations_existing) == (2, 1, 1)
    (made,) = escalations(bad)
    assert (made.priority, made.parent_id, made.assignee_agent_id) == ("high", bad.pk, cast.engineer.pk)
    assert made.origin_fingerprint == (
        f"harness_liveness_leaf:{cast.company.pk}:blocked_by_unassigned_issue:{bad.pk}"
    )
    for issue in (first, second):
        assert set(scenes.blockers(issue)) == {bad, made}
        assert len(scenes.words(issue)) == 1
        assert "issue.blockers.updated" in [row.action for row in scenes.deeds(issue)]
    told = [row.action for issue in (first, second) for row in scenes.deeds(issue)]
    assert told.count("issue.harness_liveness_escalation_created") == 1
    (call,) = scenes.calls(made)
    assert call.agent_id == cast.engineer.pk
    again = graph.sweep(now=now)
    assert (again.escalations_created, again.escalations_existing, again.escalations_closed) == (0, 2, 0)
    assert len(scenes.words(first)) == 1


def test_an_escalation_is_taken_back_when_its_cause_is_gone(cast, now, automatic):  # H-151
    bad = factories.issue(cast.company, status="todo")
    issue = waiting_for(bad, cast.peer)
    graph.sweep(now=now)
    (made,) = escalations(bad)
    Issue.objects.filter(pk=bad.pk).update(status="done")
    Run.objects.filter(issue=made).update(status="running", started_at=now, **claimed())
    assert graph.sweep(now=now).escalations_closed == 0, "not while somebody works on it"
    Run.objects.filter(issue=made).update(status="succeeded", finished_at=now)

    assert graph.sweep(now=now).escalations_closed == 1

    made.refresh_from_db()
    assert made.status == "cancelled"
    assert scenes.blockers(issue) == [bad]
    assert scenes.live(issue).wakeup_request.reason == "issue_blockers_resolved"


def claimed():
    return {"runner": factories.runner(), "claim_token": factories.NO_SUCH_ID}


def test_what_was_made_for_recovery_gets_no_issue_of_its_own(cast, now, automatic):  # field note 10
    recovery = factories.issue(
        cast.company, status="todo", origin_kind="stranded_issue_recovery", origin_id="x"
    )
    waiting_for(recovery, cast.peer)

    done = graph.sweep(now=now)

    assert (done.findings, done.skipped, done.escalations_created) == (1, 1, 0)


def test_escalations_count_towards_the_cap(cast, now, automatic, settings):
    settings.RECOVERY_ISSUES_PER_HOUR = 2
    for _ in range(4):
        waiting_for(factories.issue(cast.company, status="todo"), cast.peer)

    done = graph.sweep(now=now)

    assert (done.escalations_created, done.skipped) == (2, 2)


@pytest.mark.parametrize(
    ("stopped", "expected"),
    [
        pytest.param((), "engineer", id="H-151 its agent"),
        pytest.param(("engineer",), "manager", id="H-151 the agent's manager"),
        pytest.param(("engineer", "manager"), "ceo", id="H-151 further up"),
        pytest.param(("engineer", "manager", "ceo"), "peer", id="H-151 anybody"),
    ],
)
def test_who_sees_to_it(cast, stopped, expected):
    from heartbeat.stranding import owners

    leaf = factories.issue(cast.company, assignee_agent=cast.engineer, status="backlog")
    Agent.objects.filter(pk__in=[getattr(cast, name).pk for name in stopped]).update(status="paused")
    assert owners.for_leaf(leaf).pk == getattr(cast, expected).pk


@pytest.mark.django_db(transaction=True)
def test_passes_at_once_make_one_issue_per_cause(cast, now, automatic):
    bad = factories.issue(cast.company, status="todo")
    for _ in range(3):
        waiting_for(bad, cast.peer)

    done = together([partial(graph.sweep, now=now) for _ in range(6)])

    assert sum(each.failed for each in done) == 0
    (made,) = escalations(bad)
    assert Relation.objects.filter(issue=made).count() == 3


def test_the_cost_of_a_pass_does_not_grow_with_what_it_finds(cast, now, django_assert_max_num_queries):
    for _ in range(30):
        waiting_for(factories.issue(cast.company, status="todo"), cast.peer)
    with django_assert_max_num_queries(20):
        assert graph.sweep(now=now).findings == 30
