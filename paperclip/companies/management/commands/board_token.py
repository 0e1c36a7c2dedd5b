"""Print a token for the API in a person's name."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from paperclip.companies import actors, keys, signin
from paperclip.companies.models import User
from paperclip.core import clock


class Command(BaseCommand):
    help = "Print a new board API token. It is shown only now; the database keeps a hash of it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True, help="what the token is for, as its list will show it")
        parser.add_argument("--user", help="sign-in name of the person; the first person when left out")
        parser.add_argument(
            "--days", type=int, default=30, help="how long it lasts; 0 for as long as it is not revoked"
        )

    def handle(self, *args: Any, name: str, user: str | None, days: int, **options: Any) -> None:
        person = (
            signin.first_user()
            if user is None
            else User.objects.filter(username=user, is_active=True).first()
        )
        if person is None:
            raise CommandError(f"There is nobody who signs in as {user!r}")
        if not 0 <= days <= 36_500:
            raise CommandError("--days must be between 0 and 36500")
        now = clock.now()
        _, token = keys.create_board_token(
            user=person,
            name=name,
            actor=actors.for_user(person, source="command"),
            now=now,
            expires_at=now + timedelta(days=days) if days else None,
        )
        self.stdout.write(token)
