"""The vaults of a company: set up, tried, switched off; and what can be taken over from them (C-102)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from paperclip.companies import activity
from paperclip.companies.actors import Actor
from paperclip.companies.choices import ProviderConfigStatus, SecretMode, SecretProvider, SecretStatus
from paperclip.companies.models import Company, Secret, SecretProviderConfig
from paperclip.companies.secrets import resolving, store
from paperclip.companies.secrets.vaults import FIELD, NotFetched
from paperclip.core import naming, outbound, redaction
from paperclip.core.errors import Conflict, Invalid, Refusal, Unavailable, Unprocessable

MOST_CONFIGS = 50
MOST_NAMES = 500
_SETTINGS = ("address", "mount", "namespace", "tokenSecretId")
_NOT_IN_KEYS = re.compile(r"[^a-zA-Z0-9_.-]+")


@dataclass(frozen=True)
class Candidate:
    """A value outside that can be linked: where it lies, the key it would get, and the secret that has it already."""

    external_ref: str
    key: str
    name: str
    existing_secret_id: UUID | None


def create(
    *, company: Company, fields: Mapping[str, Any], actor: Actor, now: datetime
) -> SecretProviderConfig:
    """Set up a vault; `fields`: `provider`, `display_name`, `config`, `is_default`.

    `config` has `address`, and may have `mount` (`secret`), `namespace` and `tokenSecretId`: the secret of the
    company that holds the token. Credentials themselves are refused. Raises Invalid, Unprocessable, Conflict.
    """
    provider = fields["provider"]
    if provider == SecretProvider.LOCAL:
        raise Unprocessable("provider: values kept here need no vault")
    config = _checked(company.pk, provider, fields.get("config") or {})
    with transaction.atomic():
        Company.objects.select_for_update(no_key=True).get(pk=company.pk)
        rows = SecretProviderConfig.objects.filter(company=company)
        if rows.count() >= MOST_CONFIGS:
            raise Conflict(f"A company has at most {MOST_CONFIGS} vaults")
        is_first = not rows.filter(provider=provider, is_default=True).exists()
        row = SecretProviderConfig.objects.create(
            company=company,
            provider=provider,
            display_name=fields["display_name"],
            config=config,
            created_by_agent_id=actor.agent_id,
            created_by_user_id=actor.user_id,
            created_at=now,
            updated_at=now,
        )
        _log(row, "created", actor, now)
        if fields.get("is_default") or is_first:
            row = make_default(config=row, actor=actor, now=now)
        return row


def update(
    *, config: SecretProviderConfig, fields: Mapping[str, Any], actor: Actor, now: datetime
) -> SecretProviderConfig:
    """Change a vault's name or settings; one that is disabled is in use again then. Raises as `create` does."""
    values: dict[str, Any] = {"status": ProviderConfigStatus.READY, "disabled_at": None}
    if fields.get("display_name") is not None:
        values["display_name"] = fields["display_name"]
    if fields.get("config") is not None:
        values["config"] = _checked(config.company_id, config.provider, fields["config"])
    with transaction.atomic():
        SecretProviderConfig.objects.filter(pk=config.pk).update(**values, updated_at=now)
        config.refresh_from_db()
        _log(config, "updated", actor, now)
        return config


def disable(*, config: SecretProviderConfig, actor: Actor, now: datetime) -> SecretProviderConfig:
    """Switch a vault off; what lies there cannot be had until it is changed or replaced. May be repeated."""
    with transaction.atomic():
        rows = SecretProviderConfig.objects.filter(pk=config.pk).exclude(status=ProviderConfigStatus.DISABLED)
        changed = rows.update(
            status=ProviderConfigStatus.DISABLED, is_default=False, disabled_at=now, updated_at=now
        )
        config.refresh_from_db()
        if changed:
            _log(config, "disabled", actor, now)
        return config


def make_default(*, config: SecretProviderConfig, actor: Actor, now: datetime) -> SecretProviderConfig:
    """Let references that name no vault lead to this one. Raises Conflict when it is disabled."""
    with transaction.atomic():
        Company.objects.select_for_update(no_key=True).get(pk=config.company_id)
        others = SecretProviderConfig.objects.filter(company_id=config.company_id, provider=config.provider)
        others.filter(is_default=True).exclude(pk=config.pk).update(is_default=False, updated_at=now)
        mine = SecretProviderConfig.objects.filter(pk=config.pk).exclude(status=ProviderConfigStatus.DISABLED)
        if not mine.update(is_default=True, updated_at=now):
            raise Conflict("A disabled vault cannot be the default")
        config.refresh_from_db()
        _log(config, "default_set", actor, now)
        return config


def check_health(*, config: SecretProviderConfig, actor: Actor, now: datetime) -> SecretProviderConfig:
    """Ask a vault whether it answers and takes the token; keep what it said. Takes up to ten seconds."""
    said = None
    try:
        resolving.vault_of(config).check()
    except (NotFetched, Unavailable) as error:
        said = str(error)
    status = ProviderConfigStatus.WARNING if said else ProviderConfigStatus.READY
    with transaction.atomic():
        rows = SecretProviderConfig.objects.filter(pk=config.pk)
        rows.update(health_message=said, health_checked_at=now, updated_at=now)
        rows.exclude(status=ProviderConfigStatus.DISABLED).update(status=status)
        config.refresh_from_db()
        _log(config, "health_checked", actor, now)
        return config


def candidates(*, config: SecretProviderConfig, path: str, actor: Actor, now: datetime) -> list[Candidate]:
    """Return what lies under `path` of a vault, as it could be linked. Raises Unprocessable when it cannot be read."""
    try:
        names = resolving.vault_of(config).names(path)
    except NotFetched as error:
        raise Unprocessable(str(error)) from error
    found = [_candidate(f"{path.strip('/')}/{name}".strip("/")) for name in names if not name.endswith("/")]
    linked = dict(
        Secret.objects.filter(company_id=config.company_id, provider=config.provider)
        .exclude(status=SecretStatus.DELETED)
        .values_list("external_ref", "pk")
    )
    _log_import(config, "previewed", actor, now, {"path": path, "count": len(found)})
    return [
        Candidate(each.external_ref, each.key, each.name, linked.get(each.external_ref))
        for each in found[:MOST_NAMES]
    ]


def take_over(
    *, config: SecretProviderConfig, wanted: Sequence[Mapping[str, Any]], actor: Actor, now: datetime
) -> tuple[list[Secret], list[dict[str, str]]]:
    """Link values of a vault; `wanted` has `external_ref`, and may have `key` and `name`.

    Returns the secrets made, and for each that was not its reference and the reason.
    """
    made: list[Secret] = []
    refused: list[dict[str, str]] = []
    with transaction.atomic():
        for each in wanted:
            plain = _candidate(each["external_ref"])
            fields = {
                "name": each.get("name") or plain.name,
                "key": each.get("key") or plain.key,
                "provider": config.provider,
                "provider_config_id": config.pk,
                "managed_mode": SecretMode.EXTERNAL,
                "external_ref": plain.external_ref,
            }
            try:
                with transaction.atomic():
                    made.append(
                        store.create(company_id=config.company_id, fields=fields, actor=actor, now=now)
                    )
            except Refusal as refusal:
                refused.append({"externalRef": plain.external_ref, "reason": refusal.message})
        _log_import(config, "completed", actor, now, {"made": len(made), "refused": len(refused)})
    return made, refused


def _candidate(reference: str) -> Candidate:
    path, _, field = reference.partition("#")
    name = path.rpartition("/")[2] + (f" {field}" if field and field != FIELD else "")
    key = _NOT_IN_KEYS.sub("-", path.replace("/", ".") + (f".{field}" if field else ""))
    return Candidate(reference, key.strip(".-").lower()[: store.KEY_CHARS], name, None)


def _checked(company_id: UUID, provider: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a vault. Raises Invalid for credentials and for what is no setting."""
    if provider != SecretProvider.VAULT:
        if redaction.data(dict(config)) != dict(config):
            raise Invalid.at("config", message="Credentials are not kept here")
        return dict(config)
    unknown = sorted(set(config) - set(_SETTINGS))
    if unknown:
        raise Invalid.at(
            "config", unknown[0], message=f"Not a setting of a vault; known: {', '.join(_SETTINGS)}"
        )
    for name, value in config.items():
        if not isinstance(value, str) or len(value) > outbound.MAX_URL_CHARS or "\0" in value:
            raise Invalid.at("config", name, message="Expected string", code="invalid_type")
    try:
        outbound.check(config.get("address") or "")
    except outbound.Refused as error:
        raise Invalid.at("config", "address", message=str(error)) from error
    token_id = naming.as_field_uuid(config.get("tokenSecretId") or "")
    holders = Secret.objects.filter(company_id=company_id, managed_mode=SecretMode.MANAGED)
    if token_id is None or not holders.exclude(status=SecretStatus.DELETED).filter(pk=token_id).exists():
        raise Invalid.at(
            "config", "tokenSecretId", message="Name a secret kept here that holds the vault's token"
        )
    return dict(config)


def _log(config: SecretProviderConfig, verb: str, actor: Actor, now: datetime) -> None:
    activity.record(
        company_id=config.company_id,
        actor=actor,
        action=f"secret_provider_config.{verb}",
        entity_type="secret_provider_config",
        entity_id=config.pk,
        details={"name": config.display_name, "provider": config.provider, "status": config.status},
        now=now,
    )


def _log_import(
    config: SecretProviderConfig, verb: str, actor: Actor, now: datetime, details: Mapping[str, Any]
) -> None:
    activity.record(
        company_id=config.company_id,
        actor=actor,
        action=f"secret.remote_import.{verb}",
        entity_type="secret_provider_config",
        entity_id=config.pk,
        details={"name": config.display_name, **details},
        now=now,
    )
