"""Folders of small text files that people and programs write to: nothing in them leads out of them.

Every step down is taken from the folder above by descriptor and refuses symbolic links, so a link that is put in
place between a look and a use leads nowhere. A file is written beside its place and moved there whole.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

from paperclip.core.errors import NotFound, TooLarge, Unavailable, Unprocessable

MAX_BYTES = 524_288
MAX_FILES = 200
MAX_PATH = 400
MAX_DEPTH = 8

_MAX_FOLDERS = 1000
_DRAFT = ".draft-"
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_FOLDER = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EISDIR})
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Entry:
    """One file: its path below the folder, with `/` between the parts, and its size in bytes."""

    path: str
    size: int


def path_of(text: str) -> PurePosixPath:
    """Return the path below a folder that `text` names.

    Raises Unprocessable for what is no plain relative path, and so could lead out of the folder.
    """
    parts = text.split("/")
    is_plain = text.isprintable() and "\\" not in text and len(text) <= MAX_PATH
    if not is_plain or len(parts) > MAX_DEPTH or any(part in ("", ".", "..") for part in parts):
        raise Unprocessable(
            f"The path {text[:80]!r} must be a plain relative path that stays inside the folder"
        )
    if any(len(part.encode()) > 255 for part in parts):
        raise Unprocessable(f"The path {text[:80]!r} has a part that is too long")
    return PurePosixPath(text)


def listed(root: Path) -> list[Entry]:
    """Return the files of a folder and of those below it, by path, at most 200; a missing folder has none."""
    found: list[Entry] = []
    with suppress(NotFound), _opened(root) as handle:
        walk = os.fwalk(".", dir_fd=handle, follow_symlinks=False)
        for path, names, files, below in islice(walk, _MAX_FOLDERS):
            if path.count("/") >= MAX_DEPTH - 1:
                names.clear()
            found += _entries(PurePosixPath(path), files, below)
            if len(found) >= MAX_FILES:
                break
    return sorted(found, key=lambda entry: entry.path)[:MAX_FILES]


def read(root: Path, path: PurePosixPath) -> str:
    """Return what a file says. Raises NotFound, or Unprocessable for a link and for what is no text."""
    with _opened(root, path.parts[:-1]) as folder, _faults(path):
        # Without waiting: a pipe in the place of a file would hold the reader for ever.
        handle = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise Unprocessable(f"{path} is no file")
            content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise TooLarge(f"{path} is larger than {MAX_BYTES} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise Unprocessable(f"{path} is no text in UTF-8") from error


def write(root: Path, path: PurePosixPath, text: str) -> int:
    """Make a file say `text` and return its size in bytes. Whoever reads sees the old text or the new one, whole.

    Missing folders are made. Raises TooLarge, Unprocessable where a link is in the way or the folder is full,
    and Unavailable when the disk takes no more.
    """
    content = text.encode()
    if len(content) > MAX_BYTES:
        raise TooLarge(f"{path} would be larger than {MAX_BYTES} bytes")
    with _faults(path):
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
    known = {entry.path for entry in listed(root)}
    if str(path) not in known and len(known) >= MAX_FILES:
        raise Unprocessable(f"The folder holds {MAX_FILES} files already")
    with _opened(root, path.parts[:-1], make=True) as folder, _faults(path):
        _refuse_other_than_file(folder, path)
        draft = f"{_DRAFT}{secrets.token_hex(8)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(draft, flags, 0o600, dir_fd=folder), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(draft, dir_fd=folder)
            raise
        os.fsync(folder)
    return len(content)


def remove(root: Path, path: PurePosixPath) -> None:
    """Remove a file. Raises NotFound, or Unprocessable for what is no file."""
    with _opened(root, path.parts[:-1]) as folder, _faults(path):
        os.stat(path.name, dir_fd=folder, follow_symlinks=False)
        _refuse_other_than_file(folder, path)
        os.unlink(path.name, dir_fd=folder)
        os.fsync(folder)


def _entries(place: PurePosixPath, names: list[str], folder: int) -> Iterator[Entry]:
    for name in names:
        with suppress(FileNotFoundError):  # somebody else has just removed it
            about = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISREG(about.st_mode) and not name.startswith(_DRAFT):
                yield Entry(str(place / name), about.st_size)


@contextmanager
def _opened(root: Path, parts: tuple[str, ...] = (), *, make: bool = False) -> Iterator[int]:
    """Open the folder `parts` below `root`, step by step and through no link."""
    place = PurePosixPath(root.name, *parts)
    with _faults(place):
        handle = os.open(root, _FOLDER)
    try:
        for part in parts:
            with _faults(place):
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(part, 0o700, dir_fd=handle)
                below = os.open(part, _FOLDER, dir_fd=handle)
            os.close(handle)
            handle = below
        yield handle
    finally:
        os.close(handle)


def _refuse_other_than_file(folder: int, path: PurePosixPath) -> None:
    with suppress(FileNotFoundError):
        about = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISREG(about.st_mode):
            raise Unprocessable(f"{path} is no file; links are not followed")


@contextmanager
def _faults(path: PurePosixPath) -> Iterator[None]:
    """Say in the interface's words what the disk refused. The place of the folder is not told."""
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound(f"{path} not found") from error
    except OSError as error:
        if error.errno in _NO_FOLDER:
            raise Unprocessable(f"{path} leads through a link, or through what is no folder") from error
        if error.errno in _NO_ROOM:
            raise Unavailable("There is no room left on the server's disk; nothing was written") from error
        raise Unavailable(f"The server cannot get at {path}: {error.strerror}") from error
