"""The secret key: made on first use, kept in a file only its owner can read."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

KEY_BYTES = 48


def load_or_create(path: Path) -> str:
    """Return the key kept at `path`, creating folder (0700) and file (0600) when missing.

    Safe when several processes start at once: the file appears by link, so exactly one key wins.
    Raises OSError when the folder cannot be written, ValueError when the file holds no key.
    """
    if path.exists():
        return _read(path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(KEY_BYTES))
    with contextlib.suppress(FileExistsError):  # another process was first: its key is the key
        os.link(draft, path)
    draft.unlink()
    return _read(path)


def _read(path: Path) -> str:
    key = path.read_text().strip()
    if len(key) < KEY_BYTES:
        raise ValueError(
            f"{path} does not hold a secret key; restore it from a backup or remove it to make a new one"
        )
    return key
