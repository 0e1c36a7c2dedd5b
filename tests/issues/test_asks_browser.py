"""What waits for a person, in a real browser: it fits a phone, can be read and reached, and is answered in place."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from issues import lifecycle
from issues.interactions import asking
from issues.interactions.asking import Put
from issues.models import Interaction, Issue
from paperclip.companies import actors
from paperclip.core import clock
from tests import factories
from tests.board.test_browser import CONTRAST, NAMELESS, board, browser, signed_in

__all__ = ["board", "browser"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TASKS = [
    {"clientKey": "a", "title": "Split the scheduler along its verbs", "priority": "high", "labels": ["tech debt"],
     "description": "One module per verb; the tests move with them. " * 6},
    {"clientKey": "b", "title": "Move the retry rules", "parentClientKey": "a"},
    {"clientKey": "c", "title": "Anaverylongwordthatdoesnotbreakbyitself" * 3},
]  # fmt: skip
QUESTIONS = [
    {"id": "where", "prompt": "Where should the report go?", "selectionMode": "single", "required": True,
     "options": [{"id": "wiki", "label": "The wiki", "description": "Everybody finds it there"},
                 {"id": "mail", "label": "By mail to the board"}]},
    {"id": "what", "prompt": "What should it cover?", "selectionMode": "multi", "helpText": "As many as you like",
     "options": [{"id": "tests", "label": "Tests"}, {"id": "size", "label": "Size"}]},
]  # fmt: skip


@pytest.fixture
def asked(board):
    """An issue with one of each kind waiting, two stages and a monitor."""
    issue = factories.issue(
        board.company, title="Ship the audit", assignee_agent=board.backend, status="in_progress"
    )
    run = factories.run(board.backend, status="succeeded", finished_at=clock.now(), followup_mechanism="none")
    by, owner = actors.for_agent(board.backend, run_id=run.pk), actors.for_user(board.owner)
    for kind, payload in {
        "suggest_tasks": {"tasks": TASKS},
        "ask_user_questions": {"questions": QUESTIONS, "title": "Before I go on"},
        "request_confirmation": {
            "prompt": "May I publish the report?",
            "detailsMarkdown": "It names **three** modules.",
            "allowDeclineReason": True,
        },
    }.items():
        what = Put(kind, {"version": 1, **payload}, title="About the audit", summary="Two sentences at most.")
        asking.put(issue_id=issue.pk, what=what, actor=by, now=clock.now())
    stages = [
        {"type": kind, "participants": [{"type": "user", "userId": str(board.owner.pk)}]}
        for kind in ("review", "approval")
    ]
    policy = {
        "execution_policy": {"stages": stages},
        "status": "done",
        "review_request": {"instructions": "Mind the plots."},
    }
    lifecycle.update(issue_id=issue.pk, fields=policy, actor=owner, now=clock.now())
    watched = factories.issue(
        board.company, title="Wait for CI", assignee_agent=board.backend, status="in_progress"
    )
    monitor = {
        "nextCheckAt": clock.iso(clock.now() + timedelta(minutes=40)),
        "serviceName": "CI",
        "notes": "x" * 200,
    }
    lifecycle.update(
        issue_id=watched.pk, fields={"execution_policy": {"monitor": monitor}}, actor=owner, now=clock.now()
    )
    return issue, watched


def show(page, issue):
    page.goto(page.url.split("/admin/")[0] + f"/admin/issues/issue/{issue.pk}/change/")


@pytest.mark.parametrize("width", [1400, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_fits_and_can_be_read(browser, board, asked, width, scheme):
    context, page, faults = signed_in(
        browser, board, viewport={"width": width, "height": 900}, color_scheme=scheme
    )
    for issue in asked:
        show(page, issue)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(CONTRAST) == []
        assert page.evaluate(NAMELESS) == []
        if folder := os.environ.get("SCREENSHOTS"):
            page.screenshot(path=f"{folder}/{issue.identifier}-{width}-{scheme}.png", full_page=True)
    assert faults == []
    context.close()


def test_questions_tasks_and_stages_are_answered_in_place(browser, board, asked):
    context, page, faults = signed_in(browser, board)
    issue, _ = asked
    show(page, issue)

    page.get_by_label("The wiki").check()
    page.get_by_label("Tests", exact=True).check()
    page.get_by_role("button", name="Answer").click()
    expect(page.get_by_text("Answered.", exact=True)).to_be_visible()
    assert Interaction.objects.get(kind="ask_user_questions").result["answers"] == [
        {"questionId": "where", "optionIds": ["wiki"]},
        {"questionId": "what", "optionIds": ["tests"]},
    ]

    page.get_by_label("Anaverylongword").uncheck()
    page.get_by_role("button", name="Make these tasks").click()
    expect(page.get_by_text("2 tasks are made.")).to_be_visible()
    assert Issue.objects.filter(parent=issue).count() == 1

    page.get_by_label("Reason").fill("Too early")
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_text("Rejected.", exact=True)).to_be_visible()

    page.get_by_label("Your judgement").fill("Good work")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Approved.", exact=True)).to_be_visible()
    expect(page.locator(".flow-passed")).to_have_count(1)
    assert faults == []
    context.close()


def test_enter_does_not_answer_by_accident(browser, board, asked):
    """A reason that is being typed is no yes and no no."""
    context, page, _ = signed_in(browser, board)
    show(page, asked[0])

    for reason in page.get_by_label("Reason").all():
        reason.press("Enter")

    assert set(Interaction.objects.values_list("status", flat=True)) == {"pending"}
    context.close()
