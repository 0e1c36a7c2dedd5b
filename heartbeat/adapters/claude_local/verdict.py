"""What the end of a call of Claude Code means (A-52 to A-60): its numbers first, its words last.

Only the result event, its errors and the standard error are read for a cause: what the agent said or saw in between
may speak of limits and logins without there being any (AW-7).
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from heartbeat.adapters import reset_times, streams, upstream
from heartbeat.adapters.base import Ended, Result, Usage, last_telling_line
from heartbeat.adapters.claude_local import events
from heartbeat.adapters.claude_local.events import Seen
from heartbeat.adapters.saved import Session
from paperclip.governance.choices import BillingType

AUTH_REQUIRED, TRANSIENT, MAX_TURNS = (
    "claude_auth_required", "claude_transient_upstream", "max_turns_exhausted",
)  # fmt: skip
SESSION_NOT_FOUND, SESSION_INVALID = "session_not_found", "session_invalid"
_SESSION_LOST = re.compile(
    r"no conversation found with session id|unknown session|session [^\n]{0,80}not found", re.IGNORECASE
)
_SESSION_INVALID = re.compile(r"--resume requires a valid session id", re.IGNORECASE)
_TURN_WORDS = ("max_turns", "max_turns_exhausted", "turn_limit", "turn_limit_exhausted")
_LOGIN_NAMES = ("claude", "anthropic", "auth")
# What of the result event is kept with the run; the rest is in the log.
_KEPT = (
    "subtype", "is_error", "num_turns", "duration_ms", "duration_api_ms", "stop_reason", "terminal_reason",
    "api_error", "api_error_type", "api_error_status", "total_cost_usd",
)  # fmt: skip
_KEPT_CHARS = 16 * 1024
_NO_RESULT = "Claude ended without a result; its output could not be read as one"


def of(ended: Ended) -> Result:
    """Return the result of a call, told from what it printed and how it ended."""
    seen = events.read(ended.printed)
    facts = _facts(seen, ended)
    if ended.timed_out:
        message = f"Timed out after {ended.timeout_seconds:g}s"
        return replace(facts, error_message=message, error_code="timeout")
    if seen.result is None:
        return _without_result(facts, ended)
    if ended.exit_code == 0 and seen.result.get("is_error") is not True:
        return replace(facts, summary=seen.summary)
    return _failure(facts, seen, ended)


def _without_result(facts: Result, ended: Ended) -> Result:
    """Return the failure of a call that never said how it went: unknown is never success (AW-8)."""
    if ended.exit_code == 0:
        return replace(facts, error_message=_NO_RESULT)
    said = _first_error(ended.stderr)
    message = f"Claude {ended.how}" + (f": {said}" if said else "")
    refusal = upstream.by_words(ended.stderr)
    return _refused(replace(facts, error_message=message), refusal, ended.stderr, ended, resets_at=None)


def _failure(facts: Result, seen: Seen, ended: Ended) -> Result:
    result = seen.result or {}
    said = [streams.text(result, "result"), *seen.errors]
    detail = next((text for text in said if text), None) or _first_error(ended.stderr) or f"it {ended.how}"
    subtype = streams.text(result, "subtype") or "unknown"
    failed = replace(facts, error_message=f"Claude run failed: subtype={subtype}: {detail}")
    if _is_out_of_turns(result):
        kept = {**failed.result_json, "stopReason": MAX_TURNS}
        return replace(
            failed, error_code=MAX_TURNS, clear_session=True, session_params=None, result_json=kept
        )
    words = "\n".join(text for text in said if text)
    if ended.memo.get("resumed") and (code := _session_fault(words)):
        # The id in the output is a throw-away one; the session that was asked for is what the failure is about.
        return replace(failed, error_code=code, session_params=None, session_display_id=None)
    status, terminal = result.get("api_error_status"), result.get("terminal_reason")
    if isinstance(status, int):
        refusal = upstream.by_status(status)
    else:
        refusal = upstream.by_words(f"{words}\n{ended.stderr}")
        if not refusal.needs_login and (terminal == "api_error" or result.get("api_error")):
            refusal = upstream.Refusal(is_transient=True)  # no answer, or none that could be read (AW-4)
    return _refused(failed, refusal, f"{words}\n{ended.stderr}", ended, resets_at=seen.resets_at)


def _refused(
    failed: Result, refusal: upstream.Refusal, words: str, ended: Ended, *, resets_at: datetime | None
) -> Result:
    """Return a failure with what its provider's refusal means for it."""
    if refusal.needs_login:
        url = upstream.login_url(words, *_LOGIN_NAMES)
        kept = {**failed.result_json, **({"loginUrl": url} if url else {})}
        return replace(failed, error_code=AUTH_REQUIRED, result_json=kept)
    if not refusal.is_transient:
        return failed
    resets_at = resets_at or reset_times.find(words, now=ended.ended_at or datetime.now(UTC))
    kept = {
        **failed.result_json,
        **({"transientRetryNotBefore": resets_at.isoformat()} if resets_at else {}),
    }
    return replace(
        failed,
        error_code=TRANSIENT,
        error_family=upstream.TRANSIENT,
        retry_not_before=resets_at,
        result_json=kept,
    )


def _is_out_of_turns(result: streams.Event) -> bool:
    """Whether the turns were used up; text alone never says so (A-54)."""
    keys = ("stop_reason", "stopReason", "error_code", "errorCode")
    return result.get("subtype") == "error_max_turns" or any(result.get(key) in _TURN_WORDS for key in keys)


def _session_fault(words: str) -> str | None:
    """Return the code of a session that cannot be gone on with (A-47, AW-23)."""
    if _SESSION_INVALID.search(words):
        return SESSION_INVALID
    return SESSION_NOT_FOUND if _SESSION_LOST.search(words) else None


def _facts(seen: Seen, ended: Ended) -> Result:
    """Return what is so whatever the outcome: usage, money and session."""
    result, memo = seen.result, ended.memo
    before = memo.get("costBefore") or 0
    total = _amount(result.get("total_cost_usd")) if result is not None else None
    session = None
    if seen.session_id is not None:
        session = Session(seen.session_id, memo.get("session") or {}, before if total is None else total)
    is_bedrock = memo.get("isBedrock") is True
    return Result(
        usage=_usage(result) if result is not None else None,
        cost_usd=None if total is None else _share(total, before),
        provider="anthropic",
        biller="aws_bedrock" if is_bedrock else "anthropic",
        billing_type=_billing(seen, is_bedrock=is_bedrock, has_key=memo.get("hasApiKey") is True),
        model=seen.model,
        session_params=session.to_json() if session is not None else None,
        session_display_id=session.display_id if session is not None else None,
        result_json=_kept(seen),
    )


def _usage(result: streams.Event) -> Usage:
    """Return the tokens of this call: Claude counts each call by itself, its cost alone runs on (A-53, AW-6)."""
    used = streams.part(result, "usage")
    return Usage(
        input_tokens=streams.count(used, "input_tokens"),
        output_tokens=streams.count(used, "output_tokens"),
        cached_input_tokens=streams.count(used, "cache_read_input_tokens"),
        is_of_run=True,
    )


def _share(total: float, before: float) -> float:
    """Return what this call cost, of a session's running total; one that shrank began anew."""
    return total - before if total >= before else total


def _billing(seen: Seen, *, is_bedrock: bool, has_key: bool) -> str:
    """Return who pays (A-55): what the program says of its key counts before what it was given."""
    by_key = seen.key_source != "none" if seen.key_source is not None else has_key
    return BillingType.METERED_API if is_bedrock or by_key else BillingType.SUBSCRIPTION_INCLUDED


def _kept(seen: Seen) -> dict[str, Any]:
    result = seen.result or {}
    kept = {key: result[key] for key in _KEPT if result.get(key) is not None}
    if said := streams.text(result, "result"):
        kept["result"] = said[:_KEPT_CHARS]
    if seen.errors:
        kept["errors"] = [error[:_KEPT_CHARS] for error in seen.errors[:10]]
    if seen.retries:
        kept["apiRetries"] = seen.retries
    return kept


def _first_error(stderr: str) -> str | None:
    """Return the line of the standard error that names a cause; warnings are passed over (AW-13)."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    telling = [line for line in lines if not line.lower().startswith(("warn", "(node:"))]
    named = [line for line in telling if line.lower().startswith("error")]
    return last_telling_line(*(named or telling)[:1])


def _amount(value: Any) -> float | None:
    return (
        float(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
        else None
    )
