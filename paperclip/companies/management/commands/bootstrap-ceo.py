"""Print an invite that makes whoever follows it an instance admin."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from paperclip.companies import invite_texts, invites
from paperclip.core import clock


class Command(BaseCommand):
    help = "Print an invite, good once and for a day, that makes whoever follows it an instance admin."

    def handle(self, *args: Any, **options: Any) -> None:
        _, token = invites.create_bootstrap(now=clock.now())
        self.stdout.write(settings.PAPERCLIP_PUBLIC_URL + invite_texts.path(token))
