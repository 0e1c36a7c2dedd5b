"""A package that waits between its preview and its import, kept as one archive under its hash.

No row names it, so the sweep of stored files takes it away after an hour. What refers to it is signed for one person.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Protocol
from uuid import UUID

from django.core import signing

from paperclip.core import storage
from paperclip.core.errors import NotFound, Unprocessable
from paperclip.core.storage import Incoming
from paperclip.portability import archives
from paperclip.portability.faults import Findings
from paperclip.portability.shapes import File

_SALT = "paperclip.portability.shelf"
_SECONDS = 3600
GONE = "The package is no longer kept here; choose it once more"


class Readable(Protocol):
    """What can be read piece by piece: an upload, or bytes at hand."""

    def read(self, size: int, /) -> bytes:
        """Return the next `size` bytes, fewer at the end."""
        ...


@dataclass(frozen=True)
class Ticket:
    """What was previewed and how it is to come in; `number` lets it in once."""

    sha256: str
    name: str
    company_id: str | None
    new_name: str | None
    parts: list[str]
    collision: str
    number: str = ""


def keep(file: Readable) -> str:
    """Keep an archive and return its hash. Raises Unprocessable when it is too large, Unavailable without room."""
    incoming = Incoming(limit=archives.MAX_ARCHIVE_BYTES)
    try:
        while piece := file.read(1 << 20):
            incoming.write(piece)
        if incoming.is_too_large:
            raise Unprocessable(f"A package has at most {archives.MAX_ARCHIVE_BYTES} bytes")
        incoming.seal()
        incoming.keep()
        return incoming.sha256
    finally:
        incoming.discard()


def files_of(sha256: str, findings: Findings) -> Mapping[str, File]:
    """Return the files of a kept archive. Raises Unprocessable when it is gone."""
    try:
        file = storage.open_file(sha256)
    except NotFound as error:
        raise Unprocessable(GONE) from error
    with file:
        return archives.read_zip(file, findings)


def signed(ticket: Ticket, *, person: UUID) -> str:
    """Return a ticket as one person may hand it back."""
    number = ticket.number or secrets.token_hex(8)
    return signing.dumps(
        {**asdict(ticket), "number": number, "person": str(person)}, salt=_SALT, compress=True
    )


def read(text: str, *, person: UUID) -> Ticket:
    """Return the ticket a person hands back. Raises Unprocessable for one that is old, changed or another's."""
    try:
        values = signing.loads(text, salt=_SALT, max_age=_SECONDS)
    except signing.BadSignature as error:
        raise Unprocessable(GONE) from error
    if values.pop("person") != str(person):
        raise Unprocessable(GONE)
    return Ticket(**values)
