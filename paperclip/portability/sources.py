"""Where packages come from besides a request: repositories on GitHub, fetched as one archive."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from django.conf import settings

from paperclip.core import outbound
from paperclip.core.errors import Unprocessable
from paperclip.portability import archives, files
from paperclip.portability.faults import Findings
from paperclip.portability.shapes import File

SECONDS = 60.0

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_SHAPE = "source.url must be a repository such as https://github.com/owner/name, or …/tree/branch/folder"


@dataclass(frozen=True)
class Place:
    """A folder of a repository, at a branch, tag or commit."""

    owner: str
    name: str
    ref: str
    folder: str


def place_of(url: str) -> Place:
    """Return what the address of a repository names. Raises Unprocessable."""
    try:
        parts = urlsplit(url.strip())
    except ValueError as error:
        raise Unprocessable(_SHAPE) from error
    words = [unquote(word) for word in parts.path.split("/") if word]
    is_there = parts.scheme == "https" and parts.netloc.lower() in ("github.com", "www.github.com")
    if not is_there or len(words) < 2 or parts.query or parts.fragment:
        raise Unprocessable(_SHAPE)
    owner, name = words[0], words[1].removesuffix(".git")
    rest = words[2:]
    if any(word in (".", "..") for word in words) or not (_NAME.fullmatch(owner) and _NAME.fullmatch(name)):
        raise Unprocessable(_SHAPE)
    if rest and (rest[0] not in ("tree", "blob") or len(rest) < 2):
        raise Unprocessable(_SHAPE)
    folder = "/".join(rest[2:]).removesuffix("COMPANY.md").strip("/")
    return Place(owner, name, rest[1] if rest else "HEAD", folder)


def fetch(url: str, findings: Findings) -> dict[str, File]:
    """Return the files of a repository; what is wrong with single files is noted in `findings`.

    Raises Unprocessable for an address that names none, and for one that cannot be fetched.
    """
    place = place_of(url)
    address = f"{settings.GITHUB_ARCHIVE_URL}/{place.owner}/{place.name}/zip/{quote(place.ref, safe='')}"
    try:
        answer = outbound.get(
            address,
            headers={"User-Agent": "paperclip-django", "Accept": "application/zip"},
            timeout_seconds=SECONDS,
            most_bytes=archives.MAX_ARCHIVE_BYTES + 1,
        )
    except (outbound.Refused, outbound.Failed) as error:
        raise Unprocessable(f"{place.owner}/{place.name} cannot be fetched: {error}") from error
    if answer.status == 404:
        raise Unprocessable(
            f"{place.owner}/{place.name} has no {place.ref}, or is private; import it as a zip file"
        )
    if answer.status != 200:
        raise Unprocessable(f"{place.owner}/{place.name} cannot be fetched: GitHub answered {answer.status}")
    if len(answer.body) > archives.MAX_ARCHIVE_BYTES:
        raise Unprocessable(f"{place.owner}/{place.name} is larger than {archives.MAX_ARCHIVE_BYTES} bytes")
    found = archives.read_zip(io.BytesIO(answer.body), findings)
    return files.rooted(files.below(found, place.folder)) if place.folder else found
