"""The logs of workspace operations: one NDJSON file each, below the home folder (W-113, W-114)."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.conf import settings

from paperclip.core import clock

STORE = "local_file"
MOST_BYTES = 16 * 1024 * 1024
_LINE_BYTES = 8 * 1024


@dataclass(frozen=True)
class Page:
    """A piece of a log: whole lines, and the byte after them when more is there."""

    content: str
    next_offset: int | None


class OperationLog:
    """The log of one operation while it is written: whole lines of output where they come as such.

    `mask` takes out what nobody may read. Past `MOST_BYTES` nothing more is stored.
    """

    def __init__(self, ref: str, mask: Callable[[str], str]) -> None:
        path = _path(ref)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._mask = mask
        self._digest = hashlib.sha256()
        self._pending = {"stdout": bytearray(), "stderr": bytearray()}
        self._is_full = False
        self.size = 0

    def add(self, stream: str, data: bytes) -> None:
        """Store output; the beginning of a line waits for its end."""
        pending = self._pending[stream]
        pending += data
        cut = pending.rfind(b"\n") + 1 or (len(pending) if len(pending) > _LINE_BYTES else 0)
        if cut:
            self._write(stream, bytes(pending[:cut]))
            del pending[:cut]

    def say(self, sentence: str) -> None:
        """Store a sentence of our own."""
        self._write("system", f"{sentence}\n".encode())

    def close(self) -> str:
        """Store what is left and return the SHA-256 of the whole file in hex."""
        for stream, pending in self._pending.items():
            if pending:
                self._write(stream, bytes(pending))
        os.close(self._file)
        return self._digest.hexdigest()

    def _write(self, stream: str, data: bytes) -> None:
        chunk = self._mask(data.decode("utf-8", "replace").replace("\0", "\ufffd"))
        entry = {"ts": clock.iso(clock.now()), "stream": stream, "chunk": chunk}
        line = json.dumps(entry, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        if self._is_full:
            return
        self._is_full = self.size + len(line) > MOST_BYTES
        if self._is_full:
            entry |= {"stream": "system", "chunk": f"[paperclip] The log ends here at {MOST_BYTES} bytes.\n"}
            line = json.dumps(entry).encode() + b"\n"
        while line:
            written = os.write(self._file, line)
            self._digest.update(line[:written])
            self.size += written
            line = line[written:]


def ref_of(company_id: UUID, operation_id: UUID) -> str:
    """Return the name under which an operation's log is kept."""
    return f"{company_id}/{operation_id}.ndjson"


def read(ref: str, *, offset: int, limit_bytes: int) -> Page | None:
    """Return whole lines from a byte offset on; None when there is no such log. A longer line is cut at the limit."""
    try:
        with _path(ref).open("rb") as file:
            file.seek(offset)
            data = file.read(limit_bytes + 1)
    except FileNotFoundError:
        return None
    cut = data.rfind(b"\n", 0, limit_bytes) + 1 or min(len(data), limit_bytes)
    has_more = len(data) > cut
    return Page(data[:cut].decode("utf-8", "replace"), offset + cut if has_more else None)


def remove(ref: str) -> None:
    """Remove a log, if it is on this host."""
    _path(ref).unlink(missing_ok=True)


def _path(ref: str) -> Path:
    company, _, name = ref.partition("/")
    root: Path = settings.OPERATIONS_ROOT
    return root / company / name
