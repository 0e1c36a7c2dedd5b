"""Who moves an issue next, or what is missing: one situation per line."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from heartbeat import findings, movement
from heartbeat.models import LoopStop, ProviderGate, Run, Runner
from heartbeat.moves import MISSING, Action, Kind
from heartbeat.recovery import stranded
from issues import tree_control
from issues.models import Issue
from paperclip.companies import actors
from paperclip.companies.models import Agent, Company
from paperclip.core import clock
from tests import factories
from tests.heartbeat.recovery import scenes

pytestmark = pytest.mark.django_db


@pytest.fixture
def now():
    return clock.now()


@pytest.fixture
def scene(cast, now):
    return Scene(cast, now)


class Scene:
    """An issue of the engineer, to be put into a situation."""

    def __init__(self, cast, now):
        self.cast, self.now = cast, now
        self.runner = factories.runner()
        self.issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="in_progress")

    def set(self, **fields):
        Issue.objects.filter(pk=self.issue.pk).update(**fields)

    def agent(self, **fields):
        Agent.objects.filter(pk=self.cast.engineer.pk).update(**fields)

    def company(self, **fields):
        Company.objects.filter(pk=self.cast.company.pk).update(**fields)

    def run(self, status="queued", **fields):
        return factories.run(self.cast.engineer, issue=self.issue, status=status, **fields)

    def ended(self, status="failed", **fields):
        return scenes.ended(self.issue, self.cast.engineer, status=status, **fields)

    def blocker(self, **fields):
        made = factories.issue(self.cast.company, **fields)
        factories.blocks(made, self.issue)
        return made

    def reviewer(self, agent):
        participant = {"type": "agent", "agentId": str(agent.pk), "userId": None}
        self.set(status="in_review", execution_state={"status": "pending", "currentParticipant": participant})

    def moved(self):
        return movement.of(Issue.objects.get(pk=self.issue.pk), now=self.now)


def circle(scene):
    other = scene.blocker(assignee_agent=scene.cast.peer, status="blocked")
    factories.blocks(scene.issue, other)
    scene.set(status="blocked")


def chain(scene, **leaf):
    middle = scene.blocker(assignee_agent=scene.cast.peer, status="blocked")
    end = factories.issue(scene.cast.company, **leaf)
    factories.blocks(end, middle)
    scene.set(status="blocked")


def hold(scene):
    scene.set(status="todo")
    tree_control.give(
        root_id=scene.issue.pk, mode="pause", actor=actors.for_user(scene.cast.owner), now=scene.now
    )


def ask(scene):
    approval = scene.cast.company.approvals.create(type="request_board_approval", status="pending")
    scene.issue.approval_links.create(company=scene.cast.company, approval=approval)


def shut_account(scene):
    scene.run()
    from heartbeat import providers

    ProviderGate.objects.create(
        company=scene.cast.company,
        key=providers.key_of(scene.cast.engineer),
        label="process",
        state="closed",
        closed_at=scene.now,
        not_before=scene.now + timedelta(minutes=5),
    )


def stop_loop(scene):
    scene.ended()
    LoopStop.objects.create(
        company=scene.cast.company,
        agent=scene.cast.engineer,
        issue=scene.issue,
        runs=5,
        reason="Round and round",
    )


def children(scene):
    scene.ended("succeeded", liveness_state="advanced")
    factories.issue(scene.cast.company, parent=scene.issue, assignee_agent=scene.cast.peer, status="todo")


def freed(scene):
    scene.set(status="blocked")
    scene.blocker(status="done", completed_at=scene.now - timedelta(minutes=5))
    scene.issue.wakeups.create(
        company=scene.cast.company,
        agent=scene.cast.engineer,
        source="automation",
        status="skipped",
        requested_at=scene.now,
    )


def review_summary(scene):
    from issues.models import Document, IssueDocument

    scene.ended()
    body = "## Next Action\n\n- Wait for the board's approval\n"
    document = Document.objects.create(company=scene.cast.company, latest_body=body)
    IssueDocument.objects.create(
        company=scene.cast.company, issue=scene.issue, document=document, key="continuation-summary"
    )


SITUATIONS = [
    # Something moves it.
    pytest.param(lambda s: s.set(status="done"), "over", None, "done", id="done"),
    pytest.param(lambda s: s.set(status="cancelled"), "over", None, "cancelled", id="cancelled"),
    pytest.param(lambda s: s.run("running"), "run", None, "Engineer is at work", id="a live run"),
    pytest.param(
        lambda s: s.run("running", cancel_requested_at=s.now), "run", None, "stopping", id="a run that ends"
    ),
    pytest.param(lambda s: s.run(), "queued", None, "is called and starts", id="a queued run"),
    pytest.param(
        lambda s: s.run(
            "scheduled_retry", scheduled_retry_at=s.now + timedelta(minutes=9), scheduled_retry_attempt=2
        ),
        "retry",
        "retry_now",
        "attempt 2",
        id="a retry with its time",
    ),
    pytest.param(
        lambda s: s.issue.wakeups.create(
            company=s.cast.company,
            agent=s.cast.engineer,
            source="automation",
            status="deferred_issue_execution",
            requested_at=s.now,
        ),
        "wake",
        None,
        "A call waits",
        id="HW-9 a waiting call",
    ),
    pytest.param(
        lambda s: s.ended(), "recovery", "wake", "It is taken up again within a minute", id="H-144l recovery"
    ),
    pytest.param(
        lambda s: s.ended(recovery_attempt=1),
        "recovery",
        "wake",
        "It is blocked and handed on",
        id="H-144k escalation",
    ),
    pytest.param(lambda s: s.set(status="todo"), "recovery", "wake", "not been called", id="H-144b dispatch"),
    pytest.param(freed, "recovery", None, "All it waited for is done", id="a refused call after a wait"),
    pytest.param(
        lambda s: (
            s.ended(),
            s.agent(
                runtime_config={"heartbeat": {"enabled": True, "intervalSec": 60, "wakeOnDemand": False}},
                last_heartbeat_at=s.now,
            ),
        ),
        "timer",
        "wake",
        "next heartbeat",
        id="H-43 only a timer",
    ),
    pytest.param(
        lambda s: s.set(monitor_next_check_at=s.now + timedelta(hours=1)),
        "monitor",
        None,
        "monitor is due",
        id="a monitor",
    ),
    pytest.param(children, "children", None, "its children", id="its children"),
    pytest.param(
        lambda s: s.set(assignee_agent=None, assignee_user=s.cast.owner),
        "person",
        None,
        " has it.",
        id="a person",
    ),
    pytest.param(
        lambda s: s.reviewer(s.cast.peer), "reviewer", "wake", "Peer is asked to judge", id="a reviewer"
    ),
    pytest.param(ask, "approval", "answer_approval", "the board's answer", id="a question to the board"),
    pytest.param(
        lambda s: s.set(status="backlog", assignee_agent=None),
        "backlog",
        "assign",
        "nobody has it",
        id="the backlog",
    ),
    pytest.param(
        lambda s: s.set(status="backlog"), "backlog", "start", "not called for it", id="the backlog, given"
    ),
    pytest.param(
        shut_account, "account_shut", "open_account", "takes no calls", id="11 a provider's account"
    ),
    # What it waits for decides.
    pytest.param(
        lambda s: s.blocker(assignee_user=s.cast.owner, status="in_progress"),
        "person",
        None,
        "It waits for",
        id="a blocker's assignee",
    ),
    pytest.param(
        lambda s: chain(s, status="todo", assignee_user=s.cast.owner),
        "person",
        None,
        ", which waits for",
        id="a blocker's blocker",
    ),
    pytest.param(
        lambda s: s.blocker(status="cancelled"),
        "blocker_cancelled",
        "drop_blocker",
        "which is cancelled",
        id="18 a cancelled blocker",
    ),
    pytest.param(circle, "circle", "drop_blocker", "in turn", id="a circle"),
    pytest.param(
        lambda s: s.blocker(status="todo"), "unassigned", "assign", ": Nobody has it", id="H-150 leaf"
    ),
    pytest.param(
        lambda s: s.blocker(status="backlog", assignee_agent=s.cast.peer),
        "never_called",
        "start",
        "backlog",
        id="H-150 backlog leaf",
    ),
    pytest.param(
        lambda s: factories.run(
            s.cast.peer, issue=s.blocker(status="backlog", assignee_agent=s.cast.peer), status="queued"
        ),
        "queued",
        None,
        "Peer is called",
        id="H-150 backlog leaf that was called",
    ),
    pytest.param(
        lambda s: chain(s, status="todo", assignee_agent=factories.agent(s.cast.company, status="paused")),
        "agent_paused",
        "resume_agent",
        "is paused",
        id="H-150 paused leaf",
    ),
    # Something is missing.
    pytest.param(
        lambda s: s.set(status="todo", assignee_agent=None),
        "unassigned",
        "assign",
        "Nobody has it",
        id="unassigned",
    ),
    pytest.param(hold, "held", "release_hold", "paused this part", id="a hold"),
    pytest.param(
        lambda s: s.company(status="paused"),
        "company_stopped",
        "resume_company",
        "company is paused",
        id="a paused company",
    ),
    pytest.param(
        lambda s: (s.run(), s.company(draining_since=s.now)),
        "company_draining",
        "take_work",
        "no new work",
        id="a draining company",
    ),
    pytest.param(
        lambda s: s.agent(status="paused"),
        "agent_paused",
        "resume_agent",
        "is paused",
        id="17 a paused agent",
    ),
    pytest.param(
        lambda s: (s.run(), s.agent(status="paused")),
        "agent_paused",
        "resume_agent",
        "is paused",
        id="H-65 a queued run of a paused agent",
    ),
    pytest.param(
        lambda s: s.agent(status="pending_approval"),
        "agent_pending",
        "approve_agent",
        "not agreed",
        id="a hire",
    ),
    pytest.param(
        lambda s: s.agent(status="terminated"), "agent_gone", "assign", "any more", id="a terminated agent"
    ),
    pytest.param(
        lambda s: s.agent(status="paused", pause_reason="budget"),
        "budget",
        "raise_budget",
        "used up its budget",
        id="an agent's budget",
    ),
    pytest.param(
        lambda s: s.set(project=factories.project(s.cast.company, paused_at=s.now, pause_reason="budget")),
        "budget",
        "raise_budget",
        "budget",
        id="a project's budget",
    ),
    pytest.param(
        lambda s: s.set(project=factories.project(s.cast.company, paused_at=s.now, pause_reason="manual")),
        "budget",
        "resume_project",
        "project is paused",
        id="a paused project",
    ),
    pytest.param(stop_loop, "loop", "lift_stop", "round in circles", id="9 a stopped loop"),
    pytest.param(
        lambda s: (s.run(), Runner.objects.update(state="stopped")),
        "no_runner",
        "start_runner",
        "no runner",
        id="no runner",
    ),
    pytest.param(
        lambda s: (s.ended(), s.agent(runtime_config={"heartbeat": {"wakeOnDemand": False}})),
        "no_wakes",
        "allow_wakes",
        "no timer",
        id="H-43 no calls and no timer",
    ),
    pytest.param(
        lambda s: s.ended("cancelled", cancel_requested_at=s.now, result_json={"stopReason": "cancelled"}),
        "called_off",
        "wake",
        "Somebody stopped",
        id="HW-2 stopped by a person",
    ),
    pytest.param(lambda s: None, "never_called", "wake", "by hand", id="HB-47 put in progress by hand"),
    pytest.param(
        lambda s: s.set(status="blocked"), "blocked", "answer", "cannot go on", id="blocked by nothing named"
    ),
    pytest.param(
        lambda s: s.set(status="in_review"),
        "no_reviewer",
        "assign",
        "nobody is asked",
        id="H-150 no reviewer",
    ),
    pytest.param(
        lambda s: s.reviewer(factories.agent(s.cast.company, status="terminated")),
        "reviewer_gone",
        "assign",
        "any more",
        id="H-150 a reviewer that is gone",
    ),
    pytest.param(
        review_summary,
        "no_reviewer",
        "answer",
        "in its own words",
        id="H-70 waits for a judgement it asks for",
    ),
]


@pytest.mark.parametrize(("situation", "kind", "action", "words"), SITUATIONS)
def test_who_moves_it_next(scene, situation, kind, action, words):
    situation(scene)
    found = scene.moved()
    assert (found.kind, found.action) == (kind, action)
    assert words in found.sentence
    assert found.sentence.endswith(".")


def test_every_kind_and_action_has_a_situation():
    kinds = {param.values[1] for param in SITUATIONS}
    actions = {param.values[2] for param in SITUATIONS} - {None}
    assert kinds == {kind.value for kind in Kind}
    assert actions == {action.value for action in Action}
    assert {kind.value for kind in MISSING} <= kinds


@pytest.mark.parametrize(("situation", "kind", "action", "words"), SITUATIONS)
def test_the_pass_does_what_the_page_says(scene, situation, kind, action, words):
    """The pass acts on exactly those issues of which their page says that it will."""
    situation(scene)
    before = Run.objects.filter(issue=scene.issue).count()
    status = Issue.objects.get(pk=scene.issue.pk).status

    done = stranded.sweep(now=scene.now)

    assert done.failed == 0
    acted = Run.objects.filter(issue=scene.issue).count() != before
    acted = acted or Issue.objects.get(pk=scene.issue.pk).status != status
    assert acted is (kind in ("recovery", "wake"))


def test_a_retry_says_when(scene):
    due = scene.now + timedelta(minutes=9)
    run = scene.run("scheduled_retry", scheduled_retry_at=due)
    found = scene.moved()
    assert (found.moves_at, found.run, found.is_missing) == (due, run.pk, False)


def test_the_path_leads_to_what_is_to_be_mended(scene):
    chain(scene, status="cancelled")
    found = scene.moved()
    middle, end = found.path
    assert found.issue_id == middle
    assert Issue.objects.get(pk=end).status == "cancelled"


def test_what_is_missing_comes_before_what_moves(scene):
    """Of two blockers, the one that nobody moves decides."""
    scene.blocker(assignee_user=scene.cast.owner, status="in_progress")
    scene.blocker(status="todo")
    assert scene.moved().kind == "unassigned"


def test_a_dense_net_of_blockers_is_looked_at_once(cast, now):
    """Everybody's blockers could be wired layer by layer; each issue is judged once all the same."""
    above = [factories.issue(cast.company, assignee_agent=cast.peer, status="blocked")]
    start = above[0]
    for _ in range(7):
        layer = [factories.issue(cast.company, assignee_agent=cast.peer, status="blocked") for _ in range(12)]
        for upper in above:
            for lower in layer:
                factories.blocks(lower, upper)
        above = layer
    began = time.monotonic()
    found = movement.of(start, now=now)
    assert (found.kind, len(found.path)) == ("blocked", 7)
    assert time.monotonic() - began < 5


def test_many_issues_cost_as_much_as_one(cast, now, django_assert_max_num_queries):
    factories.runner()
    issues = []
    for number in range(40):
        issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="in_progress")
        issues.append(issue)
        match number % 4:
            case 0:
                factories.run(cast.engineer, issue=issue, status="queued")
            case 1:
                scenes.ended(issue, cast.engineer)
            case 2:
                factories.blocks(factories.issue(cast.company, assignee_agent=cast.peer), issue)
            case 3:
                Issue.objects.filter(pk=issue.pk).update(status="in_review")
    with django_assert_max_num_queries(16):
        found = movement.of_many(issues, now=now)
    assert len(found) == 40


def test_what_needs_a_person_is_listed_with_the_urgent_first(cast, now):
    quiet = factories.issue(cast.company, status="in_review", assignee_agent=cast.engineer, priority="low")
    urgent = factories.issue(cast.company, status="blocked", assignee_agent=cast.peer, priority="critical")
    factories.issue(cast.company, assignee_agent=cast.engineer, status="todo")
    factories.issue(cast.elsewhere, status="blocked", assignee_agent=cast.foreign_agent)

    found = findings.of_company(cast.company.pk, now=now)

    assert [each.issue.pk for each in found] == [urgent.pk, quiet.pk]
    assert found[0].state is None
    assert found[1].state == "in_review_without_action_path"
    assert findings.of_company(cast.company.pk, now=now, most=1) == found[:1]
