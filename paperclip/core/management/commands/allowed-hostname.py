"""Let web answer to a further host name."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from paperclip.core import hostnames

_NAME = re.compile(r"\.?[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?|\[[0-9a-f:.]+\]")


class Command(BaseCommand):
    help = "Let web answer to a host name, such as box.lan or .example.org (with subdomains). Restart web after it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("host", help="the name, without a port")

    def handle(self, *args: Any, host: str, **options: Any) -> None:
        name = hostnames.bracketed(host)
        if not _NAME.fullmatch(name):
            raise CommandError(f"{host!r} is no host name")
        path = settings.ALLOWED_HOSTNAMES_FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        known = path.read_text().split() if path.exists() else []
        if name not in known:
            with path.open("a") as file:
                file.write(f"{name}\n")
        self.stdout.write(f"{name} is allowed from the next start of web on.")
