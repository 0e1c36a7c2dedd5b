"""Print an address that signs a person in once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from paperclip.companies import signin
from paperclip.companies.models import User


class Command(BaseCommand):
    help = "Print an address that signs a person in, once and within half an hour."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", help="sign-in name of the person; the first person when left out")

    def handle(self, *args: Any, user: str | None, **options: Any) -> None:
        person = None if user is None else User.objects.filter(username=user, is_active=True).first()
        if user is not None and person is None:
            raise CommandError(f"There is nobody who signs in as {user!r}")
        self.stdout.write(signin.create_link(person))
