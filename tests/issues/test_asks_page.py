"""The page of an issue: what waits for a person is answered in place, stages are judged, monitors looked at."""

from __future__ import annotations

from datetime import timedelta
from html import unescape

import pytest

from heartbeat.models import WakeupRequest
from issues import documents, lifecycle
from issues.interactions import asking
from issues.interactions.asking import Put
from issues.models import Decision, Interaction, Issue
from paperclip.board import attention
from paperclip.companies import actors
from paperclip.core import clock
from tests import factories
from tests.board.conftest import browse
from tests.issues.api.test_interactions import QUESTION, TASKS


@pytest.fixture
def issue(cast):
    return factories.issue(cast.company, assignee_agent=cast.engineer)


def page(who, issue):
    response = browse(who).get(f"/admin/issues/issue/{issue.pk}/change/")
    assert response.status_code == 200
    return unescape(response.content.decode())


def do(who, issue, deed, **fields):
    """Press a button; return what the page says then."""
    response = browse(who).post(f"/admin/issues/issue/{issue.pk}/do/{deed}/", fields, follow=True)
    assert response.status_code == 200
    return " ".join(str(message) for message in response.context["messages"])


def put(cast, issue, kind, by=None, policy=None, **payload):
    agent = by or cast.engineer
    run = factories.run(agent, status="succeeded", finished_at=clock.now())
    return asking.put(
        issue_id=issue.pk,
        what=Put(kind, {"version": 1, **payload}, continuation_policy=policy),
        actor=actors.for_agent(agent, run_id=run.pk),
        now=clock.now(),
    )


def test_page_without_anything_shows_nothing_of_it(cast, issue):
    html = page(cast.owner, issue)

    assert all(word not in html for word in ('id="asks"', 'id="stages"', 'id="monitor"'))


def test_suggested_tasks_are_chosen_and_made(cast, issue):
    tasks = [
        {
            **TASKS[0],
            "assigneeAgentId": str(cast.peer.pk),
            "priority": "high",
            "labels": ["bug"],
            "description": "Do it",
        },
        TASKS[1],
        TASKS[2],
        {"clientKey": "quiet", "title": "Never shown", "hiddenInPreview": True},
    ]
    row = put(cast, issue, "suggest_tasks", tasks=tasks)

    html = page(cast.owner, issue)

    assert "Waits for your answer" in html
    assert "suggests tasks" in html
    assert all(word in html for word in ("First", "for Peer", "high", "bug", "Do it", "ask-deep-1"))
    assert "Never shown" not in html

    assert (
        do(cast.owner, issue, "accept", interaction=str(row.pk), task=["a", "b", "quiet"])
        == "3 tasks are made."
    )

    assert sorted(child.title for child in Issue.objects.exclude(pk=issue.pk)) == [
        "Below",
        "First",
        "Never shown",
    ]
    html = page(cast.owner, issue)
    assert "Waits for your answer" not in html
    assert "Asked and answered" in html


def test_nothing_chosen_is_no_answer(cast, issue):
    row = put(cast, issue, "suggest_tasks", tasks=TASKS)

    assert "Choose at least one task" in do(cast.owner, issue, "accept", interaction=str(row.pk))
    assert "together with its parent" in do(cast.owner, issue, "accept", interaction=str(row.pk), task=["b"])

    assert do(cast.owner, issue, "reject", interaction=str(row.pk), reason="No need") == "Rejected."
    assert "No need" in page(cast.owner, issue)


def test_too_many_tasks_are_said_on_the_card(cast, issue):
    """IW-33."""
    for _ in range(24):
        factories.issue(cast.company, parent=issue)
    put(cast, issue, "suggest_tasks", tasks=TASKS)

    assert "This issue has room for 1 more; choose that many." in page(cast.owner, issue)


def test_questions_are_answered(cast, issue):
    several = {
        **QUESTION,
        "id": "m",
        "prompt": "Which?",
        "selectionMode": "multi",
        "required": False,
        "helpText": "Hint",
    }
    row = put(cast, issue, "ask_user_questions", questions=[QUESTION, several], submitLabel="Send it")

    html = page(cast.owner, issue)
    assert all(
        word in html
        for word in ("Where?", "(needed)", "Which?", "Hint", "Send it", 'type="radio"', 'type="checkbox"')
    )
    assert "required question" in do(cast.owner, issue, "answer", interaction=str(row.pk))

    fields = {
        "interaction": str(row.pk),
        "question-0": "there",
        "question-1": ["here", "there"],
        "summary": "Ok",
    }
    assert do(cast.owner, issue, "answer", **fields) == "Answered."

    row.refresh_from_db()
    assert row.result == {
        "answers": [
            {"questionId": "q", "optionIds": ["there"]},
            {"questionId": "m", "optionIds": ["here", "there"]},
        ],
        "summaryMarkdown": "Ok",
    }
    assert WakeupRequest.objects.get().agent_id == cast.engineer.pk
    assert "Where? There; Which? Here, There" in page(cast.owner, issue)


def test_questions_are_put_away(cast, issue):
    row = put(cast, issue, "ask_user_questions", questions=[QUESTION])

    assert do(cast.owner, issue, "put-away", interaction=str(row.pk)) == "Put away without an answer."
    assert Interaction.objects.get().status == "cancelled"


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        pytest.param(
            {"type": "custom", "key": "k", "href": "https://example.com/x"},
            'href="https://example.com/x"',
            id="web",
        ),
        pytest.param(
            {"type": "custom", "key": "k", "href": "/NWA/issues/1"}, 'href="/NWA/issues/1"', id="ours"
        ),
        pytest.param(
            {"type": "custom", "key": "k", "href": "ftp://example.com"},
            None,
            id="I-115 other schemes are no links",
        ),
        pytest.param({"type": "custom", "key": "k", "href": "/\\evil.example"}, None, id="I-115 disguised"),
    ],
)
def test_confirmation_is_given(cast, issue, target, shown):
    row = put(
        cast, issue, "request_confirmation", prompt="Ship?", target=target, acceptLabel="Go", rejectLabel="Stop",
        detailsMarkdown="**All** of it", rejectRequiresReason=True,
    )  # fmt: skip

    html = page(cast.owner, issue)

    assert all(
        word in html
        for word in (
            "Ship?",
            "Go</button>",
            "Stop</button>",
            "<strong>All</strong>",
            "needed when you reject",
        )
    )
    assert shown in html if shown else target["href"] not in html
    assert "A reason is required" in do(cast.owner, issue, "reject", interaction=str(row.pk))
    assert do(cast.owner, issue, "accept", interaction=str(row.pk)) == "Confirmed."


def test_yes_to_something_old_says_so(cast, issue):
    """I-120."""
    owner = actors.for_user(cast.owner)
    documents.put(issue_id=issue.pk, key="plan", body="one", actor=owner, now=clock.now())
    link = issue.document_links.select_related("document").get()
    target = {"type": "issue_document", "key": "plan", "revisionId": str(link.document.latest_revision_id)}
    row = put(cast, issue, "request_confirmation", prompt="Ship?", target=target)
    assert 'href="#document-plan"' in page(cast.owner, issue)
    # Revised behind the back of every door.
    link.document.latest_revision_id = factories.NO_SUCH_ID
    link.document.save()

    assert "has changed since" in do(cast.owner, issue, "accept", interaction=str(row.pk))


def test_what_agents_write_is_shown_as_text(cast, issue):
    put(
        cast,
        issue,
        "suggest_tasks",
        tasks=[{"clientKey": '"><script>', "title": "<script>alert(1)</script>"}],
    )

    html = browse(cast.owner).get(f"/admin/issues/issue/{issue.pk}/change/").content.decode()

    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_viewer_sees_and_cannot_press(cast, issue):
    put(cast, issue, "ask_user_questions", questions=[QUESTION])

    html = page(cast.viewer, issue)

    assert "Where?" in html
    assert "/do/answer/" not in html


@pytest.mark.parametrize("deed", ["accept", "reject", "answer", "put-away"])
@pytest.mark.parametrize("named", ["", "nonsense", factories.NO_SUCH_ID])
def test_what_is_gone_is_said(cast, issue, deed, named):
    assert "not on the issue any more" in do(cast.owner, issue, deed, interaction=named, task=["a"])


# --- Stages ----------------------------------------------------------------------------------------------


def under_review(cast, issue, *stages, status="done"):
    listed = [
        {"type": kind, "participants": [{"type": "agent" if hasattr(who, "role") else "user",
         "agentId" if hasattr(who, "role") else "userId": str(who.pk)}]}
        for kind, who in stages
    ]  # fmt: skip
    owner = actors.for_user(cast.owner)
    fields = {"execution_policy": {"stages": listed}, "status": status}
    lifecycle.update(issue_id=issue.pk, fields=fields, actor=owner, now=clock.now())
    issue.refresh_from_db()


def test_person_who_is_asked_approves(cast, issue):
    under_review(cast, issue, ("review", cast.operator), ("approval", cast.peer))

    html = page(cast.operator, issue)
    assert html.count('aria-current="step"') == 1
    assert f"{cast.operator.display_name} is asked now" in html
    assert "Peer to come" in html
    assert "Say in a few words why" in do(cast.operator, issue, "approve", note=" ")

    assert do(cast.operator, issue, "approve", note="Well done") == "Approved."

    issue.refresh_from_db()
    assert (issue.status, issue.assignee_agent_id) == ("in_review", cast.peer.pk)
    html = page(cast.operator, issue)
    assert "Peer is asked now" in html
    assert "Peer decides." in html
    assert "Well done" in html
    assert "/do/approve/" not in html, "it is not theirs to decide any more"


def test_person_who_is_asked_wants_changes(cast, issue):
    under_review(cast, issue, ("approval", cast.operator))

    assert do(cast.operator, issue, "request-changes", note="Not yet") == "Sent back for changes."

    issue.refresh_from_db()
    assert (issue.status, issue.assignee_agent_id) == ("in_progress", cast.engineer.pk)
    assert Decision.objects.get().outcome == "changes_requested"
    assert f"{cast.operator.display_name} sent it back" in page(cast.owner, issue)


def test_others_see_who_decides(cast, issue):
    under_review(cast, issue, ("review", cast.operator))

    html = page(cast.owner, issue)
    assert f"{cast.operator.display_name} decides." in html
    assert "/do/approve/" not in html
    assert "Only the active reviewer" in do(cast.owner, issue, "approve", note="me too")
    assert "Nobody is asked" in do(cast.owner, factories.issue(cast.company), "approve", note="x")


def test_passed_stages_are_marked(cast, issue):
    under_review(cast, issue, ("review", cast.engineer), ("approval", cast.operator))
    do(cast.operator, issue, "approve", note="ok")

    html = page(cast.owner, issue)

    assert html.count('class="flow-passed"') == 2


# --- Monitor ---------------------------------------------------------------------------------------------


def test_monitor_is_shown_and_looked_at_now(cast):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="in_progress")
    monitor = {
        "nextCheckAt": clock.iso(clock.now() + timedelta(minutes=40)),
        "serviceName": "CI",
        "maxAttempts": 3,
    }
    lifecycle.update(
        issue_id=issue.pk,
        fields={"execution_policy": {"monitor": monitor}},
        actor=actors.for_user(cast.owner),
        now=clock.now(),
    )

    html = page(cast.owner, issue)
    assert "look 1 of 3" in html
    assert "CI" in html
    assert "/do/check-monitor/" not in page(cast.viewer, issue)

    assert do(cast.owner, issue, "check-monitor") == "Engineer looks at it now."
    assert "no scheduled monitor" in do(cast.owner, issue, "check-monitor")
    assert 'id="monitor"' not in page(cast.owner, issue)


def test_page_costs_the_same_however_much_is_asked(cast, issue, django_assert_max_num_queries):
    under_review(cast, issue, ("review", cast.operator), ("approval", cast.peer))
    client, url = browse(cast.owner), f"/admin/issues/issue/{issue.pk}/change/"

    def cost():
        with django_assert_max_num_queries(60) as seen:
            client.get(url)
        return len(seen)

    put(cast, issue, "suggest_tasks", by=cast.ceo, tasks=[{**TASKS[0], "assigneeAgentId": str(cast.peer.pk)}])
    first = cost()
    for _ in range(5):
        put(
            cast,
            issue,
            "suggest_tasks",
            by=cast.ceo,
            tasks=[{**TASKS[0], "assigneeAgentId": str(cast.ceo.pk)}],
        )
        put(cast, issue, "ask_user_questions", by=cast.ceo, questions=[QUESTION])

    assert cost() == first


# --- Home ------------------------------------------------------------------------------------------------


def test_home_tells_what_waits_for_a_person(cast, issue):
    put(cast, issue, "request_confirmation", prompt="Ship?")
    settled = put(cast, issue, "ask_user_questions", questions=[QUESTION])
    do(cast.owner, issue, "put-away", interaction=str(settled.pk))
    put(cast, factories.issue(cast.company, status="done"), "ask_user_questions", questions=[QUESTION])
    judged = factories.issue(cast.company, assignee_agent=cast.peer, title="Judge me")
    under_review(cast, judged, ("review", cast.operator))
    by_agent = factories.issue(cast.company, assignee_agent=cast.engineer, title="Not for people")
    under_review(cast, by_agent, ("review", cast.peer))

    told = {item.act: f"{item.who} {item.text}" for item in attention.items(cast.company.pk, now=clock.now())}

    assert told["Answer"] == f"Engineer asks for a yes or no on {issue.identifier}: Ship?"
    assert (
        told["Judge"] == f"{judged.identifier} waits for {cast.operator.display_name} to judge it: Judge me"
    )
    assert (
        len([item for item in attention.items(cast.company.pk, now=clock.now()) if item.act == "Answer"]) == 1
    )
