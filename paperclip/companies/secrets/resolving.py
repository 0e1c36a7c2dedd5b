"""Turning references into values: for a run, a probe or a trigger, at the moment it needs them (A-37, C-103).

Every attempt leaves an access event, also one that fails. Values are returned and kept nowhere; what went wrong is
said with the secret's key, never with any of its value.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from paperclip.companies.actors import Actor
from paperclip.companies.choices import (
    AccessOutcome,
    ProviderConfigStatus,
    SecretMode,
    SecretProvider,
    SecretStatus,
    SecretVersionStatus,
)
from paperclip.companies.models import Secret, SecretAccess, SecretProviderConfig, SecretVersion
from paperclip.companies.secrets import keyring, sealing, vaults
from paperclip.companies.secrets.usage import LATEST
from paperclip.companies.secrets.vaults import NotFetched, Vault
from paperclip.core import naming
from paperclip.core.errors import Unavailable

_READABLE = (SecretVersionStatus.CURRENT, SecretVersionStatus.PREVIOUS)
_NOT_ACTIVE = {
    SecretStatus.DISABLED: ("secret_disabled", "it is disabled; enable it on the board"),
    SecretStatus.ARCHIVED: ("secret_archived", "it is archived; bring it back, or use another"),
    SecretStatus.DELETED: ("secret_deleted", "it was deleted; use another"),
}


class Unresolved(Exception):
    """Secrets that are needed cannot be had; the text names each and says why and what to do."""


@dataclass(frozen=True)
class Wanted:
    """One reference to resolve: for which target, where in its configuration, and the variable it fills."""

    target_type: str
    target_id: UUID
    config_path: str
    env_key: str
    secret_id: UUID
    selector: str


@dataclass(frozen=True)
class Occasion:
    """Who needs the values and for what; `bound` are the secrets that may be had there at all."""

    company_id: UUID
    actor: Actor
    bound: Collection[UUID]
    run_id: UUID | None = None
    issue_id: UUID | None = None


@dataclass(frozen=True, repr=False)
class Resolved:
    """Values by variable, and the manifest of A-37, which has none."""

    values: dict[str, str]
    manifest: list[dict[str, Any]]


@dataclass(frozen=True, repr=False)
class _Found:
    wanted: Wanted
    secret: Secret | None
    version: int | None
    value: str | None = None
    code: str | None = None
    reason: str = ""


class _Fault(Exception):
    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def resolve(wanted: Sequence[Wanted], *, occasion: Occasion, now: datetime) -> Resolved:
    """Return the values of `wanted`, having recorded each attempt. Raises Unresolved when any cannot be had.

    Must not be called in a transaction that the failure would undo: its record would go too.
    """
    if not wanted:
        return Resolved({}, [])
    ids = {each.secret_id for each in wanted}
    rows = Secret.objects.filter(company_id=occasion.company_id, pk__in=ids).select_related("provider_config")
    secrets = {row.pk: row for row in rows}
    versions = _versions(wanted)
    found = [_find(each, secrets.get(each.secret_id), versions, occasion) for each in wanted]
    _record(found, occasion, now)
    failed = [each for each in found if each.code is not None]
    if failed:
        raise Unresolved("; ".join(_sentence(each) for each in failed))
    return Resolved(
        values={each.wanted.env_key: each.value for each in found if each.value is not None},
        manifest=[_entry(each) for each in found],
    )


def reveal(*, secret: Secret, target_type: str, target_id: UUID, actor: Actor, now: datetime) -> str:
    """Return the current value of a secret for a trigger or a probe that is bound to it. Raises Unresolved."""
    wanted = Wanted(target_type, target_id, "", "value", secret.pk, LATEST)
    occasion = Occasion(secret.company_id, actor, bound={secret.pk})
    return resolve([wanted], occasion=occasion, now=now).values["value"]


def unsealed(version: SecretVersion, secret: Secret) -> str:
    """Return the value of a version that is kept here. Raises Unavailable, sealing.Unreadable."""
    for is_last in (False, True):
        try:
            key = keyring.key_of(version.sealed_with or "")
            break
        except Unavailable:
            # The keys may have been changed since the row was read: look at it once more.
            if is_last:
                raise
            version.refresh_from_db()
    return sealing.unseal(
        version.material,
        key=key,
        company_id=secret.company_id,
        secret_id=secret.pk,
        version=version.version,
    )


def vault_of(config: SecretProviderConfig) -> Vault:
    """Return the vault of a configuration, with the token that unlocks it. Raises NotFetched."""
    vaults.require_readable(config.provider)
    if config.status == ProviderConfigStatus.DISABLED:
        raise NotFetched(f"{config.display_name} is disabled")
    token_id = naming.as_field_uuid(str(config.config.get("tokenSecretId")))
    kept = Secret.objects.filter(
        company_id=config.company_id, status=SecretStatus.ACTIVE, managed_mode=SecretMode.MANAGED
    )
    holder = kept.filter(pk=token_id).first() if token_id is not None else None
    version = None
    if holder is not None:
        version = SecretVersion.objects.filter(secret=holder, status=SecretVersionStatus.CURRENT).first()
    if holder is None or version is None:
        raise NotFetched(f"the token of {config.display_name} is missing; name the secret that holds it")
    try:
        return vaults.of_config(config.config, unsealed(version, holder))
    except sealing.Unreadable as error:
        raise NotFetched(f"the token of {config.display_name}: {error}") from error


def _fetched(secret: Secret, version: SecretVersion) -> str:
    vaults.require_readable(secret.provider)
    config = secret.provider_config
    if config is None:
        rows = SecretProviderConfig.objects.filter(company_id=secret.company_id, provider=secret.provider)
        config = rows.filter(is_default=True).first()
    if config is None:
        raise NotFetched(f"no {SecretProvider(secret.provider).label} is set up for this company")
    return vault_of(config).read(secret.external_ref or "", version.provider_version_ref)


def _versions(wanted: Sequence[Wanted]) -> dict[tuple[UUID, str], SecretVersion]:
    """Return the version each reference means, in one query."""
    numbered = {int(each.selector) for each in wanted if each.selector != LATEST}
    rows = SecretVersion.objects.filter(secret_id__in={each.secret_id for each in wanted})
    rows = rows.filter(Q(status=SecretVersionStatus.CURRENT) | Q(version__in=numbered))
    versions: dict[tuple[UUID, str], SecretVersion] = {}
    for row in rows:
        versions[row.secret_id, str(row.version)] = row
        if row.status == SecretVersionStatus.CURRENT:
            versions[row.secret_id, LATEST] = row
    return versions


def _find(
    wanted: Wanted,
    secret: Secret | None,
    versions: dict[tuple[UUID, str], SecretVersion],
    occasion: Occasion,
) -> _Found:
    version = versions.get((wanted.secret_id, wanted.selector))
    number = version.version if version is not None else None
    try:
        value = _value(wanted, secret, version, occasion)
    except _Fault as fault:
        return _Found(wanted, secret, number, code=fault.code, reason=fault.reason)
    return _Found(wanted, secret, number, value=value)


def _value(wanted: Wanted, secret: Secret | None, version: SecretVersion | None, occasion: Occasion) -> str:
    if secret is None:
        raise _Fault("secret_not_found", "there is no such secret in this company")
    if wanted.secret_id not in occasion.bound:
        raise _Fault(
            "secret_not_bound", "it is not bound to this agent or its project; add it to their environment"
        )
    if secret.status != SecretStatus.ACTIVE:
        raise _Fault(*_NOT_ACTIVE[SecretStatus(secret.status)])
    if version is None or version.status not in _READABLE:
        raise _Fault("secret_version_missing", f"it has no version {wanted.selector} that can be read")
    try:
        if secret.managed_mode == SecretMode.EXTERNAL:
            return _fetched(secret, version)
        return unsealed(version, secret)
    except Unavailable as error:
        raise _Fault("secret_key_missing", error.message) from error
    except sealing.Unreadable as error:
        raise _Fault("secret_unreadable", f"{error}; give it its value anew") from error
    except NotFetched as error:
        raise _Fault("secret_provider_failed", str(error)) from error


def _record(found: Sequence[_Found], occasion: Occasion, now: datetime) -> None:
    events = [
        SecretAccess(
            company_id=occasion.company_id,
            secret=each.secret,
            version=each.version,
            provider=each.secret.provider,
            actor_type=occasion.actor.type,
            actor_id=occasion.actor.id,
            consumer_type=each.wanted.target_type,
            consumer_id=each.wanted.target_id,
            config_path=each.wanted.config_path,
            issue_id=occasion.issue_id,
            heartbeat_run_id=occasion.run_id,
            outcome=AccessOutcome.SUCCESS if each.code is None else AccessOutcome.FAILURE,
            error_code=each.code,
            created_at=now,
        )
        for each in found
        if each.secret is not None
    ]
    resolved = sorted({each.secret.pk for each in found if each.secret is not None and each.code is None})
    with transaction.atomic():
        SecretAccess.objects.bulk_create(events)
        # Locked in one order: two runs may need the same secrets at once.
        list(
            Secret.objects.select_for_update(no_key=True).filter(pk__in=resolved).order_by("pk").values("pk")
        )
        Secret.objects.filter(pk__in=resolved).update(last_resolved_at=now)


def _sentence(found: _Found) -> str:
    name = found.secret.key if found.secret is not None else str(found.wanted.secret_id)
    return f"Secret {name} for {found.wanted.env_key} cannot be had: {found.reason}"


def _entry(found: _Found) -> dict[str, Any]:
    assert found.secret is not None
    return {
        "configPath": found.wanted.config_path,
        "envKey": found.wanted.env_key,
        "secretId": str(found.secret.pk),
        "secretKey": found.secret.key,
        "version": found.version,
        "provider": found.secret.provider,
        "outcome": AccessOutcome.SUCCESS.value,
    }
