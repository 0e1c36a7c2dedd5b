"""The board hears by itself what others do: in a real browser, over real connections."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page, expect, sync_playwright

from heartbeat.models import Run
from issues import comments, lifecycle
from paperclip.companies import actors, signin
from paperclip.core import clock
from tests import cast as standing
from tests import factories
from tests.board.test_browser import ARGUMENTS
from tests.product import Product

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Playwright's own loop must not make Django refuse the database of this thread.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        executable = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


def serve(product: Product) -> None:
    product.start("web", PAPERCLIP_SECRET_KEY=settings.SECRET_KEY, PAPERCLIP_PUBLIC_URL=product.url)


@pytest.fixture
def company(product, monkeypatch) -> standing.Cast:
    monkeypatch.setattr(settings, "PAPERCLIP_PUBLIC_URL", product.url)
    made = standing.make()
    serve(product)
    return made


@pytest.fixture
def page(browser, company) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.goto(signin.create_link(company.owner))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/admin/")
    yield page
    context.close()


def say(company: standing.Cast, issue, body: str) -> None:
    comments.add(issue_id=issue.pk, body=body, actor=actors.for_user(company.operator), now=clock.now())


def change(company: standing.Cast, issue, **fields) -> None:
    lifecycle.update(
        issue_id=issue.pk, fields=fields, actor=actors.for_user(company.operator), now=clock.now()
    )


def open_page(page: Page, product: Product, path: str) -> None:
    page.goto(f"{product.url}{path}")
    expect(page.locator("html")).to_have_attribute("data-live", "on", timeout=15_000)


def test_comment_of_somebody_else_appears_and_what_one_writes_stays(product, company, page):
    issue = factories.issue(company.company)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    open_page(page, product, f"/admin/issues/issue/{issue.pk}/change/")
    box = page.get_by_role("textbox", name="Comment")
    box.fill("half a sentence")
    page.evaluate("window.sameDocument = true")
    say(company, issue, "Said by somebody else")
    expect(page.locator("#issue-thread")).to_contain_text("Said by somebody else", timeout=10_000)
    assert page.evaluate("window.sameDocument") is True
    assert box.input_value() == "half a sentence"
    assert page.evaluate("document.activeElement.name") == "body"
    assert faults == []


def test_page_goes_on_after_the_server_was_killed(product, company, page):
    issue = factories.issue(company.company)
    open_page(page, product, f"/admin/issues/issue/{issue.pk}/change/")
    product.kill("web")
    expect(page.locator("html")).not_to_have_attribute("data-live", "on", timeout=10_000)
    say(company, issue, "Said while nobody answered")
    serve(product)
    expect(page.locator("#issue-thread")).to_contain_text("Said while nobody answered", timeout=20_000)


def test_run_page_shows_the_end_of_its_run(product, company, page):
    run = factories.run(company.engineer, status="running")
    open_page(page, product, f"/admin/heartbeat/run/{run.pk}/change/")
    Run.objects.filter(pk=run.pk).update(
        status="succeeded", finished_at=clock.now(), claim_token=None, runner=None
    )
    expect(page.locator("[data-run-state=succeeded]")).to_be_visible(timeout=10_000)


def test_part_that_hears_of_changes_hardly_asks_by_itself(product, company, page):
    open_page(page, product, "/admin/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(7000)
    assert len([url for url in asked if "/home/activity/" in url]) <= 1
    factories.issue(company.company)
    say(company, factories.issue(company.company), "Something happens")
    with page.expect_response("**/admin/home/activity/", timeout=5000):
        pass


def test_lists_follow_what_others_do_and_leave_the_reader_alone(product, company, page):
    mine = factories.issue(company.company, title="Assigned", assignee_agent=company.engineer)
    other = factories.issue(company.company, title="In nobody's hands")
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    open_page(page, product, f"/admin/issues/issue/?assignee={company.engineer.pk}")
    rows = page.locator("#list-rows tbody tr")
    expect(rows).to_have_count(1)
    search = page.get_by_role("searchbox", name="Search issues")
    search.fill("half a wo")
    page.evaluate("window.sameDocument = true")

    change(company, other, assignee_agent_id=company.engineer.pk)
    expect(rows).to_have_count(2, timeout=10_000)
    assert search.input_value() == "half a wo"
    assert page.evaluate("document.activeElement.name") == "q"

    change(company, mine, status="done")
    expect(rows).to_have_count(1, timeout=10_000)
    assert f"assignee={company.engineer.pk}" in page.url

    link = page.locator(f"#open-{other.pk}")
    link.focus()
    change(company, other, title="In good hands")
    expect(link).to_have_text("In good hands", timeout=10_000)
    assert page.evaluate("document.activeElement.id") == f"open-{other.pk}"

    link.evaluate("(element) => document.getSelection().selectAllChildren(element)")
    with page.expect_response("**/admin/issues/issue/?assignee=*", timeout=10_000):
        change(company, other, title="In the best of hands")
    assert page.evaluate("document.getSelection().toString()") == "In good hands"
    expect(link).to_have_text("In good hands")
    page.evaluate("document.getSelection().removeAllRanges()")
    expect(link).to_have_text("In the best of hands", timeout=10_000)
    assert page.evaluate("window.sameDocument") is True

    open_page(page, product, "/admin/heartbeat/run/")
    run = factories.run(company.peer, status="queued")
    row = rows.filter(has=page.locator(f"#open-{run.pk}"))
    expect(row).to_contain_text("Queued", timeout=10_000)
    Run.objects.filter(pk=run.pk).update(status="cancelled", finished_at=clock.now())
    expect(row).to_contain_text("Cancelled", timeout=10_000)
    assert faults == []


def test_hidden_page_lets_go_of_its_stream(product, company, page):
    open_page(page, product, "/admin/")
    page.evaluate(
        """() => {
          Object.defineProperty(document, "hidden", { get: () => window.isHidden, configurable: true });
          window.isHidden = true;
          document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    expect(page.locator("html")).not_to_have_attribute("data-live", "on")
    say(company, factories.issue(company.company), "Said while hidden")
    page.evaluate("window.isHidden = false; document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("html")).to_have_attribute("data-live", "on", timeout=10_000)
    expect(page.locator("#home-activity")).to_contain_text("comment", timeout=10_000)
