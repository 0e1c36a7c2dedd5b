"""Routines in a real browser: what a schedule will do while it is typed, variables that come and go, a run by hand."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from issues.models import Issue
from routines.models import Routine, Trigger
from tests.board.test_browser import board, browser, signed_in

__all__ = ["board", "browser"]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_schedule_is_read_aloud_while_it_is_typed(browser, board):
    context, page, faults = signed_in(browser, board)
    routines = page.url.replace("/admin/", "/admin/routines/routine/")
    page.goto(f"{routines}{board.routine.pk}/trigger/add/schedule/")
    preview = page.locator("#schedule-preview")
    expect(preview).to_contain_text("At 09:00 every day")
    cron = page.get_by_label("When", exact=False).first
    cron.fill("15 14 * * FRI")
    expect(preview).to_contain_text("At 14:15 on Friday")
    expect(preview.locator(".next-times li")).to_have_count(10)
    page.get_by_label("In the time of").select_option("Asia/Tokyo")
    expect(preview).to_contain_text("in Asia/Tokyo")
    expect(preview.locator(".next-times li").first).to_contain_text("UTC+09:00")
    cron.fill("15 99 * * FRI")
    expect(preview).to_contain_text("bad hour '99'")
    page.get_by_role("button", name="Mondays at 9").click()
    expect(preview).to_contain_text("At 09:00 on Monday")
    assert cron.input_value() == "0 9 * * 1"
    page.get_by_label("Name").fill("Week's start")
    page.get_by_role("button", name="Add schedule").click()
    expect(page.get_by_role("heading", name="Week's start")).to_be_visible()
    assert Trigger.objects.get(label="Week's start").timezone == "Asia/Tokyo"
    assert faults == []
    context.close()


def test_variables_come_with_their_placeholders_and_are_asked_for(browser, board):
    context, page, faults = signed_in(browser, board)
    routines = page.url.replace("/admin/", "/admin/routines/routine/")
    page.goto(f"{routines}add/")
    page.get_by_label("Title").fill("Greet {{guest}}")
    block = page.locator("[data-variable=guest]")
    expect(block).to_be_visible()
    expect(block.get_by_label("To choose from")).to_be_hidden()
    block.get_by_label("What it is").select_option("select")
    block.get_by_label("To choose from").fill("Ada\nGrace")
    page.get_by_label("What is to be done").fill("At {{hour}}")
    expect(page.locator("[data-variable=hour]")).to_be_visible()
    expect(block.get_by_label("To choose from")).to_have_value("Ada\nGrace")
    page.get_by_label("Agent").select_option(label="Ada")
    page.get_by_role("button", name="Create routine").click()
    page.get_by_role("link", name="Run now").click()
    page.get_by_role("button", name="Run now").click()
    expect(page.get_by_text("This one must be given")).to_have_count(2)
    page.get_by_label("guest").select_option("Grace")
    page.get_by_label("hour").fill("noon")
    page.get_by_role("button", name="Run now").click()
    expect(page.get_by_text("Created NWA-", exact=False).first).to_be_visible()
    routine = Routine.objects.get(title="Greet {{guest}}")
    assert Issue.objects.get(origin_id=str(routine.pk)).title == "Greet Grace"
    page.goto(routines)
    page.get_by_role("switch", name="Greet {{guest}}").press("Space")
    expect(page.get_by_role("switch", name="Greet {{guest}}")).to_have_attribute("aria-checked", "false")
    assert faults == []
    context.close()
