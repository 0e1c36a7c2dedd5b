"""System checks of this floor: the master key of secrets, as far as it can be judged without the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from paperclip.companies.choices import SecretProvider
from paperclip.companies.secrets import keyring


@register(Tags.security)
def check_master_key(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """A key that cannot be read would be noticed only when a run needs a secret."""
    try:
        keyring.known()
    except keyring.KeyInvalid as error:
        return [
            Error(
                f"{error}.",
                hint="Restore the key from a backup; without it what it sealed is lost.",
                id="paperclip.E012",
            )
        ]
    except OSError as error:
        return [
            Error(
                f"The master key of secrets cannot be read: {error.strerror}.",
                hint=f"Give this user the file {settings.SECRETS_KEY_FILE}.",
                id="paperclip.E012",
            )
        ]
    open_files = [
        file for file in (settings.SECRETS_KEY_FILE, keyring.next_file()) if keyring.open_to_others(file)
    ]
    return [
        Error(f"{file} can be read by others.", hint=f"Run chmod 600 {file}.", id="paperclip.E013")
        for file in open_files
    ]


@register(Tags.security)
def check_secrets_provider(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """A misspelt provider would be taken for none."""
    if settings.SECRETS_PROVIDER in SecretProvider.values:
        return []
    return [
        Warning(
            f"PAPERCLIP_SECRETS_PROVIDER={settings.SECRETS_PROVIDER} is unknown; local_encrypted is used.",
            hint=f"Choose one of {', '.join(SecretProvider.values)}.",
            id="paperclip.W014",
        )
    ]
