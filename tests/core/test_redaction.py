from __future__ import annotations

import time

import pytest

from paperclip.core import redaction
from paperclip.core.redaction import MARKER


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        pytest.param("key pcp_agent_" + "ab" * 24, "abab", id="C-63 our own keys"),
        pytest.param("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "eyJzdWIi", id="C-63 tokens"),
        pytest.param("sk-ant-" + "q7" * 12, "q7q7", id="known keys of a model provider"),
        pytest.param("ghp_" + "Z9" * 18, "Z9Z9", id="known keys of a code host"),
        pytest.param("AKIAIOSFODNN7EXAMPLE", "IOSFODNN7", id="known keys of a cloud"),
        pytest.param("Authorization: Bearer abc123def456ghi7", "abc123", id="a bearer's"),
        pytest.param("password = hunter2", "hunter2", id="an assigned password"),
        pytest.param('{"api_key": "x1y2z3"}', "x1y2z3", id="an assigned key in JSON"),
        pytest.param("curl --token abc -v", "abc", id="C-63 a flag"),
    ],
)
def test_secrets_in_prose_are_taken_out(text, secret):
    told = redaction.text(f"Before {text} after")
    assert secret not in told
    assert MARKER in told
    assert told.startswith("Before ")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("The password: ask the board", id="words"),
        pytest.param("a key = value store", id="a key of nothing"),
        pytest.param("the bearer of this letter", id="a bearer of letters"),
        pytest.param("version 1.2.3 of host a.b.c", id="versions and hosts"),
        pytest.param("task-skeleton-for-everybody", id="words with dashes"),
    ],
)
def test_ordinary_prose_is_left_alone(text):
    assert redaction.text(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "a" * 65_536,
        "password" * 8_000,
        "api_key: " * 7_000,
        "Bearer " * 9_000,
        "sk-" * 20_000,
        "eyJ" * 20_000,
    ],
    ids=["letters", "password", "api_key", "bearer", "sk", "eyJ"],
)
def test_no_text_takes_long(text):
    began = time.perf_counter()
    redaction.text(text)
    assert time.perf_counter() - began < 1
