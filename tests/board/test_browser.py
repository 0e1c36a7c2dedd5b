"""The board in a real browser: it signs in, moves by itself, fits a phone, can be read and reached."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from heartbeat.models import Run
from issues.models import Issue
from paperclip.companies import signin
from paperclip.core import clock
from tests.board import addresses
from tests.board import scene as scenes

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
# Contrast of every visible text against what lies behind it, as WCAG 2 counts it; large text may be paler.
CONTRAST = """() => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const rgba = (css) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = css;
    pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, under) => top.slice(0, 3).map((value, i) => value * top[3] + under[i] * (1 - top[3]));
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      layers.push(rgba(getComputedStyle(at).backgroundColor));
    }
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255]);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => ((v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const pale = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const element = walker.currentNode.parentElement;
    const seen = { opacityProperty: true, visibilityProperty: true };
    if (!text || !element.checkVisibility(seen)) continue;
    if (!element.getClientRects().length) continue;
    if (element.closest(".sr-only, [disabled], script, style, svg")) continue;
    const style = getComputedStyle(element);
    const ground = behind(element);
    const [a, b] = [light(over(rgba(style.color), ground)), light(ground)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const isIcon = style.fontFamily.includes("Material Symbols");
    if (ratio < (isLarge || isIcon ? 3 : 4.5)) {
      pale.push(`${ratio.toFixed(2)} ${text.slice(0, 40)} (${style.color})`);
    }
  }
  return pale;
}"""
NAMELESS = """() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary")]
  .filter((element) => element.type !== "hidden" && element.checkVisibility())
  .filter((one) => !(one.textContent.trim() || one.ariaLabel || one.title || one.labels?.length))
  .map((element) => element.outerHTML.slice(0, 120))"""


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


@pytest.fixture
def board(live_server, settings) -> scenes.Scene:
    settings.PAPERCLIP_PUBLIC_URL = live_server.url
    return scenes.build()


def signed_in(browser: Browser, board: scenes.Scene, **options) -> tuple[BrowserContext, Page, list[str]]:
    """Sign in as the owner by link; the list gathers whatever goes wrong in the page."""
    context = browser.new_context(**{"viewport": {"width": 1400, "height": 900}, **options})
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(signin.create_link(board.owner))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/admin/")
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    return context, page, faults


def test_link_signs_in_and_home_answers_the_questions(browser, board):
    context, page, faults = signed_in(browser, board)
    for heading in ("Needs you", "Live now", "Recent activity", "Issues by status"):
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
    expect(page.locator("#home-attention li")).to_have_count(5)
    expect(page.locator("#home-live")).to_contain_text("core/scheduler.py changed 214 times")
    assert faults == []
    context.close()


def test_home_moves_by_itself_without_moving_the_focus(browser, board):
    context, page, faults = signed_in(browser, board)
    stop = page.locator(f"#stop-{board.running.pk}")
    stop.focus()
    scenes.write_log(board.running, ["Something new was said"])
    expect(page.locator("#home-live")).to_contain_text("Something new was said", timeout=15_000)
    assert page.evaluate("document.activeElement.id") == f"stop-{board.running.pk}"
    Run.objects.filter(pk=board.running.pk).update(
        status="succeeded", finished_at=clock.now(), claim_token=None, runner=None
    )
    expect(page.locator(f"#live-{board.running.pk}")).to_have_count(0, timeout=15_000)
    assert faults == []
    context.close()


def test_part_that_does_not_change_is_not_touched(browser, board):
    context, page, _ = signed_in(browser, board)
    page.evaluate("document.querySelector('#home-attention li').dataset.mark = 'mine'")
    for _round in range(2):
        with page.expect_response("**/admin/home/attention/", timeout=20_000):
            pass
    expect(page.locator("#home-attention li[data-mark=mine]")).to_have_count(1)
    context.close()


def test_hidden_page_asks_for_nothing(browser, board):
    context, page, _ = signed_in(browser, board)
    with page.expect_response("**/admin/home/live/", timeout=15_000):
        pass
    page.evaluate("Object.defineProperty(document, 'hidden', { get: () => true, configurable: true })")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(6000)
    assert asked == []
    context.close()


def test_log_grows_under_the_eye_and_stops_with_the_run(browser, board):
    context, page, _ = signed_in(browser, board)
    page.goto(page.url.replace("/admin/", f"/admin/heartbeat/run/{board.running.pk}/change/"))
    expect(page.locator("#log .log-line")).to_have_count(4)
    scenes.write_log(board.running, ["Reading 4,211 commits", *[f"commit {n}" for n in range(400)]])
    expect(page.locator("#log")).to_contain_text("commit 399", timeout=15_000)
    assert page.evaluate(
        "(log) => log.scrollHeight - log.scrollTop - log.clientHeight < 40", page.query_selector("#log")
    )
    page.evaluate("(log) => { log.scrollTop = 0 }", page.query_selector("#log"))
    expect(page.locator("#log-follow")).not_to_be_checked()
    with page.expect_response(lambda response: "/part/events/" in response.url and response.status == 286):
        Run.objects.filter(pk=board.running.pk).update(
            status="succeeded", finished_at=clock.now(), claim_token=None, runner=None
        )
    expect(page.locator("[data-run-over]")).to_have_count(1, timeout=15_000)
    page.wait_for_timeout(1500)  # the log is read once more after the end
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(4500)
    # This server gives no connection away: the stream of events is asked for again and again.
    assert [url for url in asked if "/events/stream" not in url] == []
    context.close()


def test_changing_a_property_saves_it(browser, board):
    context, page, faults = signed_in(browser, board)
    page.goto(page.url.replace("/admin/", f"/admin/issues/issue/{board.issue.pk}/change/"))
    page.get_by_label("Priority").select_option("critical")
    expect(page.get_by_text(f"{board.issue.identifier} is changed.")).to_be_visible()
    assert Issue.objects.get(pk=board.issue.pk).priority == "critical"
    assert faults == []
    context.close()


def test_terminating_asks_first(browser, board):
    context, page, _ = signed_in(browser, board)
    page.goto(page.url.replace("/admin/", f"/admin/companies/agent/{board.backend.pk}/change/"))
    page.get_by_role("button", name="Terminate").click()
    expect(page.get_by_role("heading", name="Terminate Backend?")).to_be_visible()
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    board.backend.refresh_from_db()
    assert board.backend.status == "running"
    context.close()


def test_keys_lead_around(browser, board):
    context, page, _ = signed_in(browser, board)
    page.keyboard.press("g")
    page.keyboard.press("i")
    page.wait_for_url("**/admin/issues/issue/**")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "q"
    page.keyboard.type("gi")
    assert "/issues/issue/" in page.url
    page.keyboard.press("Escape")
    page.locator("body").click()
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    context.close()


def test_company_is_switched_from_the_sidebar(browser, board):
    from tests import factories

    second = factories.company(name="Second Company")
    factories.member(second, board.owner)
    context, page, _ = signed_in(browser, board)
    page.get_by_text("Northwind Audits").first.click()
    page.get_by_role("button", name="Second Company").click()
    page.wait_for_url("**/admin/")
    expect(page.get_by_text("Hire an agent")).to_be_visible()
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
def test_pages_fit_can_be_read_and_name_their_controls(browser, board, width, theme):
    context, page, faults = signed_in(
        browser, board, viewport={"width": width, "height": 844}, color_scheme=theme, reduced_motion="reduce"
    )
    home = page.url
    pages = {
        **addresses.LISTS,
        **addresses.OPERATOR_LISTS,
        **addresses.pages(board),
        **addresses.forms(board),
    }
    wrong = []
    for name, (path, _) in pages.items():
        if "," in name:
            continue
        page.goto(home.replace("/admin/", path))
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        wrong += [f"{name}: {wide} px too wide"] if wide > 0 else []
        wrong += [f"{name}: {text}" for text in page.evaluate(CONTRAST)]
        wrong += [f"{name}: without a name {html}" for html in page.evaluate(NAMELESS)]
    assert not wrong, "\n".join(wrong)
    assert [fault for fault in faults if "404" not in fault] == []
    context.close()
