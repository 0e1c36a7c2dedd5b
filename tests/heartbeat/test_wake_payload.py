"""What an agent is told at its start, and how much of it (H-85, H-86)."""

from __future__ import annotations

import uuid

import pytest

from heartbeat import context as contexts
from heartbeat import wake_payload
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def issue(cast):
    return factories.issue(cast.company, assignee_agent=cast.engineer, title="Split the module")


def told(issue, comments):
    context = contexts.read({"wakeCommentIds": [str(getattr(each, "pk", each)) for each in comments]})
    return wake_payload.build(context, issue)


@pytest.mark.parametrize(
    ("sizes", "kept", "truncated"),
    [
        pytest.param([5, 5], [5, 5], False, id="H-86 all of it"),
        pytest.param([5000], [4000], True, id="H-86 one is too long"),
        pytest.param([10] * 10, [10] * 8, True, id="H-86 eight at most"),
        pytest.param([3900] * 4, [3900, 3900, 3900, 300], True, id="H-86 12,000 characters together"),
    ],
)
def test_comments_are_told_within_bounds(issue, sizes, kept, truncated):
    comments = [factories.comment(issue, "x" * size) for size in sizes]
    payload = told(issue, comments)
    assert [len(comment["body"]) for comment in payload["comments"]] == kept
    assert payload["commentWindow"]["requestedCount"] == len(sizes)
    assert payload["commentWindow"]["includedCount"] == len(kept)
    assert payload["truncated"] is payload["fallbackFetchNeeded"] is truncated
    assert payload["latestCommentId"] == str(comments[-1].pk)


def test_a_comment_that_is_gone_is_counted_and_asks_for_a_look(issue):  # H-86
    payload = told(issue, [factories.comment(issue, "here"), uuid.uuid4()])
    assert payload["commentWindow"] == {"requestedCount": 2, "includedCount": 1, "missingCount": 1}
    assert payload["fallbackFetchNeeded"] is True


def test_the_form_for_the_environment_is_flat(issue):  # H-86
    payload = told(issue, [factories.comment(issue, "Look at it"), factories.comment(issue, "   ")])
    flat = wake_payload.flattened(payload)
    assert "commentWindow" not in flat
    assert (flat["requestedCount"], flat["missingCount"]) == (2, 0)
    (comment,) = flat["comments"]
    assert (comment["body"], set(comment) & {"author", "presentation", "metadata"}) == ("Look at it", set())
    assert "authorId" in comment
    assert comment["authorType"]


def test_without_an_issue_comment_or_stage_nothing_is_told():  # H-85
    assert wake_payload.build(contexts.read({"wakeReason": "heartbeat_timer"}), None) is None
