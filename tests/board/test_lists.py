"""How lists are narrowed, ordered and cut."""

from __future__ import annotations

import re

import pytest

from issues.models import Issue
from paperclip.core.lists import COUNT_LIMIT, BoundedPaginator
from tests import factories
from tests.board.conftest import browse

LIST = "/admin/issues/issue/"


def titles(client, query: str) -> list[str]:
    response = client.get(f"{LIST}?{query}")
    return [row.title for row in response.context["cl"].result_list]


@pytest.mark.parametrize(
    ("view", "statuses"),
    [
        ("", {"todo", "in_progress", "in_review", "blocked", "backlog"}),
        ("view=open", {"todo", "in_progress", "in_review", "blocked", "backlog"}),
        ("view=in_progress", {"in_progress"}),
        ("view=blocked", {"blocked"}),
        ("view=in_review", {"in_review"}),
        ("view=done", {"done", "cancelled"}),
        ("view=open&status=done", {"done"}),
    ],
)
def test_saved_view_shows_its_statuses(scene, view, statuses):
    response = browse(scene.owner).get(f"{LIST}?{view}")
    assert {row.status for row in response.context["cl"].result_list} == statuses


def test_filters_narrow_the_list(scene):
    client = browse(scene.owner)
    assert titles(client, "assignee=none&view=open") == [
        "Decide which coverage tool we trust",
        "Try the new linter rules",
    ]
    assert set(titles(client, f"assignee={scene.backend.pk}")) == {"Measure churn from git history"}
    assert "Make the login test" in titles(client, "priority__exact=critical&view=in_progress")[0]
    label = scene.company.labels.get(name="bug")
    assert len(titles(client, f"label={label.pk}")) == 2
    assert all(
        row.project_id == scene.project.pk
        for row in client.get(f"{LIST}?project={scene.project.pk}").context["cl"].result_list
    )


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("git history", ["Measure churn from git history"]),
        ("nwa-3", ["Measure churn from git history"]),
        ("zebra", []),
    ],
)
def test_search_finds_by_title_and_identifier(scene, term, found):
    assert titles(browse(scene.owner), f"q={term}") == found


def test_filter_offers_only_what_the_company_has(scene):
    factories.agent(factories.company(), name="Foreigner")
    assert "Foreigner" not in browse(scene.owner).get(LIST).content.decode()


def test_heading_orders_both_ways(scene):
    client = browse(scene.owner)
    down = titles(client, "view=all&o=-0")
    assert titles(client, "view=all&o=0") == down[::-1]
    assert len(down) > 5


def test_clearing_keeps_the_tab(scene):
    response = browse(scene.owner).get(f"{LIST}?view=blocked&q=x&priority__exact=high")
    assert response.context["cl"].wide_url == "?view=blocked"


def test_hidden_issue_is_nowhere(scene):
    Issue.objects.filter(pk=scene.issue.pk).update(hidden_at="2026-01-01T00:00:00Z")
    client = browse(scene.owner)
    assert scene.issue.title not in titles(client, "view=all")
    assert client.get(f"/admin/issues/issue/{scene.issue.pk}/change/").status_code == 404


@pytest.mark.parametrize("url", ["/admin/issues/issue/", "/admin/heartbeat/run/"])
def test_rows_are_asked_for_alone(scene, url):
    """What changes while somebody looks is a part of the page; filters and search are not in it."""
    client = browse(scene.owner)
    whole = client.get(url).content.decode()
    part = client.get(url, headers={"HX-Request": "true", "HX-Target": "list-rows"})
    assert 'id="list-rows" hx-get="' + url in whole
    assert part.status_code == 200
    assert "ETag" in part
    rows = re.compile(r'id="open-([-0-9a-f]{36})"')
    assert rows.findall(part.content.decode()) == rows.findall(whole) != []
    for outside in ("<html", "toolbar", "list-rows"):
        assert outside not in part.content.decode()


def test_rows_asked_for_alone_keep_filters_and_scope(scene, outsider):
    alone = {"headers": {"HX-Target": "list-rows"}}
    found = browse(scene.owner).get("/admin/issues/issue/?q=nothing-like-it", **alone).content.decode()
    assert "Nothing matches" in found
    assert "NWA-" not in browse(outsider).get("/admin/issues/issue/", **alone).content.decode()


def test_lists_that_are_not_live_do_not_ask(scene):
    assert '<div id="list-rows">' in browse(scene.owner).get("/admin/issues/label/").content.decode()


def test_paginator_never_counts_past_its_limit(scene, django_assert_num_queries):
    Issue.objects.bulk_create(
        Issue(company=scene.company, title=f"n{n}", issue_number=n, identifier=f"NWA-{n}")
        for n in range(5000, 5000 + COUNT_LIMIT + 50)
    )
    with django_assert_num_queries(1) as queries:
        paginator = BoundedPaginator(Issue.objects.order_by("title"), 50)
        assert paginator.count == COUNT_LIMIT
    assert f"LIMIT {COUNT_LIMIT}" in queries.captured_queries[0]["sql"]
    assert "ORDER BY" not in queries.captured_queries[0]["sql"]
    html = browse(scene.owner).get(f"{LIST}?view=all").content.decode()
    assert f"the first {COUNT_LIMIT}, narrow the list to see others" in html


def test_second_page_follows_the_first_without_overlap(scene):
    at = scene.issue.last_activity_at
    Issue.objects.bulk_create(
        Issue(
            company=scene.company, title=f"n{n}", issue_number=n, identifier=f"NWA-{n}", last_activity_at=at
        )
        for n in range(6000, 6120)
    )
    client = browse(scene.owner)
    first, second = (titles(client, f"view=all&p={number}") for number in (1, 2))
    assert len(first) == len(second) == 50
    assert not set(first) & set(second)
