from __future__ import annotations

import pytest

from heartbeat import context, policy


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"wakeReason": "  "}, None, id="H-2 blank is absent"),
        pytest.param({"wakeReason": 5}, None, id="H-2 number is absent"),
        pytest.param({"wakeReason": " x "}, " x ", id="H-2 used untrimmed"),
    ],
)
def test_present_strings(given, expected):
    assert context.read(given).wake_reason == expected


def enrich(data=None, **options):
    options = {"reason": None, "source": "on_demand", "trigger_detail": None, "payload": None} | options
    return context.enrich(data, **options)


def test_a_context_is_filled_where_it_says_nothing():  # H-38, H-39
    made = enrich(
        {"taskId": "t-1"}, reason="issue_assigned", trigger_detail="system", payload={"issueId": "i-1"}
    )
    assert made.to_json() == {
        "wakeReason": "issue_assigned",
        "wakeSource": "on_demand",
        "wakeTriggerDetail": "system",
        "issueId": "i-1",
        "taskId": "t-1",
        "taskKey": "t-1",
    }


def test_what_a_context_says_itself_wins():  # H-38
    made = enrich({"wakeReason": "mine", "issueId": "i-0"}, reason="theirs", payload={"issueId": "i-1"})
    assert (made.wake_reason, made.issue_id) == ("mine", "i-0")


@pytest.mark.parametrize(
    ("data", "payload", "ids"),
    [
        pytest.param(
            {"wakeCommentIds": ["a", "b"], "commentId": "z"},
            {"commentId": "c"},
            ["a", "b", "c"],
            id="H-38 list wins",
        ),
        pytest.param({"wakeCommentId": "a", "commentId": "b"}, {}, ["a", "b"], id="H-38 both singles"),
        pytest.param({"commentId": "a"}, {"commentId": "a"}, ["a"], id="H-38 unique"),
    ],
)
def test_comment_ids_add_up_in_order(data, payload, ids):
    made = enrich({**data, "paperclipWake": {"old": True}}, payload=payload).to_json()
    assert made["wakeCommentIds"] == ids
    assert made["commentId"] == made["wakeCommentId"] == ids[-1]
    assert "paperclipWake" not in made


@pytest.mark.parametrize(
    "mutation", [pytest.param("interaction", id="H-38 kept"), pytest.param("update", id="H-38 dropped")]
)
def test_interaction_keys_belong_to_interactions(mutation):
    made = enrich({"interactionId": "x", "other": 1}, payload={"mutation": mutation}).to_json()
    assert ("interactionId" in made) is (mutation == "interaction")
    assert made["other"] == 1


def test_merging_lays_the_newer_on_top():  # H-54
    old = context.read({"wakeReason": "a", "wakeCommentIds": ["1"], "interactionId": "x", "keep": 1})
    new = context.read({"wakeReason": "b", "commentId": "2"})
    assert context.merge(old, new).to_json() == {
        "wakeReason": "b",
        "wakeCommentIds": ["1", "2"],
        "commentId": "2",
        "wakeCommentId": "2",
        "keep": 1,
    }


@pytest.mark.parametrize(
    ("reason", "comment", "is_interaction"),
    [
        pytest.param("issue_commented", "c", True, id="H-7 comment"),
        pytest.param("issue_commented", None, False, id="H-7 without a comment"),
        pytest.param("issue_assigned", "c", False, id="H-7 other reason"),
    ],
)
def test_interaction_wakes(reason, comment, is_interaction):
    assert context.read({"wakeReason": reason, "commentId": comment}).is_interaction is is_interaction


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param({}, (False, 0, True, 1), id="defaults"),
        pytest.param(
            {"enabled": "true", "intervalSec": "5"}, (False, 0, True, 1), id="H-3 text is not taken"
        ),
        pytest.param(
            {"enabled": True, "intervalSec": 30, "maxConcurrentRuns": 4.9},
            (True, 30, True, 4),
            id="H-64 floored",
        ),
        pytest.param({"maxConcurrentRuns": 0}, (False, 0, True, 1), id="H-64 at least one"),
        pytest.param({"maxConcurrentRuns": 500}, (False, 0, True, 50), id="H-64 at most fifty"),
        pytest.param(
            {"wakeOnAssignment": False, "wakeOnAutomation": True}, (False, 0, False, 1), id="H-43 first flag"
        ),
        pytest.param(
            {"wakeOnDemand": None, "wakeOnAutomation": False},
            (False, 0, False, 1),
            id="H-43 null is passed over",
        ),
    ],
)
def test_policies_are_read_strictly(config, expected):
    read = policy.read({"heartbeat": config})
    assert (
        read.timer_enabled,
        read.interval_seconds,
        read.wake_on_demand,
        read.max_concurrent_runs,
    ) == expected
