"""`GET /issues/:id/comments` and one of them: the thread of an issue is read."""

from __future__ import annotations

from uuid import uuid4

import pytest

from issues.api.shapes import CommentOut
from paperclip.core import clock
from tests import factories


@pytest.fixture
def issue(cast):
    return factories.issue(cast.company)


@pytest.fixture
def thread(issue):
    """Five comments of the same millisecond."""
    moment = clock.now()
    return [factories.comment(issue, f"{number}", at=moment) for number in range(5)]


def bodies(caller, issue, **query):
    answer = caller.get(f"/api/issues/{issue.pk}/comments", query)
    assert answer.status_code == 200
    return "".join(row["body"] for row in answer.json())


def test_answer_has_the_contracts_shape(cast, issue):
    """I-11."""
    factories.comment(issue, "hello", author_agent=cast.engineer)

    (row,) = cast.as_owner.get(f"/api/issues/{issue.pk}/comments").json()

    assert set(row) == set(CommentOut().fields)
    assert (row["authorAgentId"], row["authorUserId"], row["authorType"]) == (
        str(cast.engineer.id),
        None,
        "agent",
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param({}, "43210", id="I-70 newest first"),
        pytest.param({"order": "asc"}, "01234", id="I-70 ascending"),
        pytest.param({"order": "sideways"}, "43210", id="I-70 other words are desc"),
        pytest.param({"after": 2}, "10", id="IC-64 desc after the middle"),
        pytest.param({"after": 2, "order": "asc"}, "34", id="I-70 the anchor itself is never returned"),
        pytest.param({"afterCommentId": 2, "order": "asc"}, "34", id="K-24 the other name"),
        pytest.param({"after": 4, "order": "asc"}, "", id="I-70 nothing newer"),
        pytest.param({"after": 0}, "", id="I-70 nothing older"),
        pytest.param({"limit": "2"}, "43", id="I-70 limit"),
        pytest.param({"limit": "2.9", "order": "asc"}, "01", id="I-70 limit is floored"),
        pytest.param({"limit": "0"}, "43210", id="I-70 zero is no limit"),
        pytest.param({"limit": "-1"}, "43210", id="I-70 negative is no limit"),
        pytest.param({"limit": "many"}, "43210", id="I-70 words are no limit"),
        pytest.param({"limit": "nan"}, "43210", id="I-70 nan"),
        pytest.param({"limit": "1e400"}, "43210", id="I-70 beyond numbers"),
        pytest.param({"limit": "100000"}, "43210", id="I-70 capped"),
        pytest.param({"after": str(uuid4())}, "", id="I-70 unknown anchor"),
        pytest.param({"after": "nonsense"}, "", id="IW-3 malformed anchor"),
    ],
)
def test_cursor(cast, issue, thread, query, expected):
    sent = {name: str(thread[value].pk) if isinstance(value, int) else value for name, value in query.items()}

    assert bodies(cast.as_owner, issue, **sent) == expected


def test_anchor_of_another_issue_gives_nothing(cast, issue, thread):
    foreign = factories.comment(factories.issue(cast.company))

    assert bodies(cast.as_owner, issue, after=str(foreign.pk)) == ""


def test_walking_the_thread_forgets_and_repeats_nothing(cast, issue, thread):
    """IW-36: comments of one millisecond keep their order."""
    seen, after = "", None
    while page := cast.as_owner.get(
        f"/api/issues/{issue.pk}/comments", {"order": "asc", "limit": 2} | ({"after": after} if after else {})
    ).json():
        seen += "".join(row["body"] for row in page)
        after = page[-1]["id"]

    assert seen == "01234"


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("as_owner", 200),
        ("as_viewer", 200),
        ("as_outsider", 404),
        ("as_foreign_agent", 404),
        ("as_nobody", 401),
    ],
)
def test_who_may_read(cast, issue, thread, who, status):
    caller = getattr(cast, who)

    assert caller.get(f"/api/issues/{issue.pk}/comments").status_code == status
    assert caller.get(f"/api/issues/{issue.pk}/comments/{thread[0].pk}").status_code == status


def test_single_comment(cast, issue, thread):
    answer = cast.as_owner.get(f"/api/issues/{issue.identifier}/comments/{thread[3].pk}")

    assert (answer.status_code, answer.json()["body"]) == (200, "3")


@pytest.mark.parametrize("reference", ["foreign", factories.NO_SUCH_ID, "nonsense"])
def test_comment_of_another_issue_is_not_found(cast, issue, reference):
    """I-71, IW-3."""
    if reference == "foreign":
        reference = str(factories.comment(factories.issue(cast.company)).pk)

    answer = cast.as_owner.get(f"/api/issues/{issue.pk}/comments/{reference}")

    assert (answer.status_code, answer.json()["error"]) == (404, "Comment not found")
