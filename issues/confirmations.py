"""Confirmations that outlive what they ask about: expired by a word of a person, or by a new revision (I-124).

Nobody is woken by that. What is still pending is decided by a conditional update: of an answer and an expiry at one
moment, one counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from issues import trail
from issues.choices import InteractionKind, InteractionStatus
from issues.models import Comment, Interaction, Issue, IssueDocument
from paperclip.companies.actors import Actor
from paperclip.core import naming
from paperclip.core.errors import Unprocessable

SUPERSEDED = "superseded_by_comment"
STALE = "stale_target"
DOCUMENT = "issue_document"


@dataclass(frozen=True)
class Revision:
    """The newest revision of a document that a confirmation may aim at."""

    document_id: UUID
    revision_id: UUID | None
    number: int


def supersede(*, issue: Issue, comment: Comment, actor: Actor, now: datetime) -> int:
    """Expire the confirmations of a locked `issue` that a person's word is to settle; how many there were."""
    rows = issue.interactions.filter(
        kind=InteractionKind.REQUEST_CONFIRMATION,
        status=InteractionStatus.PENDING,
        payload__supersedeOnUserComment=True,
    )
    result = {"outcome": SUPERSEDED, "commentId": str(comment.pk)}
    expired = [
        expire(row, issue, result, source="comment", actor=actor, now=now)
        for row in rows.order_by("created_at")
    ]
    return sum(expired)


def expire_stale(*, issue: Issue, key: str, actor: Actor, now: datetime) -> int:
    """Expire what waits for a yes to an older revision of a document of `issue`; how many there were.

    Called after the document was written or deleted, in its transaction. Confirmations of other issues may aim at it.
    """
    aims = Q(payload__target__issueId=str(issue.pk)) | Q(payload__target__issueId__isnull=True, issue=issue)
    rows = Interaction.objects.filter(
        aims,
        company_id=issue.company_id,
        kind=InteractionKind.REQUEST_CONFIRMATION,
        status=InteractionStatus.PENDING,
        payload__target__type=DOCUMENT,
        payload__target__key=key,
    )
    waiting = list(rows.select_related("issue").order_by("created_at"))
    now_is = current(issue.pk, key) if waiting else None
    return sum(expire_if_stale(row, now_is, source="document", actor=actor, now=now) for row in waiting)


def expire_if_stale(
    interaction: Interaction, now_is: Revision | None, *, source: str, actor: Actor, now: datetime
) -> bool:
    """Expire a confirmation whose target is not `now_is`; whether it was pending and is expired now (I-120).

    Its target is moved to the current revision, so that it can be asked again; a deleted document's is kept.
    """
    target = interaction.payload["target"]
    if now_is is not None and _aims_at(target, now_is):
        return False
    result = {"outcome": STALE, "staleTarget": target}
    if now_is is not None:
        moved = {**target, "documentId": str(now_is.document_id), "revisionId": str(now_is.revision_id)}
        moved["revisionNumber"] = now_is.number
        interaction.payload = {**interaction.payload, "target": moved}
    return expire(interaction, interaction.issue, result, source=source, actor=actor, now=now)


def expire(
    interaction: Interaction,
    issue: Issue,
    result: Mapping[str, Any],
    *,
    source: str,
    actor: Actor,
    now: datetime,
) -> bool:
    """Close a pending interaction that nobody answered, with its payload as it is now; False when it was closed."""
    if not close(interaction, InteractionStatus.EXPIRED, result, actor=actor, now=now):
        return False
    details = {
        **about(interaction),
        "identifier": issue.identifier,
        "source": source,
        "result": dict(result),
    }
    trail.record(issue, "issue.thread_interaction_expired", actor=actor, now=now, details=details)
    return True


def close(
    interaction: Interaction, status: str, result: Mapping[str, Any], *, actor: Actor, now: datetime
) -> bool:
    """Write the outcome of an interaction that is pending, in the database and in hand; False when it is not."""
    columns: dict[str, Any] = {
        "status": status,
        "result": dict(result),
        "payload": interaction.payload,
        "resolved_by_agent_id": actor.agent_id,
        "resolved_by_user_id": actor.user_id,
        "resolved_at": now,
        "updated_at": now,
    }
    pending = Interaction.objects.filter(pk=interaction.pk, status=InteractionStatus.PENDING)
    if not pending.update(**columns):
        return False
    for column, value in columns.items():
        setattr(interaction, column, value)
    return True


def current(issue_id: UUID, key: str) -> Revision | None:
    """Return the newest revision of a document, None when there is none. Its row stays locked against writers."""
    links = IssueDocument.objects.select_for_update(no_key=True, of=("document",)).select_related("document")
    link = links.filter(issue_id=issue_id, key=key).first()
    if link is None:
        return None
    document = link.document
    return Revision(document.pk, document.latest_revision_id, document.latest_revision_number)


def target_now(interaction: Interaction) -> Revision | None:
    """Return what the document a confirmation aims at says now."""
    target = interaction.payload["target"]
    issue_id = _issue_of(target) or interaction.issue_id
    is_ours = Issue.objects.filter(pk=issue_id, company_id=interaction.company_id).exists()
    return current(issue_id, target["key"]) if is_ours else None


def require_current(issue: Issue, target: Mapping[str, Any]) -> None:
    """Raise Unprocessable unless `target` names the newest revision of a document of the company (I-115)."""
    issue_id = _issue_of(target) or issue.pk
    is_ours = Issue.objects.filter(pk=issue_id, company_id=issue.company_id).exists()
    now_is = current(issue_id, target["key"]) if is_ours else None
    if now_is is None:
        raise Unprocessable("Confirmation target document not found", details={"key": target["key"]})
    if not _aims_at(target, now_is):
        raise Unprocessable(
            "Confirmation target must be the current document revision",
            details={"key": target["key"], "currentRevisionId": str(now_is.revision_id)},
        )


def has_document(interaction: Interaction) -> bool:
    """Whether a confirmation aims at a document."""
    target = interaction.payload.get("target")
    return isinstance(target, dict) and target.get("type") == DOCUMENT


def about(interaction: Interaction) -> dict[str, Any]:
    """Return what the log says of every interaction (I-157)."""
    return {
        "interactionId": interaction.pk,
        "interactionKind": interaction.kind,
        "interactionStatus": interaction.status,
    }


def _aims_at(target: Mapping[str, Any], now_is: Revision) -> bool:
    document_id = target.get("documentId")
    is_document = document_id is None or document_id == str(now_is.document_id)
    return is_document and bool(target["revisionId"] == str(now_is.revision_id))


def _issue_of(target: Mapping[str, Any]) -> UUID | None:
    issue_id = target.get("issueId")
    return naming.as_field_uuid(issue_id) if isinstance(issue_id, str) else None
