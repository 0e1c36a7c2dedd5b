"""Every page opens for those who may see it, tells others nothing, and has a budget of queries."""

from __future__ import annotations

import re

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests import factories
from tests.board import addresses
from tests.board import scene as scenes
from tests.board.conftest import browse

WHATEVER_IS_SECRET = "s3cret-value"
ALL_LISTS = [*addresses.LISTS, *addresses.OPERATOR_LISTS]


def address(scene: scenes.Scene, name: str) -> tuple[str, int]:
    return {
        **addresses.LISTS, **addresses.OPERATOR_LISTS, **addresses.pages(scene), **addresses.forms(scene)
    }[name]  # fmt: skip


@pytest.fixture
def scene(kept_scene) -> scenes.Scene:
    return kept_scene


@pytest.mark.parametrize("name", [*ALL_LISTS, *addresses.PAGE_NAMES, *addresses.FORM_NAMES])
def test_owner_sees_page_without_its_secrets(scene, name):
    response = browse(scene.owner).get(address(scene, name)[0])
    assert response.status_code in (200, 286)
    assert WHATEVER_IS_SECRET not in response.content.decode()


@pytest.mark.parametrize("name", [*addresses.LISTS, *addresses.PAGE_NAMES])
def test_viewer_sees_page_and_nothing_to_press(scene, viewer, name):
    response = browse(viewer).get(address(scene, name)[0])
    html = response.content.decode()
    assert response.status_code in (200, 286)
    assert WHATEVER_IS_SECRET not in html
    assert not re.findall(r'action="[^"]*/do/[^"]*"', html)


@pytest.mark.parametrize("name", addresses.FORM_NAMES)
def test_viewer_gets_no_form(scene, viewer, name):
    assert browse(viewer).get(address(scene, name)[0]).status_code == 403


@pytest.mark.parametrize("name", [*addresses.LISTS, *addresses.PAGE_NAMES, *addresses.FORM_NAMES])
def test_outsider_learns_nothing(scene, outsider, name):
    response = browse(outsider).get(address(scene, name)[0], follow=True)
    html = response.content.decode()
    if name in addresses.PAGE_NAMES or name.startswith("edit"):
        assert response.status_code == 404
    for trace in (
        "Northwind",
        "NWA-",
        "Backend",
        "Repository audit",
        "Audit this repository",
        WHATEVER_IS_SECRET,
    ):
        assert trace not in html


@pytest.mark.parametrize("name", list(addresses.OPERATOR_LISTS))
def test_what_belongs_to_the_installation_is_not_for_members(scene, viewer, name):
    assert browse(viewer).get(address(scene, name)[0]).status_code == 403


@pytest.mark.parametrize("name", [*ALL_LISTS, *addresses.PAGE_NAMES, *addresses.FORM_NAMES])
def test_nobody_is_asked_to_sign_in(scene, name):
    response = browse(None).get(address(scene, name)[0])
    assert response.status_code == 302
    assert response["Location"].startswith("/admin/login/")


@pytest.mark.django_db
def test_pages_keep_their_query_budget_however_many_rows():
    """One scene is four times the other; both stay within the same budget."""
    over = []
    for size in (1, 4):
        place = factories.company(name=f"Size {size}")
        person = factories.user(member_of=place, is_superuser=True)
        scene = scenes.build(place, person, size=size)
        client = browse(person)
        for name in [*ALL_LISTS, *addresses.PAGE_NAMES, *addresses.FORM_NAMES]:
            url, budget = address(scene, name)
            cache.clear()
            with CaptureQueriesContext(connection) as queries:
                client.get(url)
            if len(queries) > budget:
                over.append(f"{name} with scene {size}: {len(queries)} queries, {budget} allowed")
    assert not over, "\n".join(over)


@pytest.mark.parametrize(
    "url",
    [
        "/admin/issues/issue/not-a-uuid/change/",
        "/admin/issues/issue/NWA-99999/change/",
        "/admin/issues/issue/00000000-0000-4000-8000-000000000000/change/",
        "/admin/companies/agent/%F0%9F%92%A5/change/",
        "/admin/heartbeat/run/1/part/head/",
        "/admin/companies/activity/1/change/",
        "/admin/heartbeat/runner/1/change/",
        "/admin/home/nonsense/",
        "/admin/auth/group/",
        "/admin/django_q/schedule/",
    ],
)
def test_address_of_nothing_is_not_found(scene, url):
    assert browse(scene.owner).get(url).status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        "p=0",
        "p=abc",
        "p=99999999",
        "o=99",
        "o=-2",
        "o=x",
        "q=%25%5F%5C",
        "q=" + "x" * 3000,
        "view=nonsense",
        "status=nonsense",
        "assignee=nonsense",
        "assignee=none",
        "project=1",
        "label=1",
        "priority__exact=nonsense",
        "company__name=x",
        "nonsense=1",
        "e=1",
    ],
)
@pytest.mark.parametrize(
    "url", ["/admin/issues/issue/", "/admin/heartbeat/run/", "/admin/companies/activity/"]
)
def test_nonsense_in_the_address_breaks_no_list(scene, url, query):
    response = browse(scene.owner).get(f"{url}?{query}", follow=True)
    assert response.status_code == (400 if query.startswith("company__name") else 200)


def test_issue_is_found_by_its_identifier(scene):
    response = browse(scene.owner).get(f"/admin/issues/issue/{scene.issue.identifier.lower()}/change/")
    assert response.status_code == 200
    assert scene.issue.title in response.content.decode()


def test_run_page_names_the_run_by_what_it_did_and_why(scene):
    html = browse(scene.owner).get(f"/admin/heartbeat/run/{scene.failed.pk}/change/").content.decode()
    assert "playwright: browser closed unexpectedly (signal 9)" in html
    assert "Nothing follows: failures of this kind are not tried again by themselves" in html
    assert "The issue was assigned" in html


def test_run_page_shows_the_whole_chain_from_any_attempt(scene):
    html = browse(scene.owner).get(f"/admin/heartbeat/run/{scene.retried.pk}/change/").content.decode()
    assert "Attempt 1: failed" in html
    assert "Attempt 2 (this one): failed" in html
    assert "Attempt 3: scheduled retry" in html


@pytest.mark.parametrize(
    "url",
    [
        "/admin/search/",
        "/admin/search/?extended=1&s=a&page=abc",
        "/admin/search/?s=" + "x" * 3000,
        "/admin/jsi18n/",
        "/admin/password_change/",
        "/admin/autocomplete/",
        "/admin/r/x/y/",
        "/admin/issues/",
        "/admin/autocomplete/?app_label=issues&model_name=issue&field_name=title",
    ],
)
def test_addresses_of_the_frame_never_break(scene, url):
    assert browse(scene.owner).get(url).status_code in (200, 403, 404)


def test_choices_of_related_rows_are_those_of_the_company(scene, outsider):
    url = "/admin/autocomplete/?app_label=issues&model_name=issue&field_name=assignee_agent&term=backend"
    assert [found["text"] for found in browse(scene.owner).get(url).json()["results"]] == ["Backend"]
    assert browse(outsider).get(url).json()["results"] == []


@pytest.mark.parametrize("kind", ["delete", "history"])
def test_there_is_no_page_to_delete_with(scene, kind):
    assert browse(scene.owner).get(f"/admin/issues/issue/{scene.issue.pk}/{kind}/").status_code == 404


def test_command_palette_finds_issues_and_agents_of_the_company_only(scene, outsider):
    found = browse(scene.owner).get("/admin/search/?extended=1&s=backend").content.decode()
    assert "Backend" in found
    assert "Backend" not in browse(outsider).get("/admin/search/?extended=1&s=backend").content.decode()
