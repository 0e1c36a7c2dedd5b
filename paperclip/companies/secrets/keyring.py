"""The master keys this host knows, and which one seals now (C-103).

Keys come from the environment or from a key file of mode 0600; the database knows them by fingerprint only. What
seals now is a row, so that every process and host agrees on it, and a change of keys is seen by all at once. A key
file is made once, for the first secret of an installation: a host that lacks the key everybody else has must be
given it, not one of its own.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import os
import re
import secrets
import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection

from paperclip.companies.choices import SecretKeyStatus
from paperclip.companies.models import SecretMasterKey
from paperclip.core.errors import Unavailable

KEY_BYTES = 32
_HEX = re.compile(r"[0-9a-fA-F]{64}")
# While keys change, the new one lies beside the old one under this name.
_NEXT_SUFFIX = ".next"
_known: dict[str, MasterKey] = {}


class KeyInvalid(Exception):
    """A key is there and cannot be used; the text says where it stands and never shows any of it."""


@dataclass(frozen=True, repr=False)
class MasterKey:
    """A key of 32 bytes and the fingerprint it is known by."""

    secret: bytes
    fingerprint: str

    def digest(self, text: str) -> str:
        """Return a keyed SHA-256 of `text`, in hex: equal for equal values, and of no use without the key."""
        return hmac.new(self.secret, b"value:" + text.encode(), hashlib.sha256).hexdigest()


def of_text(text: str, where: str) -> MasterKey:
    """Return the key that `text` spells: 64 hex digits, base64, or 32 characters as they are. Raises KeyInvalid."""
    text = text.strip()
    if _HEX.fullmatch(text):
        return _of_bytes(bytes.fromhex(text))
    with contextlib.suppress(binascii.Error, ValueError):
        plain = text.rstrip("=").replace("-", "+").replace("_", "/")
        found = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
        if len(found) == KEY_BYTES:
            return _of_bytes(found)
    if len(text.encode()) == KEY_BYTES:
        return _of_bytes(text.encode())
    raise KeyInvalid(f"{where} is not a key: 64 hex digits, or 32 bytes in base64, are wanted")


def configured() -> MasterKey | None:
    """Return the key the environment names, None when it names none. Raises KeyInvalid."""
    if not settings.SECRETS_MASTER_KEY:
        return None
    return of_text(settings.SECRETS_MASTER_KEY, "PAPERCLIP_SECRETS_MASTER_KEY")


def next_file() -> Path:
    """Return where the new key lies while keys are changed."""
    file: Path = settings.SECRETS_KEY_FILE
    return file.with_name(file.name + _NEXT_SUFFIX)


def from_file(file: Path) -> MasterKey | None:
    """Return the key in `file`, None when there is no such file. Raises KeyInvalid, OSError."""
    try:
        text = file.read_text()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise KeyInvalid(f"{file} is not a key file") from None
    return of_text(text, str(file))


def known() -> dict[str, MasterKey]:
    """Return every key this host has, by fingerprint. Raises KeyInvalid, OSError."""
    found = [configured()]
    if settings.SECRETS_PREVIOUS_KEY:
        found.append(of_text(settings.SECRETS_PREVIOUS_KEY, "PAPERCLIP_SECRETS_PREVIOUS_KEY"))
    # The next key takes the place of the other by a rename: looked at in this order, none is missed.
    found += [from_file(next_file()), from_file(settings.SECRETS_KEY_FILE)]
    return {key.fingerprint: key for key in found if key is not None}


def key_of(fingerprint: str) -> MasterKey:
    """Return the key by its fingerprint. Raises Unavailable when this host does not have it."""
    if fingerprint not in _known:
        try:
            _known.update(known())
        except (KeyInvalid, OSError) as error:
            raise Unavailable(_told(error)) from error
    if fingerprint not in _known:
        raise Unavailable(
            f"This host lacks the master key {fingerprint} that secrets are sealed with: give it the"
            f" PAPERCLIP_SECRETS_MASTER_KEY or the file {settings.SECRETS_KEY_FILE.name} of the host that has it"
        )
    return _known[fingerprint]


def sealing(*, now: datetime) -> MasterKey:
    """Return the key to seal with, made for the first secret of an installation; call within a transaction.

    It stays the one to seal with until the transaction ends. Raises Unavailable when this host does not have it.
    """
    for _ in range(2):
        fingerprint = _hold_current()
        if fingerprint is not None:
            return key_of(fingerprint)
        # None yet; or the one that was has just been replaced, and a second look finds its successor.
        if not SecretMasterKey.objects.filter(status=SecretKeyStatus.CURRENT).exists():
            _found(now=now)
    fingerprint = _hold_current()
    if fingerprint is None:
        raise Unavailable("The master key is being changed; try again")
    return key_of(fingerprint)


def current() -> str | None:
    """Return the fingerprint of the key that seals now, None before the first secret."""
    rows = SecretMasterKey.objects.filter(status=SecretKeyStatus.CURRENT)
    return rows.values_list("fingerprint", flat=True).first()


def create_file(file: Path) -> MasterKey:
    """Return the key in `file`, which is made (0600, in a folder of 0700) when missing.

    Safe when several processes do so at once: the file appears by link, so exactly one key wins.
    """
    found = from_file(file)
    if found is not None:
        return found
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as output:
        output.write(secrets.token_hex(KEY_BYTES) + "\n")
        output.flush()
        os.fsync(output.fileno())  # what is sealed with it must not outlive it
    with contextlib.suppress(FileExistsError):
        os.link(draft, file)
    draft.unlink()
    keep_folder(file.parent)
    made = from_file(file)
    assert made is not None
    return made


def keep_folder(folder: Path) -> None:
    """Make sure that what was linked or renamed in `folder` outlives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_to_others(file: Path) -> bool:
    """Whether others than its owner may read or write `file`."""
    try:
        return bool(stat.S_IMODE(file.stat().st_mode) & 0o077)
    except FileNotFoundError:
        return False


def _found(*, now: datetime) -> None:
    """Name the first master key of the installation; whoever is a moment later finds it named."""
    try:
        key = configured() or create_file(settings.SECRETS_KEY_FILE)
    except (KeyInvalid, OSError) as error:
        raise Unavailable(_told(error)) from error
    SecretMasterKey.objects.bulk_create(
        [SecretMasterKey(fingerprint=key.fingerprint, status=SecretKeyStatus.CURRENT, created_at=now)],
        ignore_conflicts=True,
    )


def _hold_current() -> str | None:
    """Return the key that seals now and keep others from replacing it before this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT fingerprint FROM secret_master_keys WHERE status = 'current' FOR SHARE")
        row = cursor.fetchone()
    return row[0] if row else None


def _of_bytes(secret: bytes) -> MasterKey:
    mark = hmac.new(secret, b"fingerprint", hashlib.sha256).hexdigest()[:16]
    return MasterKey(secret, mark)


def _told(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"The master key of secrets cannot be read: {error.strerror or type(error).__name__}"
    return str(error)
