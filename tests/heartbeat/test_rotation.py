"""When a session is used up, by the limits of its adapter and its agent (H-81, A-49)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from heartbeat import rotation
from heartbeat.rotation import Limits, Spent

NOW = datetime(2026, 5, 1, tzinfo=UTC)
DEFAULT = Limits(200, 2_000_000, 72)


@pytest.mark.parametrize(
    ("adapter_type", "config", "expected"),
    [
        pytest.param("claude_local", {}, Limits(), id="H-81 claude looks after itself"),
        pytest.param("codex_local", {}, Limits(), id="H-81 codex looks after itself"),
        pytest.param("acpx_local", {}, Limits(), id="H-81 acpx looks after itself"),
        pytest.param("gemini_local", {}, DEFAULT, id="H-81 gemini"),
        pytest.param("cursor", {}, DEFAULT, id="H-81 cursor"),
        pytest.param("process", {}, None, id="H-81 unknown adapter"),
        pytest.param("gemini_local", {"enabled": False}, None, id="A-49 switched off"),
        pytest.param("process", {"enabled": True, "maxSessionRuns": 3}, Limits(3), id="A-49 switched on"),
        pytest.param(
            "claude_local", {"maxSessionAgeHours": 1.5}, Limits(0, 0, 1.5), id="A-49 one limit of three"
        ),
        pytest.param("gemini_local", {"maxSessionRuns": "3"}, DEFAULT, id="H-3 text is no number"),
        pytest.param("gemini_local", {"maxSessionRuns": True}, DEFAULT, id="H-3 true is no number"),
        pytest.param("gemini_local", {"enabled": "no"}, DEFAULT, id="H-3 text is no boolean"),
        pytest.param(
            "gemini_local", {"maxSessionRuns": -1}, Limits(0, 2_000_000, 72), id="below none is none"
        ),
    ],
)
@pytest.mark.parametrize(
    "place",
    [
        lambda config: {"heartbeat": {"sessionCompaction": config}},
        lambda config: {"heartbeat": {"sessionRotation": config}},
        lambda config: {"sessionCompaction": config},
    ],
    ids=["sessionCompaction", "sessionRotation", "beside heartbeat"],
)
def test_limits(adapter_type, config, expected, place):
    assert rotation.limits(adapter_type, place(config)) == expected


@pytest.mark.parametrize("config", [{}, {"heartbeat": []}, {"heartbeat": {"sessionCompaction": 5}}])
def test_nonsense_in_the_configuration_means_the_defaults(config):
    assert rotation.limits("pi_local", config) == DEFAULT


@pytest.mark.parametrize(
    ("limits", "spent", "rotates"),
    [
        pytest.param(None, Spent(10**6, 10**9, NOW - timedelta(days=900)), False, id="never"),
        pytest.param(
            Limits(), Spent(10**6, 10**9, NOW - timedelta(days=900)), False, id="H-81 no thresholds"
        ),
        pytest.param(Limits(max_runs=3), Spent(runs=3), False, id="H-81 at the number of runs"),
        pytest.param(Limits(max_runs=3), Spent(runs=4), True, id="H-81 past the number of runs"),
        pytest.param(Limits(0, 100), Spent(raw_input_tokens=99), False, id="H-81 below the tokens"),
        pytest.param(Limits(0, 100), Spent(raw_input_tokens=100), True, id="H-81 at the tokens"),
        pytest.param(
            Limits(0, 0, 2), Spent(since=NOW - timedelta(hours=1.99)), False, id="H-81 younger than the age"
        ),
        pytest.param(Limits(0, 0, 2), Spent(since=NOW - timedelta(hours=2)), True, id="H-81 at the age"),
        pytest.param(Limits(0, 0, 2), Spent(since=None), False, id="age unknown"),
    ],
)
def test_a_session_is_replaced_at_its_limit(limits, spent, rotates):
    assert (rotation.next_reason(limits, spent, now=NOW) is not None) == rotates


def test_handoff_tells_what_is_known_and_stays_short():
    told = rotation.handoff(
        session="s-1",
        issue="PAP-1",
        reason="It is old",
        last_summary="did A",
        continuation_summary="x" * 5000,
    )
    for words in ("s-1", "PAP-1", "It is old", "did A", "Session handoff"):
        assert words in told
    assert len(told) < 2200
    bare = rotation.handoff(
        session=None, issue=None, reason="It is old", last_summary=None, continuation_summary=" "
    )
    assert "summary" not in bare
    assert "None" not in bare
