from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from paperclip.companies.secrets import rekeying
from paperclip.companies.secrets.keyring import KeyInvalid
from paperclip.core.errors import Refusal


class Command(BaseCommand):
    help = (
        "Seal every company secret with a new master key while the product goes on. It may be interrupted, and goes"
        " on where it stopped when called again. With a key file a new key is made; with a key in the environment,"
        " set the new one as PAPERCLIP_SECRETS_MASTER_KEY and the old one as PAPERCLIP_SECRETS_PREVIOUS_KEY first."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            change = rekeying.change(say=self.stdout.write)
        except Refusal as refusal:
            raise CommandError(refusal.message) from refusal
        except KeyInvalid as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"The key file cannot be written: {error.strerror}") from error
        self.stdout.write(self._told(change))

    def _told(self, change: rekeying.Change) -> str:
        if not change.is_new and not change.resealed:
            hint = (
                " Set a new PAPERCLIP_SECRETS_MASTER_KEY to change it." if settings.SECRETS_MASTER_KEY else ""
            )
            return f"Everything is sealed with {change.fingerprint} already.{hint}"
        note = (
            "The old key is needed no more."
            if settings.SECRETS_MASTER_KEY
            else f"Back up {settings.SECRETS_KEY_FILE}, and give it to every other host."
        )
        return f"{change.resealed} values are sealed with {change.fingerprint} now. {note}"
