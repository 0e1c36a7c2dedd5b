"""Changing the master key: everything is sealed anew, in batches, while the product goes on (C-103).

1. the new key lies beside the old one, known to every process of this home;
2. from one moment on everything new is sealed with it: whoever seals holds the row of the key until it commits;
3. what the old key sealed is sealed anew, a batch per transaction;
4. when nothing is left, the old key is retired, and its file replaced by the new one.

A pass that is interrupted anywhere is taken up by the next one; both keys stay until the last step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction

from paperclip.companies.choices import SecretKeyStatus
from paperclip.companies.models import Secret, SecretMasterKey, SecretVersion
from paperclip.companies.secrets import keyring, resolving, store
from paperclip.companies.secrets.keyring import MasterKey
from paperclip.core import clock, locks
from paperclip.core.errors import Conflict

BATCH = 200
LOCK = "secrets.master_key"


@dataclass(frozen=True)
class Change:
    """What a change of keys came to; `resealed` counts the values sealed anew in this pass."""

    fingerprint: str
    resealed: int
    is_new: bool


def change(*, say: Callable[[str], None] = lambda text: None) -> Change:
    """Seal everything with a new master key, or finish what an earlier call began. Takes as long as that takes.

    The new key is that of the environment where one is set, else it is made. Raises Conflict when another process
    is at it, Unavailable when this host lacks a key that something is sealed with, KeyInvalid, OSError.
    """
    with locks.held(LOCK) as mine:
        if not mine:
            raise Conflict("Another process is changing the master key")
        key = _new_key()
        is_new = _seal_with(key, now=clock.now())
        resealed = 0
        while count := _reseal_some(key):
            resealed += count
            say(f"{resealed} values sealed with {key.fingerprint}")
        _retire_others(key, now=clock.now())
        _put_in_place(key)
        return Change(key.fingerprint, resealed, is_new)


def _new_key() -> MasterKey:
    key = keyring.configured()
    if key is not None:
        return key
    if keyring.current() is None and not settings.SECRETS_KEY_FILE.exists():
        return keyring.create_file(settings.SECRETS_KEY_FILE)
    return keyring.create_file(keyring.next_file())


def _seal_with(key: MasterKey, *, now: datetime) -> bool:
    """Make `key` the one that seals, unless it is already; whoever seals with the old one has committed then."""
    with transaction.atomic():
        current = SecretMasterKey.objects.select_for_update().filter(status=SecretKeyStatus.CURRENT).first()
        if current is not None and current.fingerprint == key.fingerprint:
            return False
        if current is not None:
            SecretMasterKey.objects.filter(pk=current.pk).update(status=SecretKeyStatus.RETIRING)
        SecretMasterKey.objects.update_or_create(
            fingerprint=key.fingerprint,
            defaults={"status": SecretKeyStatus.CURRENT, "retired_at": None},
            create_defaults={"status": SecretKeyStatus.CURRENT, "created_at": now},
        )
        return True


def _reseal_some(key: MasterKey) -> int:
    """Seal a batch anew; 0 when nothing is left."""
    with transaction.atomic():
        left = SecretVersion.objects.filter(sealed_with__isnull=False).exclude(sealed_with=key.fingerprint)
        ids = list(left.order_by("id").values_list("id", "secret_id")[:BATCH])
        # Secrets before their versions, as everybody locks them, so that none waits in a circle.
        owners = {secret_id for _, secret_id in ids}
        secrets = {
            row.pk: row
            for row in Secret.objects.select_for_update(no_key=True).filter(pk__in=owners).order_by("pk")
        }
        versions = SecretVersion.objects.filter(pk__in=[pk for pk, _ in ids], sealed_with__isnull=False)
        rows = list(versions.order_by("pk"))
        for row in rows:
            secret = secrets[row.secret_id]
            store.seal_into(row, secret, resolving.unsealed(row, secret), key=key)
        SecretVersion.objects.bulk_update(
            rows, ["material", "sealed_with", "value_sha256", "fingerprint_sha256"]
        )
        return len(ids)


def _retire_others(key: MasterKey, *, now: datetime) -> None:
    others = SecretMasterKey.objects.exclude(fingerprint=key.fingerprint)
    others.exclude(status=SecretKeyStatus.RETIRED).update(status=SecretKeyStatus.RETIRED, retired_at=now)


def _put_in_place(key: MasterKey) -> None:
    """Let the new key's file take the old one's place; a file the environment made needless stays as it is."""
    file = keyring.next_file()
    found = keyring.from_file(file)
    if found is None:
        return
    if found.fingerprint == key.fingerprint:
        file.replace(settings.SECRETS_KEY_FILE)
    else:  # an unfinished change to a made key, before the environment named another
        file.unlink()
    keyring.keep_folder(file.parent)
