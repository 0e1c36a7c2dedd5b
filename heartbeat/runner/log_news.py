"""Telling those who listen what a run has just written: `heartbeat.run.log` (H-19)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from heartbeat.runner.rundir import RunDir
from paperclip.core.api.rendering import dumps

# So much of what a run wrote since the last look is told; the log itself has the rest.
MOST_BYTES = 8192
_READ_BYTES = 256 * 1024


@dataclass(frozen=True)
class Chunk:
    """A piece of output of one stream, as the log has it: secrets taken out."""

    ts: str
    stream: str
    chunk: str
    truncated: bool = False


def tell(*, run_id: UUID, directory: RunDir, told_bytes: int) -> int:
    """Tell what was written after the first `told_bytes` of the log, where somebody listens.

    Returns how far the log was looked through.
    """
    stat = directory.log_stat()
    if stat is None or stat.bytes <= told_bytes:
        return told_bytes
    begin = max(told_bytes, stat.bytes - _READ_BYTES)
    page = directory.read_log(begin, _READ_BYTES)
    chunks = last(list(_entries(page.content)), is_cut=begin > told_bytes)
    if chunks:
        told = dumps([chunk.__dict__ for chunk in chunks]).decode()
        with connection.cursor() as cursor:
            cursor.execute(_TELL, {"run": run_id, "chunks": told})
    return page.offset


_TELL = """
SELECT live_tell(run.company_id, 'heartbeat.run.log', jsonb_build_object(
  'runId', run.id, 'agentId', run.agent_id, 'issueId', run.issue_id) || told.chunk)
FROM heartbeat_runs AS run, jsonb_array_elements(%(chunks)s::jsonb) WITH ORDINALITY AS told (chunk, place)
WHERE run.id = %(run)s AND EXISTS (
  SELECT FROM live_listeners AS listener
  WHERE listener.company_id = run.company_id AND listener.until > clock_timestamp())
ORDER BY told.place
"""


def last(entries: list[Chunk], *, is_cut: bool) -> list[Chunk]:
    """Return the end of `entries`, at most MOST_BYTES of text, with neighbours of one stream put together."""
    kept: list[Chunk] = []
    room = MOST_BYTES
    for entry in reversed(entries):
        data = entry.chunk.encode()
        if not room or not data:
            is_cut = is_cut or bool(data)
            continue
        if len(data) > room:
            is_cut = True
            entry = Chunk(entry.ts, entry.stream, data[-room:].decode("utf-8", "ignore"))
            data = data[-room:]
        room -= len(data)
        if kept and kept[-1].stream == entry.stream:
            kept[-1] = Chunk(entry.ts, entry.stream, entry.chunk + kept[-1].chunk)
        else:
            kept.append(entry)
    kept.reverse()
    if kept and is_cut:
        kept[0] = Chunk(kept[0].ts, kept[0].stream, kept[0].chunk, truncated=True)
    return kept


def _entries(content: str) -> Iterator[Chunk]:
    """Read entries of the log; a first line that was cut, or one that is not complete, is passed over."""
    for line in content.splitlines():
        entry = _parsed(line)
        if entry is not None:
            yield Chunk(
                str(entry.get("ts") or ""),
                str(entry.get("stream") or "stdout"),
                str(entry.get("chunk") or ""),
            )


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
