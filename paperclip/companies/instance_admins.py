"""Those who run the installation: who they are, and whom they let into which company (C-39)."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q

from paperclip.companies import members
from paperclip.companies.actors import Actor
from paperclip.companies.choices import MemberStatus, PrincipalType
from paperclip.companies.models import Company, Member, User
from paperclip.core.errors import Conflict, NotFound, Unprocessable

log = logging.getLogger(__name__)

MOST_SHOWN = 50
_LOCK = "instance-admins"


def find(user_id: UUID | None) -> User:
    """Return a person by id. Raises NotFound."""
    user = User.objects.filter(pk=user_id).first() if user_id else None
    if user is None:
        raise NotFound("User not found")
    return user


def search(text: str) -> list[User]:
    """Return people whose name or address holds `text`, the newest first, at most 50."""
    rows = User.objects.order_by("-date_joined", "id")
    for word in text.split()[:5]:
        rows = rows.filter(
            Q(username__icontains=word)
            | Q(email__icontains=word)
            | Q(first_name__icontains=word)
            | Q(last_name__icontains=word)
        )
    return list(rows[:MOST_SHOWN])


def places(users: Iterable[User]) -> dict[UUID, list[Member]]:
    """Return the memberships of people, archived ones left out, in one query."""
    found: dict[UUID, list[Member]] = {}
    rows = Member.objects.filter(
        principal_type=PrincipalType.USER, principal_id__in=[user.id for user in users]
    )
    for row in rows.exclude(status=MemberStatus.ARCHIVED).select_related("company").order_by("created_at"):
        found.setdefault(row.principal_id, []).append(row)
    return found


def set_companies(*, user: User, company_ids: Iterable[UUID], actor: Actor, now: datetime) -> None:
    """Let a person into exactly these companies. Raises Unprocessable for one there is not, Conflict for a
    company that would lose its last active owner.
    """
    wanted = set(company_ids)
    unknown = wanted - set(Company.objects.filter(pk__in=wanted).values_list("pk", flat=True))
    if unknown:
        raise Unprocessable(f"Unknown company: {min(unknown)}")
    members.set_companies(user=user, company_ids=wanted, actor=actor, now=now)


def promote(*, user: User, actor: Actor) -> User:
    """Make a person instance admin."""
    with transaction.atomic():
        if User.objects.filter(pk=user.pk, is_superuser=False).update(is_superuser=True, is_staff=True):
            log.info("user %s became instance admin by %s", user.pk, actor.id)
    return find(user.pk)


def demote(*, user: User, actor: Actor) -> User:
    """Make an instance admin a plain person. Raises Conflict for the last one who can sign in."""
    with transaction.atomic():
        # Two admins who demote each other must not both succeed.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", [_LOCK])
        others = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk)
        if not others.exists():
            raise Conflict("Cannot demote the last instance admin")
        if User.objects.filter(pk=user.pk, is_superuser=True).update(is_superuser=False):
            log.info("user %s is no longer instance admin, by %s", user.pk, actor.id)
    return find(user.pk)
