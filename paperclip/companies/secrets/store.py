"""Secrets: kept, replaced by newer values, switched off, destroyed (C-101, C-102).

State of a secret:

    (new) -> active <-> disabled <-> archived     runs that need one that is not active fail
    any -> deleted, for good: its values are destroyed, the row stays for the record

State of a version: current -> previous when a newer one comes -> destroyed. A version other than the current one is
given only to who asks for it by its number.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import IntegrityError, transaction

from paperclip.companies import activity
from paperclip.companies.actors import Actor
from paperclip.companies.choices import (
    ProviderConfigStatus,
    SecretMode,
    SecretProvider,
    SecretStatus,
    SecretVersionStatus,
)
from paperclip.companies.models import Secret, SecretBinding, SecretProviderConfig, SecretVersion
from paperclip.companies.secrets import keyring, sealing
from paperclip.companies.secrets.keyring import MasterKey
from paperclip.core import naming
from paperclip.core.errors import Conflict, Invalid, NotFound, Unprocessable

KEY_CHARS = 120
VALUE_BYTES = 64 * 1024  # the environment of a program takes 128 KiB per variable
_KEY = re.compile(r"[a-zA-Z0-9_.-]+")
_PLAIN = ("name", "description", "provider_metadata")
_SWITCHED = (SecretStatus.ACTIVE, SecretStatus.DISABLED, SecretStatus.ARCHIVED)
_TAKEN = {
    "secret_key_once_per_company": "A secret with the key '{key}' exists already",
    "secret_name_once_per_company": "A secret named '{name}' exists already",
}


def create(*, company_id: UUID, fields: Mapping[str, Any], actor: Actor, now: datetime) -> Secret:
    """Keep a new secret; `fields` by column name, with `value` and `provider_version_ref` of its first version.

    One that is managed here needs `value`; one that lies elsewhere needs `external_ref`, and is fetched when a run
    needs it. Without a `key` it gets one made of its name. Raises Invalid, Unprocessable, Conflict for a name or key
    that is taken, Unavailable when there is no master key to seal with.
    """
    mode = fields.get("managed_mode") or SecretMode.MANAGED
    _require_one_source(fields, mode)
    provider = fields.get("provider") or _default_provider(mode)
    _require_provider(provider, mode)
    secret = Secret(
        id=uuid4(),
        company_id=company_id,
        key=normalized_key(fields.get("key") or naming.slug(fields["name"])),
        provider=provider,
        managed_mode=mode,
        external_ref=fields.get("external_ref"),
        provider_config_id=_config_id(company_id, provider, fields.get("provider_config_id")),
        created_by_agent_id=actor.agent_id,
        created_by_user_id=actor.user_id,
        created_at=now,
        updated_at=now,
        **{name: fields.get(name) for name in _PLAIN},
    )
    with transaction.atomic():
        _save(secret)
        _add_version(secret, fields, actor, now)
        _log(secret, "secret.created", actor, now, {"provider": provider, "managedMode": mode})
        return secret


def update(*, secret: Secret, fields: Mapping[str, Any], actor: Actor, now: datetime) -> Secret:
    """Change what is said about a secret, or switch it; `fields` holds only what was sent. A value needs `rotate`.

    Raises as `create` does, NotFound for one that was deleted.
    """
    if fields.get("status") is not None and fields["status"] not in _SWITCHED:
        raise Unprocessable("status: a secret is deleted by DELETE")
    with transaction.atomic():
        row = _locked(secret)
        before = {name: getattr(row, name) for name in fields}
        for name in _PLAIN:
            if name in fields:
                setattr(row, name, fields[name])
        if fields.get("key") is not None:
            row.key = normalized_key(fields["key"])
        row.status = fields.get("status") or row.status
        _move_reference(row, fields)
        row.updated_at = now
        _save(row)
        changed = sorted(naming.camel(name) for name in before if getattr(row, name) != before[name])
        _log(row, "secret.updated", actor, now, {"changedKeys": changed, "status": row.status})
        return row


def rotate(*, secret: Secret, fields: Mapping[str, Any], actor: Actor, now: datetime) -> Secret:
    """Make a new version current; the one before it stays, for who asks for it by its number.

    `fields`: `value` for a secret kept here; `external_ref`, `provider_version_ref`, `provider_config_id` for one
    that lies elsewhere. Raises Invalid for what does not fit, Conflict for an archived secret, NotFound.
    """
    with transaction.atomic():
        row = _locked(secret)
        if row.status == SecretStatus.ARCHIVED:
            raise Conflict("An archived secret takes no new value; make it active first")
        if row.managed_mode == SecretMode.MANAGED:
            _require_one_source(fields, row.managed_mode)
        elif fields.get("value") is not None:
            raise Invalid.at("value", message="This secret lies elsewhere; its value is changed there")
        _move_reference(row, fields)
        SecretVersion.objects.filter(secret=row, status=SecretVersionStatus.CURRENT).update(
            status=SecretVersionStatus.PREVIOUS
        )
        row.latest_version += 1
        row.last_rotated_at = row.updated_at = now
        row.save(
            update_fields=[
                "latest_version", "last_rotated_at", "updated_at", "external_ref", "provider_config_id"
            ]
        )  # fmt: skip
        _add_version(row, fields, actor, now)
        _log(row, "secret.rotated", actor, now, {"version": row.latest_version})
        return row


def destroy_version(*, secret: Secret, version: int, actor: Actor, now: datetime) -> None:
    """Destroy an older value for good. Raises Conflict for the current one, and while somebody asks for it."""
    with transaction.atomic():
        row = _locked(secret)
        asked = SecretBinding.objects.filter(secret=row, version_selector=str(version))
        if version == row.latest_version or asked.exists():
            what = "the current one; rotate first" if version == row.latest_version else "bound by its number"
            raise Conflict(f"Version {version} is {what}")
        kept = SecretVersion.objects.filter(secret=row, version=version)
        if not kept.exclude(status=SecretVersionStatus.DESTROYED).update(**_destroyed(now)):
            raise NotFound("Secret version not found")
        _log(row, "secret.version_destroyed", actor, now, {"version": version})


def delete(*, secret: Secret, actor: Actor, now: datetime, even_if_used: bool = False) -> Secret:
    """Destroy all values of a secret for good. Raises Conflict while it is in use, unless told to all the same.

    What is bound to it stays bound, so that people see what will fail. Raises NotFound when it was deleted before.
    """
    with transaction.atomic():
        row = _locked(secret)
        uses = list(SecretBinding.objects.filter(secret=row).order_by("created_at")[:100])
        if uses and not even_if_used:
            raise Conflict(
                f"Secret is in use in {len(uses)} place{'s' if uses[1:] else ''}: take it out there first,"
                " or delete it with ?force=true",
                details={
                    "bindings": [
                        {
                            "targetType": use.target_type,
                            "targetId": use.target_id,
                            "configPath": use.config_path,
                        }
                        for use in uses
                    ]
                },
            )
        SecretVersion.objects.filter(secret=row).exclude(status=SecretVersionStatus.DESTROYED).update(
            **_destroyed(now)
        )
        row.status, row.deleted_at, row.updated_at = SecretStatus.DELETED, now, now
        row.save(update_fields=["status", "deleted_at", "updated_at"])
        _log(row, "secret.deleted", actor, now, {"uses": len(uses)})
        return row


def normalized_key(key: str) -> str:
    """Return a secret's key as it is kept. Raises Invalid."""
    if not _KEY.fullmatch(key):
        raise Invalid.at("key", message="A key is made of letters, digits, dots, dashes and underscores")
    if len(key) > KEY_CHARS:
        raise Invalid.at("key", message=f"A key has at most {KEY_CHARS} characters", code="too_big")
    return key.lower()


def require_value(value: str, *path: str) -> None:
    """Raise Invalid for a value that no program's environment can hold."""
    if "\0" in value:
        raise Invalid.at(*path, message="A value cannot hold the character NUL")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise Invalid.at(*path, message="A value is Unicode text") from None
    if not 1 <= size <= VALUE_BYTES:
        raise Invalid.at(*path, message=f"A value has 1 to {VALUE_BYTES} bytes")


def _require_one_source(fields: Mapping[str, Any], mode: str) -> None:
    value, reference = fields.get("value"), fields.get("external_ref")
    if mode == SecretMode.MANAGED:
        if reference is not None:
            raise Invalid.at("externalRef", message="A secret managed here has no externalRef")
        if value is None:
            raise Invalid.at("value", message="A secret managed here needs a value")
        require_value(value, "value")
        return
    if value is not None:
        raise Invalid.at("value", message="A secret that lies elsewhere takes no value")
    if not reference:
        raise Invalid.at("externalRef", message="A secret that lies elsewhere needs an externalRef")


def _default_provider(mode: str) -> str:
    wanted = settings.SECRETS_PROVIDER
    if mode == SecretMode.EXTERNAL and wanted in SecretProvider.values and wanted != SecretProvider.LOCAL:
        return str(wanted)
    return SecretProvider.LOCAL


def _require_provider(provider: str, mode: str) -> None:
    if mode == SecretMode.MANAGED and provider != SecretProvider.LOCAL:
        raise Unprocessable(
            f"provider: values are not written to {SecretProvider(provider).label}; put it there and link it"
            " with managedMode external_reference"
        )
    if mode == SecretMode.EXTERNAL and provider == SecretProvider.LOCAL:
        raise Unprocessable("provider: name where the secret lies; local_encrypted is here")


def _config_id(company_id: UUID, provider: str, config_id: UUID | None) -> UUID | None:
    if config_id is None:
        return None
    rows = SecretProviderConfig.objects.filter(company_id=company_id, provider=provider, pk=config_id)
    if not rows.exclude(status=ProviderConfigStatus.DISABLED).exists():
        raise Unprocessable("providerConfigId: no such vault of this provider in this company")
    return config_id


def _move_reference(row: Secret, fields: Mapping[str, Any]) -> None:
    """Point a secret that lies elsewhere to another place, if that was sent."""
    if fields.get("external_ref") is not None:
        if row.managed_mode == SecretMode.MANAGED:
            raise Invalid.at("externalRef", message="A secret managed here has no externalRef")
        row.external_ref = fields["external_ref"]
    if "provider_config_id" in fields:
        row.provider_config_id = _config_id(row.company_id, row.provider, fields["provider_config_id"])


def _add_version(secret: Secret, fields: Mapping[str, Any], actor: Actor, now: datetime) -> SecretVersion:
    version = SecretVersion(
        secret=secret,
        version=secret.latest_version,
        provider_version_ref=fields.get("provider_version_ref"),
        created_by_agent_id=actor.agent_id,
        created_by_user_id=actor.user_id,
        created_at=now,
    )
    if secret.managed_mode == SecretMode.MANAGED:
        seal_into(version, secret, fields["value"], key=keyring.sealing(now=now))
    else:
        named = f"{secret.provider}|{secret.external_ref}|{version.provider_version_ref}"
        version.fingerprint_sha256 = hashlib.sha256(named.encode()).hexdigest()
    version.save(force_insert=True)
    return version


def seal_into(version: SecretVersion, secret: Secret, value: str, *, key: MasterKey) -> None:
    """Put `value` into a version, sealed with `key`; the caller saves it."""
    version.material = sealing.seal(
        value, key=key, company_id=secret.company_id, secret_id=secret.pk, version=version.version
    )
    version.sealed_with = key.fingerprint
    # Keyed: a plain hash of a short value could be looked up.
    version.value_sha256 = version.fingerprint_sha256 = key.digest(value)


def _destroyed(now: datetime) -> dict[str, Any]:
    gone = dict.fromkeys(("material", "sealed_with", "value_sha256", "fingerprint_sha256"))
    return {**gone, "status": SecretVersionStatus.DESTROYED, "destroyed_at": now}


def _locked(secret: Secret) -> Secret:
    row = Secret.objects.select_for_update().filter(pk=secret.pk).exclude(status=SecretStatus.DELETED).first()
    if row is None:
        raise NotFound("Secret not found")
    return row


def _save(secret: Secret) -> None:
    try:
        with transaction.atomic():
            secret.save()
    except IntegrityError as error:
        taken = next((text for name, text in _TAKEN.items() if name in str(error)), None)
        if taken is None:
            raise
        raise Conflict(taken.format(key=secret.key, name=secret.name)) from error


def _log(secret: Secret, action: str, actor: Actor, now: datetime, details: Mapping[str, Any]) -> None:
    activity.record(
        company_id=secret.company_id,
        actor=actor,
        action=action,
        entity_type="secret",
        entity_id=secret.pk,
        details={"name": secret.name, "key": secret.key, **details},
        now=now,
    )
