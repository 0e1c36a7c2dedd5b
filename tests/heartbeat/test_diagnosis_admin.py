"""The pages of failure rules."""

from __future__ import annotations

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from heartbeat.models import FailureRule, Run
from heartbeat.retries import rules
from paperclip.companies import actors
from paperclip.core import clock
from tests import factories
from tests.heartbeat.test_diagnosis import draft

pytestmark = pytest.mark.django_db
LIST = "/admin/heartbeat/failurerule/"
TYPED = {
    "name": "Flux", "pattern": "flux capacitor", "category": "network_error", "position": "3",
    "is_retryable": "on", "is_enabled": "on", "advice": "Charge it.",
}  # fmt: skip


@pytest.fixture
def browser(cast):
    return signed_in(cast.owner)


def signed_in(who):
    client = Client(raise_request_exception=True)
    client.force_login(who)
    return client


@pytest.fixture
def rule(cast):
    return rules.create(
        company=cast.company, draft=draft(), actor=actors.for_user(cast.owner), now=clock.now()
    )


@pytest.fixture
def failed(cast):
    return factories.run(
        cast.engineer, status="failed", error="flux capacitor <b>empty</b>", error_code="adapter_failed"
    )


def test_a_rule_is_kept(browser, cast):
    answer = browser.post(f"{LIST}add/", TYPED)
    rule = FailureRule.objects.get()
    assert answer["Location"] == f"{LIST}{rule.pk}/change/"
    assert (rule.company_id, rule.name, rule.position) == (cast.company.pk, "Flux", 3)
    assert (rule.is_retryable, rule.is_enabled, rule.advice) == (True, True, "Charge it.")
    assert "Flux" in browser.get(LIST).content.decode()


def test_trying_shows_what_would_change_and_keeps_nothing(browser, failed):
    html = browser.post(f"{LIST}add/", TYPED | {"try": "1"}).content.decode()
    assert not FailureRule.objects.exists()
    assert "1 of the 1 newest failed run says this; 1 would be judged differently" in html
    assert "Unknown failure, not tried again" in html
    assert "Connection broke, tried again" in html
    assert "&lt;b&gt;empty&lt;/b&gt;" in html
    assert 'value="flux capacitor"' in html, "what was typed stays"


@pytest.mark.parametrize("button", [{}, {"try": "1"}], ids=["save", "try"])
def test_a_bad_pattern_is_named_beside_its_field(browser, button):
    html = browser.post(f"{LIST}add/", TYPED | {"pattern": "("} | button).content.decode()
    assert "Not a regular expression" in html
    assert not FailureRule.objects.exists()


def test_a_rule_is_edited_and_tried_in_place_of_itself(browser, rule, failed):
    url = f"{LIST}{rule.pk}/edit/"
    tried = browser.post(url, TYPED | {"category": "oom", "try": "1"}).content.decode()
    assert "1 would be judged differently" in tried
    browser.post(url, TYPED | {"category": "oom", "is_retryable": ""})
    rule.refresh_from_db()
    assert (rule.category, rule.is_retryable) == ("oom", False)


def test_the_page_of_a_rule_shows_the_failures_it_knows(browser, rule, failed):
    html = browser.get(f"{LIST}{rule.pk}/change/").content.decode()
    assert "1 of the 1 newest failed run says this." in html
    assert f"/admin/heartbeat/run/{failed.pk}/change/" in html


def test_a_rule_is_switched(browser, rule):
    for deed, enabled in (("disable", False), ("enable", True)):
        answer = browser.post(f"{LIST}{rule.pk}/do/{deed}/")
        assert answer.status_code == 302
        assert [str(message) for message in get_messages(answer.wsgi_request)]
        rule.refresh_from_db()
        assert rule.is_enabled is enabled


@pytest.mark.parametrize("runs", [1, 40])
def test_the_page_has_a_budget_of_queries(browser, cast, rule, runs, django_assert_max_num_queries):
    Run.objects.bulk_create(
        Run(company=cast.company, agent=cast.engineer, status="failed", error="flux capacitor")
        for _ in range(runs)
    )
    with django_assert_max_num_queries(21):
        browser.get(f"{LIST}{rule.pk}/change/")


def test_a_viewer_reads_and_changes_nothing(cast, rule):
    viewer = signed_in(cast.viewer)
    assert viewer.get(f"{LIST}{rule.pk}/change/").status_code == 200
    assert viewer.get(f"{LIST}add/").status_code == 403
    assert viewer.post(f"{LIST}{rule.pk}/edit/", TYPED).status_code == 403
    assert viewer.post(f"{LIST}{rule.pk}/do/disable/").status_code == 403


def test_an_outsider_learns_nothing(cast, rule):
    outsider = signed_in(cast.outsider)
    assert outsider.get(f"{LIST}{rule.pk}/change/").status_code == 404
    assert outsider.post(f"{LIST}{rule.pk}/do/disable/").status_code == 404
    assert "Flux" not in outsider.get(LIST).content.decode()
