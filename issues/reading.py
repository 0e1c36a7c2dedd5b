"""What a person has read and put away (I-17, I-148 to I-150, I-192, I-193)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Greatest

from issues import trail
from issues.models import Comment, InboxArchive, Issue, ReadState
from paperclip.companies.actors import Actor
from paperclip.core import clock

# --- Marks -----------------------------------------------------------------------------------------------


def mark_read(*, issue: Issue, user_id: UUID, actor: Actor, now: datetime) -> ReadState:
    """Note that a person has read the issue up to now."""
    with transaction.atomic():
        state, _ = ReadState.objects.update_or_create(
            company_id=issue.company_id,
            issue=issue,
            user_id=user_id,
            defaults={"last_read_at": now, "updated_at": now},
            create_defaults={"last_read_at": now, "created_at": now, "updated_at": now},
        )
        details = {"userId": user_id, "lastReadAt": now}
        trail.record(issue, "issue.read_marked", actor=actor, now=now, details=details)
    return state


def unmark_read(*, issue: Issue, user_id: UUID, actor: Actor, now: datetime) -> bool:
    """Forget that a person has read the issue; whether there was anything to forget."""
    with transaction.atomic():
        removed, _ = ReadState.objects.filter(issue=issue, user_id=user_id).delete()
        trail.record(issue, "issue.read_unmarked", actor=actor, now=now, details={"userId": user_id})
    return bool(removed)


def archive(*, issue: Issue, user_id: UUID, actor: Actor, now: datetime) -> InboxArchive:
    """Put the issue out of a person's inbox until something happens on it."""
    with transaction.atomic():
        row, _ = InboxArchive.objects.update_or_create(
            company_id=issue.company_id,
            issue=issue,
            user_id=user_id,
            defaults={"archived_at": now, "updated_at": now},
            create_defaults={"archived_at": now, "created_at": now, "updated_at": now},
        )
        details = {"userId": user_id, "archivedAt": now}
        trail.record(issue, "issue.inbox_archived", actor=actor, now=now, details=details)
    return row


def unarchive(*, issue: Issue, user_id: UUID, actor: Actor, now: datetime) -> InboxArchive | None:
    """Put the issue back into a person's inbox and return the archive entry that is gone."""
    with transaction.atomic():
        row = InboxArchive.objects.select_for_update().filter(issue=issue, user_id=user_id).first()
        if row is not None:
            InboxArchive.objects.filter(pk=row.pk).delete()
        trail.record(issue, "issue.inbox_unarchived", actor=actor, now=now, details={"userId": user_id})
    return row


# --- Questions -------------------------------------------------------------------------------------------


def touched(rows: QuerySet[Issue], user_id: UUID) -> QuerySet[Issue]:
    """Return those of `rows` that a person made, has, has read or has written on (I-149)."""
    return rows.filter(
        Q(created_by_user_id=user_id)
        | Q(assignee_user_id=user_id)
        | Exists(ReadState.objects.filter(issue=OuterRef("pk"), user_id=user_id))
        | Exists(Comment.objects.filter(issue=OuterRef("pk"), author_user_id=user_id))
    )


def unread(rows: QuerySet[Issue], user_id: UUID) -> QuerySet[Issue]:
    """Return those of `rows` with another's comment that the person has not seen (I-149)."""
    newest = _foreign_comments(user_id).order_by("-created_at").values("created_at")[:1]
    rows = touched(rows, user_id).alias(said=Subquery(newest), touched_at=_last_touch(user_id))
    return rows.filter(Q(said__isnull=False) & (Q(touched_at__isnull=True) | Q(said__gt=F("touched_at"))))


def in_inbox(rows: QuerySet[Issue], user_id: UUID) -> QuerySet[Issue]:
    """Return those of `rows` that the person touched and has not put away since (I-150)."""
    put_away = InboxArchive.objects.filter(issue=OuterRef("pk"), user_id=user_id).values("archived_at")[:1]
    newest = _foreign_comments(user_id).order_by("-created_at").values("created_at")[:1]
    rows = touched(rows, user_id).alias(
        put_away=Subquery(put_away), said=Subquery(newest), touched_at=_last_touch(user_id)
    )
    changed = Q(touched_at__isnull=True) | Q(updated_at__gt=F("touched_at"))
    return rows.filter(
        Q(put_away__isnull=True) | Q(said__gt=F("put_away")) | (changed & Q(updated_at__gt=F("put_away")))
    )


def touches(issue_ids: Sequence[str], user_id: UUID) -> dict[str, dict[str, Any]]:
    """Return, by issue, when the person last touched it and whether there is news (I-147)."""
    foreign = ~Q(comments__author_user_id=user_id) | Q(comments__author_user_id__isnull=True)
    rows = (
        Issue.objects.filter(pk__in=issue_ids)
        .annotate(touched_at=_last_touch(user_id), said=Max("comments__created_at", filter=foreign))
        .values_list("pk", "touched_at", "said")
    )
    return {
        str(issue_id): {
            "myLastTouchAt": clock.iso(touched_at) if touched_at else None,
            "lastExternalCommentAt": clock.iso(said) if said else None,
            "isUnreadForMe": said is not None and (touched_at is None or said > touched_at),
        }
        for issue_id, touched_at, said in rows
    }


def _foreign_comments(user_id: UUID) -> QuerySet[Comment]:
    return Comment.objects.filter(issue=OuterRef("pk")).exclude(author_user_id=user_id)


def _last_touch(user_id: UUID) -> Any:
    """The person's own newest sign: a comment, a reading, or having made the issue (IW-37: not others'
    changes).
    """
    own = Comment.objects.filter(issue=OuterRef("pk"), author_user_id=user_id).order_by("-created_at")
    read = ReadState.objects.filter(issue=OuterRef("pk"), user_id=user_id)
    made = Issue.objects.filter(pk=OuterRef("pk"), created_by_user_id=user_id)
    # GREATEST of PostgreSQL passes over nulls.
    return Greatest(
        Subquery(own.values("created_at")[:1]),
        Subquery(read.values("last_read_at")[:1]),
        Subquery(made.values("created_at")[:1]),
    )
