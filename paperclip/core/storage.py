"""Files that are handed in, kept on disk under the hash of what is in them.

A file is received beside the store and brought to disk whole before it is moved to its place by a rename, so
that under a hash there is never half a file. What names a file, and when it may go, is not known here.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from paperclip.core.errors import NotFound, Unavailable

log = logging.getLogger(__name__)

NO_ROOM = "There is no room left on the server's disk; the file was not stored"
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_UNFINISHED = "incoming"


class Incoming:
    """A file on its way in: written piece by piece, hashed on the way, and gone again unless it is kept.

    Of what exceeds `limit` bytes nothing is stored; `size` goes on counting. Every method that writes raises
    Unavailable when the disk takes no more.
    """

    def __init__(self, *, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self.sha256 = ""
        self._hash = hashlib.sha256()
        with _writing():
            folder = _folder(_UNFINISHED)
            handle, name = tempfile.mkstemp(dir=folder)
            self._file = os.fdopen(handle, "wb")
        self._path: Path | None = Path(name)

    @property
    def is_too_large(self) -> bool:
        """Whether more came in than is taken."""
        return self.size > self.limit

    def write(self, piece: bytes) -> None:
        """Add `piece` to the end of the file."""
        self.size += len(piece)
        if self.is_too_large:
            return
        self._hash.update(piece)
        with _writing():
            self._file.write(piece)

    def seal(self) -> None:
        """Bring the whole file to disk; from here on it has its hash and is not written to."""
        with _writing():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        self.sha256 = self._hash.hexdigest()

    def open(self) -> BinaryIO:
        """Open the sealed file for reading, before it is kept."""
        if self._path is None:
            return open_file(self.sha256)
        return self._path.open("rb")

    def keep(self) -> None:
        """Move the sealed file to its place in the store. A repetition changes nothing.

        The caller holds whatever keeps others from removing a file of the same hash meanwhile.
        """
        place = _place(self.sha256)
        if self._path is None:
            if place.exists():
                return
            raise Unavailable("The file was removed while it was being stored; try again")
        with _writing():
            _folder(place.parent.name)
            self._path.replace(place)
            _sync(place.parent)
        self._path = None

    def discard(self) -> None:
        """Remove the file unless it was kept. May be called at any time, twice."""
        # What could not be written is not wanted any more: closing would try to write it once again.
        try:
            self._file.close()
        except OSError:
            log.info("a file that is thrown away was not written in full")
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._path = None


@dataclass(frozen=True)
class Upload:
    """A file that was received in full, as its sender names it."""

    file: Incoming
    name: str | None
    content_type: str


def open_file(sha256: str) -> BinaryIO:
    """Open a kept file for reading; NotFound when it is not in the store."""
    try:
        return _place(sha256).open("rb")
    except OSError as error:
        log.error("the stored file %s cannot be read: %s", sha256, error.strerror)
        raise NotFound("The stored file is missing") from error


def remove(sha256: str) -> bool:
    """Remove a kept file; whether it was there. A disk that refuses is noted in the log, no more."""
    try:
        _place(sha256).unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        log.error("the stored file %s cannot be removed: %s", sha256, error.strerror)
        return False
    return True


def kept_before(moment: datetime) -> Iterator[str]:
    """Yield the hashes of the files that were kept before `moment`, in no order."""
    root = settings.FILES_ROOT
    for folder in root.glob("[0-9a-f][0-9a-f]"):
        for path in folder.iterdir():
            if _is_older(path, moment):
                yield path.name


def drop_unfinished(*, before: datetime) -> int:
    """Remove what was left half received before the moment; how many files that were."""
    paths = [path for path in (settings.FILES_ROOT / _UNFINISHED).glob("*") if _is_older(path, before)]
    for path in paths:
        path.unlink(missing_ok=True)
    return len(paths)


def _place(sha256: str) -> Path:
    root: Path = settings.FILES_ROOT
    return root / sha256[:2] / sha256


def _folder(name: str) -> Path:
    folder: Path = settings.FILES_ROOT / name
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sync(folder.parent)
    return folder


def _sync(folder: Path) -> None:
    """Bring a change of names in `folder` to disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _is_older(path: Path, moment: datetime) -> bool:
    try:
        return path.stat().st_mtime < moment.timestamp()
    except FileNotFoundError:  # somebody else has just removed it
        return False


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise Unavailable(NO_ROOM) from error
        log.error("a file cannot be stored: %s", error.strerror)
        raise Unavailable("The server cannot store files at the moment; the file was not stored") from error
