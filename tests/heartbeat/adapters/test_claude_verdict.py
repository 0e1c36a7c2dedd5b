"""A-51 to A-60 and B-7 to B-14: what the end of Claude Code means, by recordings of the real program and by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from heartbeat.adapters.base import Ended
from heartbeat.adapters.claude_local import verdict
from heartbeat.retries import classify
from heartbeat.retries.classify import Failure
from tests.heartbeat.adapters import recordings

AUTH, UPSTREAM = "claude_auth_required", "claude_transient_upstream"
RESUMED = {"resumed": "11111111-2222-4333-8444-555555555555", "session": {"cwd": "/workspace"}}
OUTCOMES = {
    # recording: (exit code, error code, is transient, words of the message)
    "claude-success": (0, None, False, None),
    "claude-success-subscription": (0, None, False, None),
    "claude-recovered-after-500": (0, None, False, None),
    "claude-401-api-key": (1, AUTH, False, "Invalid API key"),
    "claude-not-logged-in": (1, AUTH, False, "Not logged in"),
    "claude-404-model": (1, None, False, "issue with the selected model"),
    "claude-credit-low": (1, None, False, "Credit balance is too low"),
    "claude-429-api-key": (1, UPSTREAM, True, "Request rejected (429)"),
    "claude-429-two-retries": (1, UPSTREAM, True, "Request rejected (429)"),
    "claude-429-subscription-window": (1, UPSTREAM, True, "5-hour limit"),
    "claude-500": (1, UPSTREAM, True, "500 Internal server error"),
    "claude-529-default-retries": (1, UPSTREAM, True, "529 Overloaded"),
    "claude-conn-reset": (1, UPSTREAM, True, "ECONNRESET"),
    "claude-stream-cut": (1, UPSTREAM, True, "ECONNRESET"),
    "claude-conn-refused": (1, UPSTREAM, True, "ECONNREFUSED"),
    "claude-empty-body": (1, UPSTREAM, True, "empty or malformed response"),
    "claude-api-timeout": (1, UPSTREAM, True, "Request timed out"),
    "claude-max-turns": (1, "max_turns_exhausted", False, "maximum number of turns (2)"),
    "claude-resume-unknown": (1, "session_not_found", False, "No conversation found"),
    "claude-resume-not-uuid": (1, "session_invalid", False, "--resume requires a valid session ID"),
    "claude-sigint": (0, None, False, "without a result"),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_recorded_end_means_what_it_should(name):
    exit_code, code, is_transient, said = OUTCOMES[name]
    memo = RESUMED if "resume" in name else {}
    result = verdict.of(recordings.ended(name, exit_code, memo=memo))
    assert (result.error_code, result.error_family) == (code, "transient_upstream" if is_transient else None)
    if said is None:
        assert (result.error_message, result.summary) == (None, "hello from mock")
    else:
        assert said in (result.error_message or "")


def test_every_recording_has_an_outcome():
    assert recordings.names("claude") == set(OUTCOMES)


@pytest.mark.parametrize(
    ("name", "category"),
    [
        pytest.param("claude-401-api-key", "permission_denied", id="H-115 login"),
        pytest.param("claude-404-model", "not_found", id="H-115 model"),
        pytest.param("claude-429-api-key", "rate_limit", id="H-115 rate"),
        pytest.param("claude-conn-reset", "network_error", id="H-115 network"),
        pytest.param("claude-empty-body", "network_error", id="H-115 empty"),
        pytest.param("claude-api-timeout", "timeout", id="H-115 timeout"),
    ],
)
def test_people_are_told_the_kind_of_failure(name, category):
    result = verdict.of(recordings.ended(name, 1))
    failure = Failure(
        error=result.error_message,
        error_code=result.error_code,
        error_family=result.error_family,
        exit_code=1,
        http_status=result.result_json.get("api_error_status"),
    )
    assert classify.diagnose(failure).category == category


def test_usage_cost_session_and_model_are_read():  # AW-6
    memo = {"session": {"cwd": "/workspace", "promptBundleKey": "k"}, "hasApiKey": True}
    result = verdict.of(recordings.ended("claude-success", 0, memo=memo))
    assert result.usage is not None
    assert (result.usage.input_tokens, result.usage.cached_input_tokens, result.usage.output_tokens) == (
        11,
        3,
        7,
    )
    assert result.usage.is_of_run
    assert result.cost_usd == pytest.approx(0.0002096)
    assert (result.provider, result.biller, result.billing_type) == ("anthropic", "anthropic", "metered_api")
    assert result.model == "claude-opus-5-5"
    session = "cd552c00-3585-45de-a503-1233ec27024a"
    assert result.session_display_id == session
    assert result.session_params == {
        "sessionId": session, "cwd": "/workspace", "promptBundleKey": "k", "costUsd": pytest.approx(0.0002096),
    }  # fmt: skip
    own_login = verdict.of(recordings.ended("claude-success-subscription", 0))
    assert own_login.billing_type == "subscription_included"
    bedrock = verdict.of(recordings.ended("claude-success", 0, memo={"isBedrock": True}))
    assert (bedrock.biller, bedrock.billing_type) == ("aws_bedrock", "metered_api")


@pytest.mark.parametrize(
    ("before", "share"),
    [
        pytest.param(0.0002, 0.0000096, id="AW-6 what the running total grew by"),
        pytest.param(0, 0.0002096, id="AW-6 a new session"),
        pytest.param(5.0, 0.0002096, id="AW-6 a total that shrank began anew"),
    ],
)
def test_cost_is_what_the_sessions_total_grew_by(before, share):
    result = verdict.of(recordings.ended("claude-success", 0, memo={"costBefore": before}))
    assert result.cost_usd == pytest.approx(share)
    assert result.session_params["costUsd"] == pytest.approx(0.0002096)


def test_limit_with_a_reset_time_is_waited_for():  # AW-9
    result = verdict.of(recordings.ended("claude-429-subscription-window", 1))
    assert result.retry_not_before == datetime.fromtimestamp(1795159070, UTC)
    assert result.result_json["transientRetryNotBefore"] == result.retry_not_before.isoformat()
    assert verdict.of(recordings.ended("claude-529-default-retries", 1)).retry_not_before is None  # B-11


def test_used_up_turns_end_the_session():  # A-54, B-7
    result = verdict.of(recordings.ended("claude-max-turns", 1, memo=RESUMED))
    assert (result.clear_session, result.error_family) == (True, None)
    assert result.result_json["stopReason"] == "max_turns_exhausted"
    assert result.usage.input_tokens == 22


def test_lost_session_is_not_replaced_by_a_throw_away_one():  # A-47, AW-23
    for name in ("claude-resume-unknown", "claude-resume-not-uuid"):
        result = verdict.of(recordings.ended(name, 1, memo=RESUMED))
        assert (result.session_params, result.session_display_id, result.clear_session) == (None, None, False)
    fresh = verdict.of(recordings.ended("claude-resume-unknown", 1))
    assert fresh.error_code is None, "a call that resumed nothing cannot have lost a session"


def test_timeout_is_said_and_the_session_is_kept():
    result = verdict.of(
        recordings.ended("claude-sigint", None, signal="SIGTERM", timed_out=True, timeout_seconds=30)
    )
    assert (result.error_message, result.error_code) == ("Timed out after 30s", "timeout")
    assert result.session_display_id == "64791052-3bda-42e5-9f99-56ad7e5760ac"


def end(*, result=None, stderr="", exit_code=1, signal=None, now=recordings.NOW, lines=()):
    printed = [*lines, *([json.dumps({"type": "result", **result})] if result is not None else [])]
    return verdict.of(Ended(exit_code, signal, False, 0, "\n".join(printed), stderr, ended_at=now))


def failed(text, **more):
    return {"subtype": "success", "is_error": True, "result": text, **more}


@pytest.mark.parametrize(
    ("result", "stderr", "code"),
    [
        pytest.param(failed("Maximum turns reached"), "", None, id="B-8 text alone is not max turns"),
        pytest.param(None, "Maximum turns reached", None, id="B-8 nor on stderr"),
        pytest.param(failed("x", stop_reason="max_turns"), "", "max_turns_exhausted", id="B-8 stop reason"),
        pytest.param(failed("x", errorCode="turn_limit"), "", "max_turns_exhausted", id="A-54 error code"),
        pytest.param(failed("Overloaded"), "", UPSTREAM, id="B-11"),
        pytest.param(None, "HTTP 429: Too Many Requests", UPSTREAM, id="B-12 429"),
        pytest.param(None, "ThrottlingException: slow down", UPSTREAM, id="B-12 throttling"),
        pytest.param(None, "Please log in. Run claude login first.", AUTH, id="B-13"),
        pytest.param(failed("Unknown parameter 'foo'"), "", None, id="B-14"),
        pytest.param(failed("Claude usage limit reached"), "", UPSTREAM, id="A-59 usage limit"),
        pytest.param(failed("rate limit", api_error_status=400), "", None, id="AW-7 the number counts"),
        pytest.param(failed("fine", api_error_status=503), "", UPSTREAM, id="AW-4 503"),
        pytest.param(failed("boom", terminal_reason="api_error"), "", UPSTREAM, id="AW-4 no answer"),
        pytest.param(failed("boom"), "", None, id="A-52 plain failure"),
        pytest.param(None, "error: unknown option '--x'", None, id="A-52 unknown flag"),
    ],
)
def test_failure_is_told_by_numbers_first_and_words_last(result, stderr, code):
    assert end(result=result, stderr=stderr).error_code == code


def test_what_the_agent_said_or_saw_decides_nothing():  # AW-7
    speech = {
        "type": "assistant",
        "message": {"content": [{"type": "text", "text": "429 rate limit, not logged in"}]},
    }
    sight = {
        "type": "user",
        "message": {"content": [{"type": "tool_result", "content": "usage limit reached"}]},
    }
    result = end(result=failed("It broke"), lines=[json.dumps(speech), json.dumps(sight)])
    assert (result.error_code, result.error_family) == (None, None)


@pytest.mark.parametrize(
    ("exit_code", "signal", "stderr", "said"),
    [
        pytest.param(None, "SIGKILL", "", "Claude was killed by SIGKILL", id="AW-8 a signal is no success"),
        pytest.param(143, None, "", "Claude exited with code 143", id="AW-8 nor is its exit code"),
        pytest.param(
            1, None, "(node:1) Warning: old\nWARN x\nfirst\nError: the cause",
            "Claude exited with code 1: Error: the cause",
            id="AW-13 warnings are passed over",
        ),
    ],
)  # fmt: skip
def test_end_without_a_result_says_how(exit_code, signal, stderr, said):
    begun = json.dumps({"type": "system", "subtype": "init", "session_id": "s", "model": "m"})
    result = end(exit_code=exit_code, signal=signal, stderr=stderr, lines=[begun])
    assert result.error_message == said
    assert (result.session_display_id, result.model) == ("s", "m")


def test_good_result_with_a_bad_exit_is_a_failure():
    assert end(result={"subtype": "success", "is_error": False, "result": "ok"}, exit_code=1).error_message


def test_keys_may_come_in_any_order_and_other_lines_are_passed_over():
    lines = [
        "not json",
        "[1]",
        "{broken",
        '{"result": 5}',
        json.dumps({"errors": [{"message": "m"}], "type": "result"}),
    ]
    result = verdict.of(Ended(1, None, False, 0, "\n".join(lines), ""))
    assert result.error_message == "Claude run failed: subtype=unknown: m"


def test_login_address_is_handed_on():  # A-58, AW-20
    result = end(stderr="see https://example.com/x. Not logged in: https://claude.ai/login?a=1.")
    assert result.result_json["loginUrl"] == "https://claude.ai/login?a=1"


def test_summary_is_all_that_was_said_where_the_result_says_nothing():
    lines = [
        json.dumps({"type": "assistant", "message": {"content": [{"type": "text", "text": text}]}})
        for text in ("one", "two")
    ]
    result = end(result={"subtype": "success", "is_error": False}, exit_code=0, lines=lines)
    assert result.summary == "one\n\ntwo"
