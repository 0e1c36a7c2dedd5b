"""Values under lock: AES-256-GCM, each tied to the row it stands in (C-103, `local_encrypted_v1`)."""

from __future__ import annotations

import base64
import os
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from paperclip.companies.secrets.keyring import MasterKey

SCHEME = "local_encrypted_v1"
_IV_BYTES = 12
_TAG_BYTES = 16


class Unreadable(Exception):
    """What is sealed cannot be opened: it was changed, moved from another row, or sealed with another key."""


def seal(text: str, *, key: MasterKey, company_id: UUID, secret_id: UUID, version: int) -> dict[str, Any]:
    """Return `text` sealed for one version of one secret, as JSON to be stored."""
    iv = os.urandom(_IV_BYTES)
    sealed = AESGCM(key.secret).encrypt(iv, text.encode(), _row(company_id, secret_id, version))
    return {
        "scheme": SCHEME,
        "iv": _text(iv),
        "ciphertext": _text(sealed[:-_TAG_BYTES]),
        "tag": _text(sealed[-_TAG_BYTES:]),
    }


def unseal(material: Any, *, key: MasterKey, company_id: UUID, secret_id: UUID, version: int) -> str:
    """Return what was sealed for that very row. Raises Unreadable."""
    try:
        if material["scheme"] != SCHEME:
            raise Unreadable("sealed in a way this version does not know")
        iv, ciphertext, tag = (base64.b64decode(material[name]) for name in ("iv", "ciphertext", "tag"))
        opened = AESGCM(key.secret).decrypt(iv, ciphertext + tag, _row(company_id, secret_id, version))
        return opened.decode()
    except (InvalidTag, KeyError, TypeError, ValueError) as error:
        raise Unreadable("what is stored cannot be opened") from error


def _row(company_id: UUID, secret_id: UUID, version: int) -> bytes:
    return f"{SCHEME}|{company_id}|{secret_id}|{version}".encode()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
