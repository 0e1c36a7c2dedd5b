"""The search over a company."""

from __future__ import annotations

import pytest
from django.db import connection

from paperclip.core import clock
from tests import factories


@pytest.fixture
def path(cast):
    return f"/api/companies/{cast.company.id}/search"


def find(caller, path, q, **query):
    answer = caller.get(path, {"q": q, **query})
    assert answer.status_code == 200, answer.content
    return answer.json()


def titles(caller, path, q, **query):
    return [row["title"] for row in find(caller, path, q, **query)["results"]]


def test_answer_has_the_contracts_shape(cast, path):
    """I-154."""
    issue = factories.issue(cast.company, title="Search page", description="What the search page shows")

    body = find(cast.as_owner, path, "  Search   PAGE ")

    assert set(body) == {
        "query", "normalizedQuery", "scope", "limit", "offset", "results", "countsByType", "hasMore"
    }  # fmt: skip
    assert (body["normalizedQuery"], body["scope"], body["limit"], body["offset"], body["hasMore"]) == (
        "search page", "all", 20, 0, False
    )  # fmt: skip
    assert body["countsByType"] == {"issue": 1, "agent": 0, "project": 0}
    (row,) = body["results"]
    assert set(row) == {
        "id", "type", "score", "title", "href", "matchedFields", "sourceLabel", "snippet", "snippets",
        "issue", "updatedAt", "previewImageUrl",
    }  # fmt: skip
    assert (row["id"], row["type"], row["href"]) == (
        str(issue.pk), "issue", f"/{cast.company.issue_prefix}/issues/{issue.identifier}"
    )  # fmt: skip
    assert row["matchedFields"] == ["title", "description"]
    (snippet,) = row["snippets"]
    marked = [snippet["text"][hit["start"] : hit["end"]].lower() for hit in snippet["highlights"]]
    assert marked == ["search page"]


def test_better_hits_come_first(cast, path):
    """I-155."""
    factories.issue(cast.company, title="Other", description="the deploy fails")
    commented = factories.issue(cast.company, title="Commented")
    factories.comment(commented, "did you deploy?")
    factories.issue(cast.company, title="How to deploy")
    factories.issue(cast.company, title="Deploy today")
    factories.issue(cast.company, title="Deploy")
    factories.issue(cast.company, title="Deploy", status="done")
    factories.issue(cast.company, title="Deploy", status="cancelled")

    found = find(cast.as_owner, path, "deploy")["results"]

    assert [row["title"] for row in found] == [
        "Deploy", "Deploy", "Deploy", "Deploy today", "How to deploy", "Commented", "Other"
    ]  # fmt: skip
    assert [row["issue"]["status"] for row in found[:3]] == ["todo", "done", "cancelled"]
    assert [row["score"] for row in found[:3]] == [2150, 2130, 2100]


def test_identifier_beats_everything(cast, path):
    issue = factories.issue(cast.company, title="Named")
    factories.issue(cast.company, title=f"see {issue.identifier}")

    assert titles(cast.as_owner, path, issue.identifier.lower())[0] == "Named"


def test_all_words_beat_one(cast, path):
    factories.issue(cast.company, title="alpha only here")
    factories.issue(cast.company, title="beta then alpha")

    assert titles(cast.as_owner, path, "alpha beta") == ["beta then alpha", "alpha only here"]
    assert titles(cast.as_owner, path, '"then alpha"') == ["beta then alpha"]


@pytest.mark.parametrize(
    ("q", "found"),
    [
        pytest.param("serach", ["Better search"], id="IC-113"),
        pytest.param("chekcout paymnt", ["Checkout payment"], id="I-155 every word"),
        pytest.param("chekcout widget", [], id="I-155 not every word"),
        pytest.param("sear", ["Better search"], id="I-155 a part is no mistake"),
        pytest.param("bettr", ["Better search"], id="I-155 one edit for five letters"),
        pytest.param("bttr", [], id="I-155 short words are exact"),
        pytest.param("serach%", [], id="I-155 not with wildcards"),
    ],
)
def test_misspelt_words(cast, path, q, found):
    factories.issue(cast.company, title="Better search")
    factories.issue(cast.company, title="Checkout payment")

    assert titles(cast.as_owner, path, q, scope="issues") == found


@pytest.mark.parametrize("q", ["100%", "a_b", "c\\d"])
def test_wildcards_are_letters(cast, path, q):
    """IC-112."""
    factories.issue(cast.company, title=f"has {q} here")
    factories.issue(cast.company, title="has 100 axb cd here")

    assert titles(cast.as_owner, path, q) == [f"has {q} here"]


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        pytest.param("all", {"Atlas", "titled Atlas", "commented", "documented", "Agent Atlas"}, id="all"),
        pytest.param("issues", {"titled Atlas"}, id="issues"),
        pytest.param("comments", {"commented"}, id="comments"),
        pytest.param("documents", {"documented"}, id="documents"),
        pytest.param("agents", {"Agent Atlas"}, id="agents"),
        pytest.param("projects", {"Atlas"}, id="projects"),
        pytest.param(
            "everything",
            {"Atlas", "titled Atlas", "commented", "documented", "Agent Atlas"},
            id="unknown is all",
        ),
    ],
)
def test_scopes(cast, path, scope, expected):
    factories.issue(cast.company, title="titled Atlas")
    said, written = (
        factories.issue(cast.company, title="commented"),
        factories.issue(cast.company, title="documented"),
    )
    comment = factories.comment(said, "about the atlas")
    cast.as_owner.put(f"/api/issues/{written.pk}/documents/plan", {"format": "markdown", "body": "x atlas y"})
    factories.agent(cast.company, name="Agent Atlas")
    factories.project(cast.company, name="Atlas")
    factories.issue(cast.elsewhere, title="foreign Atlas")

    rows = find(cast.as_owner, path, "atlas", scope=scope)["results"]

    assert {row["title"] for row in rows} == expected
    found = {row["title"]: row for row in rows}
    if "commented" in found:
        assert found["commented"]["href"].endswith(f"#comment-{comment.pk}")
        assert "atlas" in found["commented"]["snippet"]
    if "documented" in found:
        assert found["documented"]["href"].endswith("#document-plan")
        assert found["documented"]["snippet"] == "x atlas y"


def test_hidden_issues_are_not_found(cast, path):
    factories.issue(cast.company, title="Atlas", hidden_at=clock.now())

    assert titles(cast.as_owner, path, "atlas") == []


@pytest.mark.parametrize(
    ("query", "count", "more"),
    [
        pytest.param({"limit": "2"}, 2, True, id="page"),
        pytest.param({"limit": "2", "offset": "4"}, 1, False, id="last page"),
        pytest.param({"limit": "0"}, 1, True, id="clamped up"),
        pytest.param({"limit": "9999", "offset": "9999"}, 0, False, id="clamped down"),
        pytest.param({"limit": "x", "offset": "y"}, 5, False, id="words count as absent"),
    ],
)
def test_pages(cast, path, query, count, more):
    for number in range(5):
        factories.issue(cast.company, title=f"atlas {number}")

    body = find(cast.as_owner, path, "atlas", **query)

    assert (len(body["results"]), body["hasMore"]) == (count, more)


@pytest.mark.parametrize("q", ["", "   ", '""'])
def test_nothing_asked_nothing_found(cast, path, q):
    factories.issue(cast.company)

    body = find(cast.as_owner, path, q)

    assert (body["results"], body["countsByType"]) == ([], {"issue": 0, "agent": 0, "project": 0})


@pytest.mark.parametrize(
    "q", ["\U0001f600", "%_\\", "'", '"', "a" * 5000, " ".join(["word"] * 50), "\u0130stanbul"]
)
def test_odd_queries_are_answered(cast, path, q):
    factories.issue(cast.company, title="\u0130stanbul \U0001f600")

    assert find(cast.as_owner, path, q)["query"] == q[:200]


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("as_owner", 200),
        ("as_viewer", 200),
        ("as_outsider", 403),
        ("as_foreign_agent", 403),
        ("as_nobody", 401),
    ],
)
def test_who_may_search(cast, path, who, status):
    assert getattr(cast, who).get(path, {"q": "x"}).status_code == status


def test_sixty_searches_a_minute(cast, path):
    """IC-114, IW-49: counted in the database, by all web processes together."""
    caller = cast.as_owner
    for number in range(60):
        answer = caller.get(path, {"q": ""})
        assert (answer.status_code, answer["X-RateLimit-Remaining"]) == (200, str(59 - number))
        assert answer["X-RateLimit-Limit"] == "60"

    answer = caller.get(path, {"q": "x"})

    assert (answer.status_code, answer["X-RateLimit-Remaining"]) == (429, "0")
    assert answer.json()["retryAfterSeconds"] == int(answer["Retry-After"]) > 0
    assert cast.as_operator.get(path, {"q": "x"}).status_code == 200, "everybody has their own count"
    with connection.cursor() as cursor:
        cursor.execute("SELECT used FROM rate_limits ORDER BY used")
        assert [used for (used,) in cursor.fetchall()] == [1, 61]
