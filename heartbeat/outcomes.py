"""What a run came to, told from what its program left behind and what its adapter made of it (H-95 to H-97).

Nothing here reads or writes a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from heartbeat import drops, endings, model_profiles
from heartbeat.adapters.base import Result
from heartbeat.choices import RunStatus
from heartbeat.models import Run
from paperclip.core import jsonable, redaction

_PRINTED = ("stdout", "stderr")
_ERROR_CODE_CHARS = 96
_SESSION_CHARS = 128


@dataclass(frozen=True)
class Remains:
    """What the run directory says of a program's end; sizes in bytes."""

    exit_code: int | None = None
    signal: str | None = None
    timed_out: bool = False
    timeout_seconds: float = 0
    process_pid: int | None = None
    process_group_id: int | None = None
    process_started_at: datetime | None = None
    log_bytes: int | None = None
    log_sha256: str | None = None
    stdout_excerpt: str | None = None
    stderr_excerpt: str | None = None
    last_output_at: datetime | None = None
    last_output_stream: str | None = None
    output_chunks: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What a run came to. `stop_reason` is H-97's word for it."""

    status: str
    error: str | None
    error_code: str | None
    stop_reason: str


def decide(*, result: Result, remains: Remains, cancel_reason: str | None) -> Verdict:
    """Return the outcome of a run, in the order of H-95; unknown is never success."""
    if cancel_reason is not None:
        return Verdict(RunStatus.CANCELLED, cancel_reason, "cancelled", drops.stop_word(cancel_reason))
    if remains.timed_out:
        return Verdict(RunStatus.TIMED_OUT, result.error_message or "Timed out", "timeout", "timeout")
    if remains.exit_code == 0 and result.error_message is None:
        return Verdict(RunStatus.SUCCEEDED, None, None, "completed")
    code = result.error_code or "adapter_failed"
    words = {"max_turns_exhausted": "max_turns_exhausted", "turn_limit_exhausted": "max_turns_exhausted"}
    stop = words.get(code) or ("process_lost" if code == endings.PROCESS_LOST else "adapter_failed")
    return Verdict(RunStatus.FAILED, result.error_message or "The program failed without a word", code, stop)


def storable(result: Result) -> Result:
    """Return `result` so that its run can end, whatever its program wrote: texts are mended and cut."""
    mended = {each.name: jsonable.storable(getattr(result, each.name)) for each in fields(result)}
    mended["error_code"] = (mended["error_code"] or "")[:_ERROR_CODE_CHARS] or None
    mended["session_display_id"] = (mended["session_display_id"] or "")[:_SESSION_CHARS] or None
    return Result(**mended)


def columns(run: Run, remains: Remains) -> dict[str, Any]:
    """Return the columns that the run directory fills; what it does not say stays as it is."""
    return {
        "exit_code": remains.exit_code,
        "signal": remains.signal,
        "process_pid": remains.process_pid or run.process_pid,
        "process_group_id": remains.process_group_id or run.process_group_id,
        "process_started_at": remains.process_started_at or run.process_started_at,
        "log_store": "local_file",
        "log_ref": log_ref(run.pk),
        "log_bytes": remains.log_bytes,
        "log_sha256": remains.log_sha256,
        "stdout_excerpt": remains.stdout_excerpt,
        "stderr_excerpt": remains.stderr_excerpt,
        "last_output_at": remains.last_output_at or run.last_output_at,
        "last_output_stream": remains.last_output_stream or run.last_output_stream,
        "last_output_bytes": remains.log_bytes or run.last_output_bytes,
        "last_output_seq": max(remains.output_chunks, run.last_output_seq),
    }


def result_json(run: Run, verdict: Verdict, result: Result, remains: Remains) -> dict[str, Any]:
    """Return the adapter's result with the facts of the stop, and of the model, laid on top (H-96)."""
    said = {key: value for key, value in result.result_json.items() if value is not None}
    # What a program printed was masked when it was read; the rest is the adapter's.
    kept = {key: value if key in _PRINTED else redaction.data(value, key=key) for key, value in said.items()}
    extra: dict[str, Any] = {
        "errorFamily": result.error_family,
        "retryNotBefore": result.retry_not_before.isoformat() if result.retry_not_before else None,
        "summary": kept.get("summary", redaction.text(result.summary) if result.summary else None),
        "modelProfile": (run.context_snapshot or {}).get(model_profiles.CONTEXT_KEY),
        **remains.facts,
    }
    stop = {
        "stopReason": verdict.stop_reason,
        "effectiveTimeoutSec": remains.timeout_seconds,
        "timeoutConfigured": remains.timeout_seconds > 0,
        "timeoutSource": "config" if remains.timeout_seconds > 0 else "default",
        "timeoutFired": remains.timed_out,
    }
    return {**kept, **{key: value for key, value in extra.items() if value is not None}, **stop}


def log_ref(run_id: UUID) -> str:
    """Return where a run's log is kept, relative to the home folder."""
    return f"runs/{run_id}/log.ndjson"
