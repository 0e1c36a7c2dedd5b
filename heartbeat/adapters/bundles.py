"""Folders of texts that programs are pointed at: instructions and skills, named by what they hold (A-56).

A folder is made once and never changed, so a program that reads it late reads what it was given. Those that nothing
used for a month go.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from heartbeat.adapters.base import Folder

_VERSION = "1"
KEPT_SECONDS = 30 * 24 * 3600
_KEY_CHARS = 32


def key_of(files: Mapping[str, str]) -> str:
    """Return the name of a folder that holds `files`: the same files have the same name."""
    told = json.dumps([_VERSION, sorted(files.items())])
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:_KEY_CHARS]


def put(folder: Folder) -> None:
    """Have `folder` on disk, readable for its owner only, and drop its neighbours that are long unused.

    Raises OSError.
    """
    parent = folder.path.parent
    if not folder.path.is_dir():
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(folder, parent)
        _prune(parent, keep=folder.path)
    os.utime(folder.path)


def _make(folder: Folder, parent: Path) -> None:
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=parent))
    try:
        for name, content in folder.files.items():
            place = draft / name
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.write_text(content, encoding="utf-8", errors="replace")
            place.chmod(0o600)
        draft.rename(folder.path)
    except OSError:
        shutil.rmtree(draft)
        if not folder.path.is_dir():  # else another run made the same one meanwhile
            raise


def _prune(parent: Path, *, keep: Path) -> None:
    oldest = time.time() - KEPT_SECONDS
    for place in parent.iterdir():
        with suppress(FileNotFoundError):  # another run looks through them too
            if place != keep and place.stat().st_mtime < oldest:
                shutil.rmtree(place)
