"""The files of a repository: which there are, and what they say. Bounded in number, size and time."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MOST_FILES = 50_000
LARGEST_READ_BYTES = 1024 * 1024
READING_SECONDS = 12.0
_BINARY_LOOK_BYTES = 8192
# Folders that hold what tools made: history, installed packages, caches.
SKIPPED_FOLDERS = frozenset(
    {
        ".git", ".hg", ".svn", ".venv", "venv", "virtualenv", "node_modules", "bower_components",
        "__pycache__", ".cache", ".tox", ".nox", ".eggs", ".mypy_cache", ".pytest_cache", ".ruff_cache",
        ".hypothesis", ".import_linter_cache", ".gradle", ".terraform", ".next", ".nuxt", ".svelte-kit",
        ".parcel-cache", ".turbo",
    }
)  # fmt: skip
_VIRTUALENV_MARK = "pyvenv.cfg"


@dataclass(frozen=True)
class File:
    """A file of the repository; `path` is relative to its root, `size` in bytes."""

    path: str
    size: int


@dataclass(frozen=True)
class Survey:
    """Which files a repository has, in order of their paths. Links are not followed and not counted.

    `skipped_folders` hold what tools made; `unreadable` files and folders could not be looked at.
    """

    root: Path
    files: tuple[File, ...]
    skipped_folders: int = 0
    unreadable: int = 0
    is_cut_short: bool = False

    @property
    def size(self) -> int:
        """The bytes of all files together."""
        return sum(file.size for file in self.files)

    def remarks(self) -> list[str]:
        """Return a sentence for each thing that was left out."""
        reasons = (
            (self.skipped_folders, "folders of tools (history, packages, caches) were not counted"),
            (self.unreadable, "files or folders could not be looked at"),
            (self.is_cut_short, f"Counting stopped at {len(self.files):,} files: the repository has more"),
        )
        return [text if count is True else f"{count:,} {text}" for count, text in reasons if count]


def survey(root: Path, *, most: int = MOST_FILES) -> Survey:
    """Return the files below `root`, at most `most`. Raises OSError when `root` itself cannot be listed."""
    found: list[File] = []
    skipped = unreadable = 0
    os.scandir(root).close()
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        try:
            entries = sorted(os.scandir(root / prefix), key=lambda entry: entry.name)
        except OSError:
            unreadable += 1
            continue
        if prefix and any(entry.name == _VIRTUALENV_MARK for entry in entries):
            skipped += 1
            continue
        for entry in entries:
            if entry.is_symlink():
                continue
            try:
                if entry.is_dir():
                    if entry.name in SKIPPED_FOLDERS:
                        skipped += 1
                    else:
                        waiting.append(f"{prefix}{entry.name}/")
                elif entry.is_file():
                    if len(found) == most:
                        return Survey(root, _in_order(found), skipped, unreadable, is_cut_short=True)
                    found.append(File(f"{prefix}{entry.name}", entry.stat().st_size))
            except OSError:
                unreadable += 1  # gone since it was listed
    return Survey(root, _in_order(found), skipped, unreadable)


def _in_order(found: list[File]) -> tuple[File, ...]:
    return tuple(sorted(found, key=lambda file: file.path))


class Texts:
    """The text files of a survey, one at a time as `(file, bytes)`; afterwards, what was left out and why."""

    def __init__(self, surveyed: Survey, *, seconds: float = READING_SECONDS) -> None:
        """`seconds` is the time after which nothing more is read."""
        self.read = 0
        self.binary = 0
        self.too_large = 0
        self.unreadable = 0
        self.too_late = 0
        self._survey = surveyed
        self._seconds = seconds

    def __iter__(self) -> Iterator[tuple[File, bytes]]:
        until = time.monotonic() + self._seconds
        for file in self._survey.files:
            if file.size > LARGEST_READ_BYTES:
                self.too_large += 1
            elif time.monotonic() > until:
                self.too_late += 1
            else:
                content = self._content(file)
                if content is not None:
                    self.read += 1
                    yield file, content

    def remarks(self) -> list[str]:
        """Return a sentence for each reason why files were not read."""
        kilobytes = LARGEST_READ_BYTES // 1024
        reasons = (
            (self.binary, "binary: counted by size only"),
            (self.too_large, f"larger than {kilobytes:,} KB: counted by size only"),
            (self.unreadable, "not readable for this agent"),
            (self.too_late, f"not read: the time for it ({self._seconds:g} s) was over"),
        )
        return [f"{count:,} file{'s' if count != 1 else ''} {why}" for count, why in reasons if count]

    def _content(self, file: File) -> bytes | None:
        try:
            content = (self._survey.root / file.path).read_bytes()
        except OSError:
            self.unreadable += 1
            return None
        if b"\0" in content[:_BINARY_LOOK_BYTES]:
            self.binary += 1
            return None
        return content


def lines(content: bytes) -> int:
    """Return how many lines a text has; a last line without an end counts."""
    return content.count(b"\n") + (not content.endswith(b"\n") if content else 0)


def blank_lines(content: bytes) -> int:
    """Return how many lines of a text hold nothing but white space."""
    return sum(not line.strip() for line in content.splitlines())
