"""The log of a run as its shim writes it: pages from an offset on, and the end of one stream."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from heartbeat.runner import records, shim

BLOCK_BYTES = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class LogPage:
    """A piece of the log. `offset` is the byte after it; `next_offset` is None when no more is there yet.

    `end` says that the log is complete as well: nothing will ever follow this page.
    """

    content: str
    offset: int
    next_offset: int | None
    end: bool


@dataclass(frozen=True, kw_only=True)
class LogStat:
    """Size of the log in bytes, and when it was last written (seconds since 1970)."""

    bytes: int
    modified_at: float


def stat(path: Path) -> LogStat | None:
    """Return size and age of the log, None before there is one."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return LogStat(bytes=found.st_size, modified_at=found.st_mtime)


def page(path: Path, *, offset: int, limit_bytes: int, is_final: bool) -> LogPage:
    """Return whole lines of the log from a byte offset on, about `limit_bytes` of them (H-175, K-34).

    A line longer than the limit is cut between characters. The first part of a line that is still being written is
    held back; of a log that `is_final` everything is returned. Raises ValueError for a negative offset or a limit
    below 1.
    """
    if offset < 0 or limit_bytes < 1:
        raise ValueError("offset must be at least 0 and limit_bytes at least 1")
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(limit_bytes + 1)
            cut = data.rfind(b"\n", 0, limit_bytes) + 1
            if not cut and len(data) > limit_bytes:
                data += file.read(3)  # the rest of a character, should the limit be smaller than one
                cut = _character_cut(data, limit_bytes)
            if not cut and is_final:
                cut = len(data)
    except FileNotFoundError:
        data, cut = b"", 0
    end = offset + cut
    found = stat(path)
    has_more = cut > 0 and found is not None and end < found.bytes and (is_final or _has_line(path, end))
    return LogPage(
        content=data[:cut].decode("utf-8", "replace"),
        offset=end,
        next_offset=end if has_more else None,
        end=is_final and not has_more,
    )


def tail(path: Path, stream: str, *, limit_bytes: int) -> str:
    """Return the end of what the agent wrote to `stdout` or `stderr`, at most `limit_bytes` of UTF-8.

    Reads backwards and keeps no more than that in memory. Raises RunFileInvalid for a log entry that cannot be read,
    unless it is a last one that its dead writer did not finish.
    """
    parts: list[bytes] = []
    size = 0
    for line in _lines_backwards(path):
        chunk = _chunk_of(path, line, stream)
        parts.append(chunk)
        size += len(chunk)
        if size >= limit_bytes:
            break
    text = b"".join(reversed(parts))[-limit_bytes:] if limit_bytes > 0 else b""
    return text.decode("utf-8", "ignore")  # only a first character that was cut can be ignored here


def lines(path: Path, stream: str, *, most_chars: int) -> Iterator[str]:
    """Yield the lines of what the agent wrote to `stdout` or `stderr`, from the first on, without their ends.

    A line longer than `most_chars` is left out: nobody reads one whole. The file is read once per call and no more
    than a line of it is kept. Raises RunFileInvalid as `tail` does.
    """
    pending, is_too_long = "", False
    for chunk in _chunks(path, stream):
        *ended, rest = chunk.split("\n")
        for piece in ended:
            if not is_too_long and len(pending) + len(piece) <= most_chars:
                yield pending + piece
            pending, is_too_long = "", False
        pending += rest
        if len(pending) > most_chars:
            pending, is_too_long = "", True
    if pending and not is_too_long:
        yield pending


def _chunks(path: Path, stream: str) -> Iterator[str]:
    if stat(path) is None:
        return
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):  # else its dead writer did not finish it
                yield _chunk_of(path, line, stream).decode("utf-8", "replace")


def _has_line(path: Path, offset: int) -> bool:
    with path.open("rb") as file:
        file.seek(offset)
        while block := file.read(BLOCK_BYTES):
            if b"\n" in block:
                return True
    return False


def _lines_backwards(path: Path) -> Iterator[bytes]:
    """Yield the complete lines of the log, newest first."""
    found = stat(path)
    if found is None:
        return
    with path.open("rb") as file:
        position, rest, is_unfinished = found.bytes, b"", True
        while position > 0:
            start = max(0, position - BLOCK_BYTES)
            file.seek(start)
            rest = file.read(position - start) + rest
            position = start
            lines = rest.split(b"\n")
            rest = lines[0]
            for line in reversed(lines[1:]):
                if not is_unfinished:
                    yield line
                is_unfinished = False
        if not is_unfinished:
            yield rest


def _chunk_of(path: Path, line: bytes, stream: str) -> bytes:
    with records.strictly(path):
        # Most lines of a long log can be the other stream's: a look at the shim's fixed beginning
        # (a time stamp has 24 characters) spares parsing those.
        if line[33:].startswith(b'"stream":') and not line[42:].startswith(f'"{stream}"'.encode()):
            return b""
        record = json.loads(line)
        return records.text(record, "chunk").encode() if record["stream"] == stream else b""


def _character_cut(data: bytes, limit: int) -> int:
    """Return a cut between characters at or before `limit`, or after the first character."""
    cut = shim.character_end(bytearray(data), limit)
    return cut or next((end for end in range(1, len(data)) if data[end] & 0xC0 != 0x80), len(data))
