"""From a program's exit to the end of its run."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from heartbeat import lifecycle, outcomes
from heartbeat.adapters import registry
from heartbeat.adapters.base import ConfigError, Ended, Result
from heartbeat.runner.records import Exit, RunFileInvalid, Spec
from heartbeat.runner.rundir import RunDir
from paperclip.core import clock, redaction

log = logging.getLogger(__name__)

LOST = "The program and its shim are gone without an exit record; the host may have been restarted"


def end(*, run_id: UUID, claim_token: UUID, directory: RunDir) -> bool:
    """End the run whose shim is gone, by what it left; False when the claim was no longer valid.

    Without an exit record the program is lost: what is left of it is killed first, for nothing else may run on
    the issue before. Raises what the database raises; calling again is safe.
    """
    now = clock.now()
    try:
        exit_record = directory.read_exit()
    except RunFileInvalid as error:
        log.error("run %s left an unreadable exit record: %s", run_id, error)
        exit_record = None
    if exit_record is None:
        return _lose(run_id, directory, now=now)
    spec = directory.read_spec()
    timeout = spec.timeout_sec if spec is not None else 0
    result = _result(exit_record, directory, spec)
    ended = lifecycle.finish(
        run_id=run_id,
        claim_token=claim_token,
        result=result,
        remains=_remains(exit_record, directory, timeout),
        now=now,
    )
    return ended is not None


def _lose(run_id: UUID, directory: RunDir, *, now: datetime) -> bool:
    killed = directory.kill_leftovers()
    message = LOST + (f"; {killed} leftover processes were ended" if killed else "")
    stat = directory.log_stat()
    remains = outcomes.Remains(
        log_bytes=stat.bytes if stat is not None else None,
        stdout_excerpt=_excerpt(directory, "stdout"),
        stderr_excerpt=_excerpt(directory, "stderr"),
    )
    return lifecycle.lose(run_id=run_id, message=message, remains=remains, now=now) is not None


def _result(record: Exit, directory: RunDir, spec: Spec | None) -> Result:
    if record.error is not None and record.exit_code is None and record.signal is None:
        return Result(error_message=record.error.message, error_code=record.error.code)
    ended = Ended(
        exit_code=record.exit_code,
        signal=record.signal,
        timed_out=record.timed_out,
        timeout_seconds=spec.timeout_sec if spec is not None else 0,
        stdout=_excerpt(directory, "stdout"),
        stderr=_excerpt(directory, "stderr"),
        lines=_Lines(directory),
        memo=spec.memo if spec is not None else {},
        ended_at=_moment(record.finished_at),
    )
    try:
        return registry.get(spec.adapter_type if spec is not None else "process").parse(ended)
    except ConfigError as error:
        return Result(error_message=str(error), error_code=error.code)
    except Exception as error:
        log.exception("%s: the adapter cannot read what its program left", directory.run_id)
        message = f"The adapter could not read what its program left behind: {type(error).__name__}"
        return Result(
            error_message=message, error_code="adapter_failed", result_json={"stdout": ended.stdout}
        )


class _Lines:
    """The lines of a program's standard output, read from the log each time they are asked for."""

    def __init__(self, directory: RunDir) -> None:
        self._directory = directory

    def __iter__(self) -> Iterator[str]:
        return self._directory.lines("stdout")


def _remains(record: Exit, directory: RunDir, timeout: float) -> outcomes.Remains:
    facts: dict[str, Any] = {"logTruncated": True} if record.truncated else {}
    if record.leftover_processes:
        facts["leftoverProcesses"] = record.leftover_processes
    if record.error is not None:
        facts["shimError"] = {"code": record.error.code, "message": record.error.message}
    return outcomes.Remains(
        exit_code=record.exit_code,
        signal=record.signal,
        timed_out=record.timed_out,
        timeout_seconds=timeout,
        process_pid=record.pid,
        process_group_id=record.pid,
        process_started_at=_moment(record.started_at),
        log_bytes=record.log_bytes,
        log_sha256=record.log_sha256,
        stdout_excerpt=_excerpt(directory, "stdout"),
        stderr_excerpt=_excerpt(directory, "stderr"),
        last_output_at=_moment(record.last_output_at),
        last_output_stream=record.last_output_stream,
        output_chunks=record.output_seq,
        facts=facts,
    )


def _excerpt(directory: RunDir, stream: str) -> str:
    return redaction.text(directory.tail_excerpt(stream))


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
