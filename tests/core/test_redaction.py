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
        pytest.param("export GITHUB_TOKEN=tulip", "tulip", id="A-40 a variable"),
        pytest.param("DB_PASSWORD='two words'", "two words", id="A-40 a quoted variable"),
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
        pytest.param("version 1.2.3 of host a.b.c", id="CW-23 versions and hosts"),
        pytest.param("MAX_TOKENS=4096 KEYBOARD=de monkey = banana1", id="CW-23 names that only look alike"),
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


REFERENCE = {"type": "secret_ref", "secretId": "7f1c2f0e-5f0a-4a52-9d5b-0f6f3c0a1b2c", "version": "latest"}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param(
            {
                "env": {
                    "GITHUB_TOKEN": {"type": "plain", "value": "tulip"},
                    "MODE": {"type": "plain", "value": "fast"},
                }
            },
            {
                "env": {
                    "GITHUB_TOKEN": {"type": "plain", "value": MARKER},
                    "MODE": {"type": "plain", "value": "fast"},
                }
            },
            id="CW-23 a token in an environment",
        ),
        pytest.param(
            {"env": {"SSH_KEY": "tulip", "NPM_AUTH": "tulip", "KEYBOARD": "de", "MAX_TOKENS": "5"}},
            {"env": {"SSH_KEY": MARKER, "NPM_AUTH": MARKER, "KEYBOARD": "de", "MAX_TOKENS": "5"}},
            id="CW-23 whole words of a name",
        ),
        pytest.param({"githubToken": "tulip"}, {"githubToken": MARKER}, id="CW-23 a token under any key"),
        pytest.param(
            {"args": ["--api-key", "tulip", "--host", "a.b.c"]},
            {"args": ["--api-key", MARKER, "--host", "a.b.c"]},
            id="CW-23 args",
        ),
        pytest.param({"env": {"A": REFERENCE}}, {"env": {"A": REFERENCE}}, id="B-100 a reference is kept"),
        pytest.param(
            {"env": {"A": {**REFERENCE, "secret": "tulip"}}},
            {"env": {"A": {**REFERENCE, "secret": MARKER}}},
            id="what hides behind a reference is not",
        ),
        pytest.param(
            {"secretId": "s-1", "secretKey": "tulip"},
            {"secretId": "s-1", "secretKey": MARKER},
            id="a cloud's pair",
        ),
        pytest.param(
            {"configPath": "env.A", "secretId": "s-1", "secretKey": "github", "outcome": "success"},
            {"configPath": "env.A", "secretId": "s-1", "secretKey": "github", "outcome": "success"},
            id="A-37 a manifest names secrets",
        ),
        pytest.param(
            {"version": "1.2.3", "host": "db.shop.example"},
            {"version": "1.2.3", "host": "db.shop.example"},
            id="CW-23",
        ),
    ],
)
def test_json_loses_its_secrets_and_keeps_its_shape(value, shown):
    assert redaction.data(value) == shown
