"""The files of a package on their way in and out: bounded, at plain relative paths, and texts where they are texts."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

from paperclip.core import folders
from paperclip.core.errors import Refusal
from paperclip.portability.faults import Fault, Findings
from paperclip.portability.shapes import File, Files

MAX_FILES = 6_000
MAX_FILE_BYTES = 4 * 1024 * 1024
MAX_TOTAL_BYTES = 32 * 1024 * 1024

_TEXTS = (
    ".md",
    ".yaml",
    ".yml",
    ".txt",
    ".json",
    ".toml",
    ".csv",
    ".py",
    ".sh",
    ".js",
    ".ts",
    ".html",
    ".css",
)
_TYPES = {
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp",
    ".svg": "image/svg+xml",
}  # fmt: skip
_UNKNOWN_TYPE = "application/octet-stream"
_TOP = ("COMPANY.md", ".paperclip.yaml", ".paperclip.yml")
_TOP_FOLDERS = ("agents", "projects", "tasks", "skills")
# What file managers and version control leave lying about; it is none of the package's.
_LITTER = frozenset({".git", "__MACOSX", ".DS_Store", "Thumbs.db", "node_modules"})


class Intake:
    """Takes files one by one and keeps what may be kept; what may not is noted in `findings`."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.files: dict[str, File] = {}
        self._size = 0
        self._lowered: set[str] = set()

    @property
    def room(self) -> int:
        """How many bytes the next file may have."""
        return min(MAX_FILE_BYTES, MAX_TOTAL_BYTES - self._size)

    def add(self, path: str, content: File) -> None:
        """Keep one file. Raises Fault for a path or content that is not taken, and when there are too many."""
        shown = place(path)
        if is_litter(shown):
            return
        if shown.lower() in self._lowered:
            raise Fault(shown, "is there twice; names that differ in case only are the same name")
        size = len(content.encode()) if isinstance(content, str) else len(content)
        if size > MAX_FILE_BYTES:
            raise Fault(shown, f"is larger than {MAX_FILE_BYTES} bytes")
        if len(self.files) >= MAX_FILES:
            raise Fault(shown, f"is one file too many; a package has at most {MAX_FILES}")
        self._size += size
        if self._size > MAX_TOTAL_BYTES:
            raise Fault(shown, f"makes the package larger than {MAX_TOTAL_BYTES} bytes")
        self._lowered.add(shown.lower())
        self.files[shown] = content


def place(path: str) -> str:
    """Return a path of a package. Raises Fault for one that is absolute, leads out of it, or is no plain path."""
    try:
        return str(folders.path_of(path.removeprefix("./")))
    except (Refusal, UnicodeEncodeError) as error:
        raise Fault(repr(path[:80]), "must be a plain relative path that stays inside the package") from error


def is_litter(path: str) -> bool:
    """Whether a path is none of the package's business."""
    return not _LITTER.isdisjoint(path.split("/"))


def of_wire(sent: Mapping[str, Any], findings: Findings) -> dict[str, File]:
    """Return the files of a request: texts, or `{"encoding": "base64", "data", "contentType"}` (C-106)."""
    intake = Intake(findings)
    for path, entry in sent.items():
        with findings.noted():
            intake.add(path, _of_entry(path, entry))
    return rooted(intake.files)


def to_wire(files: Files) -> dict[str, Any]:
    """Return files as the interface sends them."""
    return {
        path: content if isinstance(content, str) else _entry(path, content)
        for path, content in files.items()
    }


def of_bytes(path: str, content: bytes) -> File:
    """Return a file's content as text where it is one. What should be one and is none is refused when it is read."""
    if path.lower().endswith(_TEXTS):
        try:
            return content.decode()
        except UnicodeDecodeError:
            return content
    return content


def to_bytes(content: File) -> bytes:
    """Return what is written to disk."""
    return content.encode() if isinstance(content, str) else content


def text_of(files: Files, path: str) -> str:
    """Return what a file of text says. Raises Fault for what is none."""
    content = files[path]
    if isinstance(content, bytes):
        try:
            content = content.decode()
        except UnicodeDecodeError as error:
            raise Fault(path, "is no text in UTF-8") from error
    if "\x00" in content:
        raise Fault(path, "holds a NUL character")
    try:
        content.encode()
    except UnicodeEncodeError as error:
        raise Fault(path, "holds a character that is none") from error
    return content


def type_of(path: str) -> str:
    """Return the media type that a file's name stands for."""
    return next((kind for suffix, kind in _TYPES.items() if path.lower().endswith(suffix)), _UNKNOWN_TYPE)


def rooted(files: Mapping[str, File]) -> dict[str, File]:
    """Return files without the one folder that holds all of them, as archives of a repository have it."""
    tops = {path.partition("/")[0] for path in files}
    is_at_top = any(name in files for name in _TOP) or not tops.isdisjoint(_TOP_FOLDERS)
    if is_at_top or len(tops) != 1 or any("/" not in path for path in files):
        return dict(files)
    return {path.partition("/")[2]: content for path, content in files.items()}


def below(files: Mapping[str, File], folder: str) -> dict[str, File]:
    """Return the files below `folder`, by their paths in it."""
    prefix = f"{folder.strip('/')}/"
    return {path.removeprefix(prefix): content for path, content in files.items() if path.startswith(prefix)}


def selected(files: Mapping[str, File], wanted: Iterable[str]) -> dict[str, File]:
    """Return the wanted files and, always, the sidecar, without which the others say too little."""
    names = {name.removeprefix("./") for name in wanted}
    return {path: content for path, content in files.items() if path in names or path in _TOP[1:]}


def _of_entry(path: str, entry: Any) -> File:
    if isinstance(entry, str):
        return entry
    if (
        not isinstance(entry, Mapping)
        or entry.get("encoding") != "base64"
        or not isinstance(entry.get("data"), str)
    ):
        raise Fault(path[:400], 'must be a text or {"encoding": "base64", "data"}')
    try:
        content = base64.b64decode(entry["data"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise Fault(path[:400], "is no valid base64", name="data") from error
    return of_bytes(path, content)


def _entry(path: str, content: bytes) -> dict[str, str]:
    return {"encoding": "base64", "data": base64.b64encode(content).decode(), "contentType": type_of(path)}
