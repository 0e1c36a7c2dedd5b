"""What commands write: tables for people, JSON for machines, and a run's log as it comes."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NoReturn
from uuid import UUID

import orjson
from django.core.management.base import BaseCommand, CommandError, OutputWrapper
from django.db import Error as DatabaseError
from django.db import connection

from heartbeat import duties, progress, queries, words
from heartbeat.choices import RUN_LIVE, RunStatus
from heartbeat.models import Run
from paperclip.core import clock
from paperclip.core.templatetags.board import distance, duration

LOG_LOOK_SECONDS = 0.2
RUN_LOOK_SECONDS = 0.5
_INTERRUPTED = 130  # the exit code of what Ctrl-C ended
RELATED = ("agent", "issue", "runner", "wakeup_request")
_PAGE_BYTES = 256_000
_GAP = "  "


class OperatorCommand(BaseCommand):
    """A command that says in one line when there is no database to speak with."""

    def execute(self, *args: Any, **options: Any) -> Any:
        """Do the command. Raises CommandError when the database does not answer."""
        try:
            return super().execute(*args, **options)
        except DatabaseError as error:
            reason = str(error).strip().splitlines()
            raise CommandError(
                f"The database does not answer: {reason[0] if reason else type(error).__name__}"
            ) from error


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows under headings, in columns as wide as they must be; the last one is not padded."""
    lines = [list(headings), *(list(row) for row in rows)]
    widths = [max(len(line[number]) for line in lines) for number in range(len(headings))]
    return "\n".join(
        _GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def json_text(value: Any) -> str:
    """Return JSON for machines, indented so that people can read it too."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def cells(run: Run, told: words.Told, *, now: datetime) -> tuple[str, ...]:
    """Return the row of a run in a table; see HEADINGS."""
    return (
        str(run.pk)[:8],
        run.status,
        f"{run.agent.name}{f' on {run.issue.identifier}' if run.issue is not None else ''}",
        told.reason,
        distance(run.created_at, now),
        _took(run, now=now),
        note(run, now=now),
    )


HEADINGS = ("RUN", "STATUS", "WHO", "WHY", "WHEN", "TOOK", "")


def note(run: Run, *, now: datetime) -> str:
    """Return what a person should know of a run besides its status, in one line; often nothing."""
    if run.status == RunStatus.SCHEDULED_RETRY and run.scheduled_retry_at is not None:
        return f"{words.attempt(run)}, due {distance(run.scheduled_retry_at, now)}"
    parts = (words.failure(run, 80), words.followup(run, now))
    return "; ".join(part for part in parts if part)


def record(run: Run) -> dict[str, Any]:
    """Return a run as a JSON object, in the interface's names."""
    return {
        "id": str(run.pk),
        "companyId": str(run.company_id),
        "agentId": str(run.agent_id),
        "agentName": run.agent.name,
        "issueId": str(run.issue_id) if run.issue_id is not None else None,
        "issueIdentifier": run.issue.identifier if run.issue is not None else None,
        "status": run.status,
        "invocationSource": run.invocation_source,
        "wakeReason": (run.context_snapshot or {}).get("wakeReason"),
        "createdAt": clock.iso(run.created_at),
        "startedAt": clock.iso(run.started_at) if run.started_at else None,
        "finishedAt": clock.iso(run.finished_at) if run.finished_at else None,
        "error": run.error,
        "errorCode": run.error_code,
        "exitCode": run.exit_code,
        "signal": run.signal,
        "retryOfRunId": str(run.retry_of_run_id) if run.retry_of_run_id is not None else None,
        "scheduledRetryAt": clock.iso(run.scheduled_retry_at) if run.scheduled_retry_at else None,
        "scheduledRetryAttempt": run.scheduled_retry_attempt,
        "scheduledRetryReason": run.scheduled_retry_reason,
        "followupMechanism": run.followup_mechanism,
        "followupReason": run.followup_reason,
        "runner": run.runner.name if run.runner is not None else None,
        "logBytes": run.log_bytes,
    }


def follow(run_id: UUID, *, out: OutputWrapper, err: OutputWrapper) -> Run:
    """Write a run's log as it grows and return the run when it has ended and all was written.

    What the program says goes where it said it; what is said of it goes to `err`. A log on another host cannot be
    read here: then only the end is waited for.
    """
    offset, said, look_at = 0, "", 0.0
    while True:
        if time.monotonic() >= look_at:
            run = Run.objects.select_related(*RELATED).get(pk=run_id)
            look_at = time.monotonic() + RUN_LOOK_SECONDS
            said = _say_status(run, said, err)
        page = queries.read_log(run, offset=offset, limit_bytes=_PAGE_BYTES)
        if page is not None and page.content:
            offset = page.offset
            _write(page.content, out, err)
        has_more = page is not None and (page.next_offset is not None or bool(page.content))
        if progress.is_over(run.status) and not has_more:
            return run
        if not has_more:
            time.sleep(LOG_LOOK_SECONDS)


def follow_and_exit(run: Run, *, out: OutputWrapper, err: OutputWrapper) -> NoReturn:
    """Follow a run and end the command: with 0 when it succeeded, 1 when not. Ctrl-C leaves the run alone."""
    try:
        ended = follow(run.pk, out=out, err=err)
    except KeyboardInterrupt:
        err.write("-- no longer following; the run goes on")
        sys.exit(_INTERRUPTED)
    err.write(f"-- {last_word(ended, now=clock.now())}")
    sys.exit(ended.status != RunStatus.SUCCEEDED)


def do_duties(names: Sequence[str], out: OutputWrapper, *, as_json: bool) -> None:
    """Do some duties and write what each did. Raises CommandError for those that failed, after all had their turn."""
    done: dict[str, Any] = {}
    failed: list[str] = []
    for name in names:
        try:
            done[name] = duties.do(name, now=clock.shared_now())
        except Exception as error:  # noqa: BLE001 - one that fails keeps no other from its turn, and is told
            if isinstance(error, DatabaseError):
                connection.close()
            done[name] = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
            failed.append(name)
    out.write(
        json_text(done) if as_json else table(("DUTY", "DID"), [(n, _figures(d)) for n, d in done.items()])
    )
    if failed:
        raise CommandError(f"{', '.join(failed)} failed")


def _figures(done: Any) -> str:
    """Return what a duty did in words: its figures that are not 0."""
    if not isinstance(done, dict):
        return str(done)
    counted = {name: value for name, value in done.items() if value and not isinstance(value, list)}
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in counted.items()) or "nothing"


def last_word(run: Run, *, now: datetime) -> str:
    """Return in one line how a run ended."""
    failed = words.failure(run)
    after = words.followup(run, now)
    return f"{run.status} after {_took(run, now=now)}" + "".join(
        f"; {part}" for part in (failed, after) if part
    )


def _say_status(run: Run, said: str, err: OutputWrapper) -> str:
    where = f" on {run.runner.host}" if run.runner is not None and run.status == RunStatus.RUNNING else ""
    line = f"{run.status}{where}"
    if line != said and run.status in RUN_LIVE:
        err.write(f"-- {line}")
        err.flush()
    return line


def _write(lines: str, out: OutputWrapper, err: OutputWrapper) -> None:
    for line in lines.splitlines():
        entry = orjson.loads(line)
        target = out if entry["stream"] == "stdout" else err
        target.write(entry["chunk"], ending="")
        target.flush()


def _took(run: Run, *, now: datetime) -> str:
    if run.started_at is None:
        return ""
    return duration((run.finished_at or now) - run.started_at)
