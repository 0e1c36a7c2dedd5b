"""Many callers at one moment: one wins, the others are told, nobody hangs, nothing is lost."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest

from issues import checkout
from issues.models import Comment, DocumentRevision, Issue, Relation
from paperclip.companies.models import Company
from paperclip.core import clock
from tests import factories
from tests.cast import Caller
from tests.issues import log
from tests.issues.race import together

pytestmark = pytest.mark.django_db(transaction=True)


def statuses(answers):
    return Counter(answer.status_code for answer in answers)


def test_twenty_agents_race_for_one_checkout(crowd):
    issue = factories.issue(crowd.company)
    racers = []
    for _ in range(20):
        agent = factories.agent(crowd.company)
        run = factories.run(agent)
        racers.append((agent, run, Caller(factories.agent_key(agent), run_id=run.pk)))
    path = f"/api/issues/{issue.pk}/checkout"

    def racer(agent, caller):
        body = {"agentId": str(agent.pk), "expectedStatuses": ["todo", "backlog", "blocked"]}
        return lambda: caller.post(path, body)

    answers = together([racer(agent, caller) for agent, _, caller in racers])

    assert statuses(answers) == {200: 1, 409: 19}
    (place,) = [place for place, answer in enumerate(answers) if answer.status_code == 200]
    winner, run, _ = racers[place]
    issue.refresh_from_db()
    assert (issue.assignee_agent_id, issue.checkout_run_id, issue.execution_run_id) == (
        winner.pk,
        run.pk,
        run.pk,
    )
    for answer in answers:
        if answer.status_code == 409:
            details = answer.json()["details"]
            assert (details["assigneeAgentId"], details["checkoutRunId"]) == (str(winner.pk), str(run.pk))
            assert details["checkoutRunStatus"] == "running"
    assert log.actions(issue) == ["issue.checked_out"]


def test_two_runs_of_one_agent_race_for_the_lock(crowd):
    issue = factories.issue(crowd.company, assignee_agent=crowd.engineer)
    runs = [factories.run(crowd.engineer) for _ in range(8)]

    def take(run):
        return lambda: checkout.take_for_run(
            issue_id=issue.pk, run_id=run.pk, agent=crowd.engineer, now=clock.now()
        )

    assert Counter(together([take(run) for run in runs])) == {True: 1, False: 7}
    issue.refresh_from_db()
    assert issue.checkout_run_id == issue.execution_run_id


def test_concurrent_edits_of_different_fields_all_stay(crowd):
    """IW-8."""
    issue = factories.issue(crowd.company)
    token = factories.board_token(crowd.owner)
    bodies = [
        {"title": "New"},
        {"priority": "high"},
        {"billingCode": "B"},
        {"description": "text"},
        {"workMode": "planning"},
    ]

    answers = together(
        [lambda body=body: Caller(token).patch(f"/api/issues/{issue.pk}", body) for body in bodies]
    )

    assert statuses(answers) == {200: 5}
    issue.refresh_from_db()
    assert (issue.title, issue.priority, issue.billing_code, issue.description, issue.work_mode) == (
        "New", "high", "B", "text", "planning"
    )  # fmt: skip
    assert log.actions(issue) == ["issue.updated"] * 5


def test_concurrent_creates_draw_different_numbers(crowd):
    """I-48."""
    token = factories.board_token(crowd.owner)
    path = f"/api/companies/{crowd.company.pk}/issues"

    answers = together([lambda: Caller(token).post(path, {"title": "x"}) for _ in range(16)])

    assert statuses(answers) == {201: 16}
    assert sorted(answer.json()["issueNumber"] for answer in answers) == list(range(1, 17))
    assert Company.objects.get(pk=crowd.company.pk).issue_counter == 16


def test_two_edits_cannot_close_a_circle(crowd):
    """A waits for B and B for A: one of the two is told."""
    token = factories.board_token(crowd.owner)
    for _ in range(5):
        a, b = factories.issue(crowd.company), factories.issue(crowd.company)

        def wait_for(blocked, blocker):
            body = {"blockedByIssueIds": [str(blocker.pk)]}
            return lambda: Caller(token).patch(f"/api/issues/{blocked.pk}", body)

        answers = together([wait_for(a, b), wait_for(b, a)])

        assert statuses(answers) == {200: 1, 422: 1}
        assert Relation.objects.filter(issue__in=(a, b)).count() == 1


def test_many_edits_cannot_close_a_ring(crowd):
    token = factories.board_token(crowd.owner)
    ring = [factories.issue(crowd.company) for _ in range(6)]

    def wait_for(place):
        body = {"blockedByIssueIds": [str(ring[(place + 1) % 6].pk)]}
        return lambda: Caller(token).patch(f"/api/issues/{ring[place].pk}", body)

    answers = together([wait_for(place) for place in range(6)])

    assert statuses(answers) == {200: 5, 422: 1}


def test_two_moves_cannot_close_a_circle_of_parents(crowd):
    """IW-16."""
    token = factories.board_token(crowd.owner)
    a, b = factories.issue(crowd.company), factories.issue(crowd.company)

    def move(child, parent):
        return lambda: Caller(token).patch(f"/api/issues/{child.pk}", {"parentId": str(parent.pk)})

    assert statuses(together([move(a, b), move(b, a)])) == {200: 1, 422: 1}


def test_last_two_blockers_finish_together_and_one_calls(crowd, calls):
    """Two that close side by side must not both think the other is still open."""
    token = factories.board_token(crowd.owner)
    for _ in range(5):
        calls.clear()
        waiting = factories.issue(crowd.company, assignee_agent=crowd.engineer, status="blocked")
        blockers = [factories.issue(crowd.company) for _ in range(4)]
        for blocker in blockers:
            factories.blocks(blocker, waiting)

        def finish(blocker):
            return lambda: Caller(token).patch(f"/api/issues/{blocker.pk}", {"status": "done"})

        assert statuses(together([finish(blocker) for blocker in blockers])) == {200: 4}
        assert [(wake.issue_id, wake.reason) for wake in calls] == [(waiting.pk, "issue_blockers_resolved")]


def test_last_children_finish_together_and_one_calls(crowd, calls):
    token = factories.board_token(crowd.owner)
    parent = factories.issue(crowd.company, assignee_agent=crowd.manager)
    children = [factories.issue(crowd.company, parent=parent) for _ in range(6)]

    def finish(child):
        return lambda: Caller(token).patch(f"/api/issues/{child.pk}", {"status": "done"})

    assert statuses(together([finish(child) for child in children])) == {200: 6}
    assert [(wake.issue_id, wake.reason) for wake in calls] == [(parent.pk, "issue_children_completed")]


def test_assignment_beside_the_last_blocker_is_not_missed(crowd, calls):
    """Given to an agent while its blocker finishes: somebody calls it when it is ready."""
    token = factories.board_token(crowd.owner)
    for _ in range(6):
        calls.clear()
        blocker, waiting = factories.issue(crowd.company), factories.issue(crowd.company)
        factories.blocks(blocker, waiting)

        together(
            [
                partial(Caller(token).patch, f"/api/issues/{blocker.pk}", {"status": "done"}),
                partial(
                    Caller(token).patch,
                    f"/api/issues/{waiting.pk}",
                    {"assigneeAgentId": str(crowd.engineer.pk)},
                ),
            ]
        )

        assert crowd.engineer.runs.filter(issue=waiting).exists()


def test_twenty_four_comments_at_once(crowd):
    """The reference hangs for good."""
    issue = factories.issue(crowd.company, assignee_agent=crowd.engineer)
    token = factories.board_token(crowd.owner)
    path = f"/api/issues/{issue.pk}/comments"

    answers = together([lambda n=n: Caller(token).post(path, {"body": f"{n} @Peer"}) for n in range(24)])

    assert statuses(answers) == {201: 24}
    listed = Caller(token).get(path, {"order": "asc"}).json()
    assert sorted(int(row["body"].split()[0]) for row in listed) == list(range(24))
    assert [row["id"] for row in listed] == [
        str(pk) for pk in Comment.objects.filter(issue=issue).order_by("number").values_list("pk", flat=True)
    ]


def test_one_of_many_first_writes_makes_the_document(crowd):
    """I-133."""
    issue = factories.issue(crowd.company)
    token = factories.board_token(crowd.owner)
    path = f"/api/issues/{issue.pk}/documents/plan"

    answers = together(
        [lambda n=n: Caller(token).put(path, {"format": "markdown", "body": f"{n}"}) for n in range(8)]
    )

    assert statuses(answers) == {201: 1, 409: 7}
    revision = DocumentRevision.objects.get()
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["details"]["currentRevisionId"] == str(revision.pk)


def test_one_of_many_edits_of_a_revision_wins(crowd):
    issue = factories.issue(crowd.company)
    token = factories.board_token(crowd.owner)
    path = f"/api/issues/{issue.pk}/documents/plan"
    base = Caller(token).put(path, {"format": "markdown", "body": "0"}).json()["latestRevisionId"]
    body = {"format": "markdown", "baseRevisionId": base}

    answers = together([lambda n=n: Caller(token).put(path, {**body, "body": f"{n}"}) for n in range(8)])

    assert statuses(answers) == {200: 1, 409: 7}
    assert DocumentRevision.objects.count() == 2


def test_restores_and_writes_do_not_share_a_number(crowd):
    issue = factories.issue(crowd.company)
    token = factories.board_token(crowd.owner)
    path = f"/api/issues/{issue.pk}/documents/plan"
    first = Caller(token).put(path, {"format": "markdown", "body": "1"}).json()["latestRevisionId"]
    second = (
        Caller(token)
        .put(path, {"format": "markdown", "body": "2", "baseRevisionId": first})
        .json()["latestRevisionId"]
    )
    restore, write = (
        f"{path}/revisions/{first}/restore",
        {"format": "markdown", "body": "3", "baseRevisionId": second},
    )

    doers = [lambda: Caller(token).post(restore)] * 3 + [lambda: Caller(token).put(path, write)] * 3
    answers = together(doers)

    assert set(statuses(answers)) <= {200, 409}
    numbers = list(
        DocumentRevision.objects.order_by("revision_number").values_list("revision_number", flat=True)
    )
    assert numbers == list(range(1, len(numbers) + 1))


def test_one_label_of_a_name(crowd):
    token = factories.board_token(crowd.owner)
    path = f"/api/companies/{crowd.company.pk}/labels"

    answers = together(
        [lambda: Caller(token).post(path, {"name": "bug", "color": "#000000"}) for _ in range(6)]
    )

    assert statuses(answers) == {201: 1, 409: 5}


def test_twenty_fifth_child_is_the_last(crowd):
    token = factories.board_token(crowd.owner)
    parent = factories.issue(crowd.company)
    for _ in range(22):
        factories.issue(crowd.company, parent=parent)

    answers = together(
        [lambda: Caller(token).post(f"/api/issues/{parent.pk}/children", {"title": "x"}) for _ in range(8)]
    )

    assert statuses(answers) == {201: 3, 422: 5}
    assert Issue.objects.filter(parent=parent).count() == 25


def test_everything_at_once_ends(crowd):
    """Edits, comments, checkouts and closings of a little tree: nobody waits for ever, nothing is answered
    500.
    """
    token = factories.board_token(crowd.owner)
    top = factories.issue(crowd.company, assignee_agent=crowd.manager, status="blocked")
    parts = [factories.issue(crowd.company, parent=top, assignee_agent=crowd.engineer) for _ in range(4)]
    for part in parts:
        factories.blocks(part, top)

    def patch(issue, **body):
        return lambda: Caller(token).patch(f"/api/issues/{issue.pk}", body)

    def post(issue, what, **body):
        return lambda: Caller(token).post(f"/api/issues/{issue.pk}/{what}", body)

    doers = []
    for part in parts:
        doers += [
            patch(part, status="done", comment="@Peer done"),
            patch(part, assigneeAgentId=str(crowd.peer.pk)),
            post(part, "comments", body="@Manager word"),
            post(part, "release"),
        ]
    doers += [
        patch(top, blockedByIssueIds=[str(part.pk) for part in parts[:2]]),
        post(top, "children", title="more", blockParentUntilDone=True),
        post(top, "comments", body="how is it?"),
        patch(top, status="todo"),
    ]

    answers = together(doers)

    assert set(statuses(answers)) <= {200, 201, 409, 422}
