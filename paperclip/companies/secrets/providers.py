"""Where secrets can lie, and whether each place can be used from here (C-102, K-38)."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from paperclip.companies.choices import ProviderConfigStatus, SecretProvider
from paperclip.companies.models import SecretProviderConfig, SecretVersion
from paperclip.companies.secrets import keyring

_UNREAD = (SecretProvider.AWS, SecretProvider.GCP)


@dataclass(frozen=True)
class Provider:
    """A place for secrets, and what it is good for here."""

    id: str
    label: str
    requires_external_ref: bool
    supports_managed_values: bool
    supports_external_references: bool
    is_readable: bool
    configured: bool


@dataclass(frozen=True)
class Health:
    """`status` is `ok`, `warn` or `error`; `message` says what to do."""

    provider: str
    status: str
    message: str


def known(company_id: UUID) -> list[Provider]:
    """Return every provider with what it can do for a company."""
    usable = set(_configs(company_id))
    return [
        Provider(
            id=provider.value,
            label=provider.label,
            requires_external_ref=provider != SecretProvider.LOCAL,
            supports_managed_values=provider == SecretProvider.LOCAL,
            supports_external_references=provider != SecretProvider.LOCAL,
            is_readable=provider not in _UNREAD,
            configured=provider == SecretProvider.LOCAL or provider.value in usable,
        )
        for provider in SecretProvider
    ]


def health(company_id: UUID) -> list[Health]:
    """Return how each provider stands for a company, without calling anybody."""
    configs = _configs(company_id)
    return [
        local_health(),
        *(_outside(provider, configs) for provider in SecretProvider if provider != SecretProvider.LOCAL),
    ]


def local_health() -> Health:
    """Return whether what is sealed here can be opened by this host, and how safe its key lies."""
    try:
        keys = keyring.known()
    except (keyring.KeyInvalid, OSError) as error:
        return _local("error", f"The master key cannot be read: {error}")
    sealed = SecretVersion.objects.filter(sealed_with__isnull=False).order_by("sealed_with")
    needed = {mark for mark in sealed.values_list("sealed_with", flat=True).distinct() if mark}
    current = keyring.current()
    missing = sorted((needed | ({current} if current else set())) - set(keys))
    if missing:
        return _local(
            "error",
            f"This host lacks the master key {', '.join(missing)}: give it the PAPERCLIP_SECRETS_MASTER_KEY or the"
            f" file {settings.SECRETS_KEY_FILE.name} that secrets were sealed with",
        )
    for file in (settings.SECRETS_KEY_FILE, keyring.next_file()):
        if keyring.open_to_others(file):
            return _local("error", f"Others can read {file}; run chmod 600 on it")
    if (current is not None and needed - {current}) or keyring.next_file().exists():
        return _local(
            "warn", "A change of the master key is unfinished; run manage.py rotate_secrets_key again"
        )
    if current is None:
        return _local("ok", "Nothing is sealed yet; a master key is made with the first secret")
    where = "the environment" if settings.SECRETS_MASTER_KEY else "a file of its own"
    return _local("ok", f"Sealed with {current}, whose key comes from {where}")


def _local(status: str, message: str) -> Health:
    return Health(SecretProvider.LOCAL, status, message)


def _outside(provider: SecretProvider, configs: dict[str, list[SecretProviderConfig]]) -> Health:
    if provider in _UNREAD:
        return Health(
            provider, "warn", f"{provider.label} cannot be read from here; references to it are kept"
        )
    mine = configs.get(provider.value, [])
    if not mine:
        return Health(provider, "warn", f"No {provider.label} is set up")
    troubled = [each for each in mine if each.status == ProviderConfigStatus.WARNING]
    if troubled:
        return Health(provider, "error", f"{troubled[0].display_name}: {troubled[0].health_message}")
    return Health(provider, "ok", ", ".join(each.display_name for each in mine))


def _configs(company_id: UUID) -> dict[str, list[SecretProviderConfig]]:
    rows = SecretProviderConfig.objects.filter(company_id=company_id).order_by("created_at")
    found: dict[str, list[SecretProviderConfig]] = {}
    for row in rows.exclude(status=ProviderConfigStatus.DISABLED):
        found.setdefault(row.provider, []).append(row)
    return found
