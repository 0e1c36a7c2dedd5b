"""Documents of an issue, every version kept (I-132 to I-134).

A write names the revision it was made from. The issue's row lock orders the writers, so of two that start
from the same revision one writes and the other is told what is there now.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction

from issues import checkout, confirmations, locks, references, trail
from issues.choices import SYSTEM_DOCUMENT, ReferenceKind
from issues.models import Document, DocumentRevision, Issue, IssueDocument
from paperclip.companies import auth
from paperclip.companies.actors import Actor
from paperclip.core.errors import BadRequest, Conflict, Forbidden, NotFound

MAX_BODY = 524_288
KEEP_TITLE = object()

_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Written:
    """What a write did."""

    key: str
    is_new: bool
    revision_number: int


def key_of(text: str) -> str:
    """Return the document key that a path names; BadRequest when it can be none (I-132)."""
    key = text.strip().lower()
    if not _KEY.fullmatch(key):
        raise BadRequest("Invalid document key")
    return key


def put(
    *,
    issue_id: UUID,
    key: str,
    body: str,
    actor: Actor,
    now: datetime,
    title: Any = KEEP_TITLE,
    change_summary: str | None = None,
    base_revision_id: UUID | None = None,
    overwrite: bool = False,
) -> Written:
    """Write a document (I-133). Without `title` the stored one stays.

    `base_revision_id` must be the latest revision of a document that exists and absent for a new one, else
    Conflict; `overwrite` is for the product's own documents. Raises NotFound, Unauthorized or Forbidden.
    """
    with transaction.atomic():
        issue = locks.issue(issue_id)
        _require_may_write(issue, key, actor, now)
        document = _find(issue, key)
        if not overwrite:
            _require_base(document, key, base_revision_id)
        if document is None:
            document = _create(
                issue, key, title=None if title is KEEP_TITLE else title, body=body, actor=actor, now=now
            )
            number, action = 1, "issue.document_created"
        else:
            number, action = document.latest_revision_number + 1, "issue.document_updated"
            document.title = document.title if title is KEEP_TITLE else title
            document.latest_body = body
        _revise(issue, document, number, change_summary, actor, now)
        confirmations.expire_stale(issue=issue, key=key, actor=actor, now=now)
        details = _about(document, key) | references.note_document(issue, document, key, now=now)
        trail.record(issue, action, actor=actor, now=now, details=details)
        trail.touch(issue, now=now)
    return Written(key, number == 1, number)


def keep(*, issue: Issue, key: str, title: str, body: str, run_id: UUID | None, now: datetime) -> None:
    """Rewrite a document of the product's own on a locked `issue`, in one statement and without an entry in the log.

    Nothing happens when it says the same already. Of its revisions the newest is kept, and those people wrote.
    """
    names: dict[str, Any] = {
        "company": issue.company_id,
        "issue": issue.pk,
        "key": key,
        "title": title,
        "body": body,
        "run": run_id,
        "now": now,
        "document": uuid4(),
        "link": uuid4(),
        "revision": uuid4(),
    }
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, names)


_KEEP = """
WITH known AS (
  SELECT document.id, document.latest_body = %(body)s AS is_same
  FROM issue_documents AS link JOIN documents AS document ON document.id = link.document_id
  WHERE link.company_id = %(company)s AND link.issue_id = %(issue)s AND link.key = %(key)s
), changed AS (
  UPDATE documents AS document SET title = %(title)s, latest_body = %(body)s, latest_revision_id = %(revision)s,
    latest_revision_number = latest_revision_number + 1, updated_by_agent_id = NULL, updated_by_user_id = NULL,
    updated_at = %(now)s
  FROM known WHERE document.id = known.id AND NOT known.is_same
  RETURNING document.id, latest_revision_number
), made AS (
  INSERT INTO documents (id, company_id, title, format, latest_body, latest_revision_id, latest_revision_number,
    created_at, updated_at)
  SELECT %(document)s, %(company)s, %(title)s, 'markdown', %(body)s, %(revision)s, 1, %(now)s, %(now)s
  WHERE NOT EXISTS (SELECT FROM known)
  RETURNING id, latest_revision_number
), linked AS (
  INSERT INTO issue_documents (id, company_id, issue_id, document_id, key, created_at, updated_at)
  SELECT %(link)s, %(company)s, %(issue)s, made.id, %(key)s, %(now)s, %(now)s FROM made
), told AS (
  UPDATE issue_documents AS link SET updated_at = %(now)s FROM changed WHERE link.document_id = changed.id
), gone AS (
  DELETE FROM document_revisions AS old USING changed
  WHERE old.document_id = changed.id AND old.created_by_user_id IS NULL
)
INSERT INTO document_revisions (id, company_id, document_id, revision_number, title, format, body, created_by_run_id,
  created_at)
SELECT %(revision)s, %(company)s, now_is.id, now_is.latest_revision_number, %(title)s, 'markdown', %(body)s, %(run)s,
  %(now)s
FROM (SELECT * FROM changed UNION ALL SELECT * FROM made) AS now_is
"""


def restore(*, issue_id: UUID, key: str, revision_id: UUID, actor: Actor, now: datetime) -> Written:
    """Make an older revision the newest again, as a new one (I-134). Raises NotFound, or Conflict for the
    latest.
    """
    with transaction.atomic():
        issue = locks.issue(issue_id)
        _require_may_write(issue, key, actor, now)
        document = _require_document(issue, key)
        revision = DocumentRevision.objects.filter(pk=revision_id, document=document).first()
        if revision is None:
            raise NotFound("Document revision not found")
        if revision.pk == document.latest_revision_id:
            raise Conflict("Revision is already the latest", details=_latest(document))
        document.title, document.format, document.latest_body = revision.title, revision.format, revision.body
        summary = f"Restored from revision {revision.revision_number}"
        number = document.latest_revision_number + 1
        _revise(issue, document, number, summary, actor, now)
        confirmations.expire_stale(issue=issue, key=key, actor=actor, now=now)
        details = _about(document, key) | {
            "restoredFromRevisionId": revision.pk,
            "restoredFromRevisionNumber": revision.revision_number,
        }
        details |= references.note_document(issue, document, key, now=now)
        trail.record(issue, "issue.document_restored", actor=actor, now=now, details=details)
        trail.touch(issue, now=now)
    return Written(key, False, number)


def delete(*, issue_id: UUID, key: str, actor: Actor, now: datetime) -> None:
    """Delete a document with all its revisions. Raises Forbidden unless a person asks, or NotFound."""
    auth.require_board(actor)
    with transaction.atomic():
        issue = locks.issue(issue_id)
        document = _require_document(issue, key)
        details = {"key": key, "documentId": document.pk, "title": document.title}
        details |= references.forget(issue, ReferenceKind.DOCUMENT, document.pk, now=now)
        trail.record(issue, "issue.document_deleted", actor=actor, now=now, details=details)
        trail.touch(issue, now=now)
        Document.objects.filter(pk=document.pk).delete()
        confirmations.expire_stale(issue=issue, key=key, actor=actor, now=now)


def _require_may_write(issue: Issue, key: str, actor: Actor, now: datetime) -> None:
    checkout.require_ownership(issue=issue, actor=actor, now=now)
    if key == SYSTEM_DOCUMENT and actor.is_agent:
        raise Forbidden(f"The document '{SYSTEM_DOCUMENT}' is kept by the system")


def _find(issue: Issue, key: str) -> Document | None:
    return Document.objects.filter(issue_link__issue=issue, issue_link__key=key).first()


def _require_document(issue: Issue, key: str) -> Document:
    document = _find(issue, key)
    if document is None:
        raise NotFound("Document not found")
    return document


def _require_base(document: Document | None, key: str, base_revision_id: UUID | None) -> None:
    if document is None:
        if base_revision_id is not None:
            raise Conflict("Document does not exist yet", details={"key": key})
        return
    if base_revision_id is None:
        raise Conflict("Document update requires baseRevisionId", details=_latest(document))
    if base_revision_id != document.latest_revision_id:
        raise Conflict("Document was updated by someone else", details=_latest(document))


def _latest(document: Document) -> dict[str, Any]:
    return {
        "currentRevisionId": document.latest_revision_id,
        "currentRevisionNumber": document.latest_revision_number,
    }


def _create(issue: Issue, key: str, *, title: str | None, body: str, actor: Actor, now: datetime) -> Document:
    document = Document.objects.create(
        company_id=issue.company_id,
        title=title,
        latest_body=body,
        created_by_agent_id=actor.agent_id,
        created_by_user_id=actor.user_id,
        created_at=now,
        updated_at=now,
    )
    IssueDocument.objects.create(
        company_id=issue.company_id, issue=issue, document=document, key=key, created_at=now, updated_at=now
    )
    return document


def _revise(
    issue: Issue, document: Document, number: int, summary: str | None, actor: Actor, now: datetime
) -> None:
    """Store what the document says now as its newest revision."""
    revision_id = uuid4()
    DocumentRevision.objects.create(
        id=revision_id,
        company_id=issue.company_id,
        document=document,
        revision_number=number,
        title=document.title,
        format=document.format,
        body=document.latest_body,
        change_summary=summary,
        created_by_agent_id=actor.agent_id,
        created_by_user_id=actor.user_id,
        created_by_run_id=actor.run_id,
        created_at=now,
    )
    document.latest_revision_id, document.latest_revision_number = revision_id, number
    document.updated_by_agent_id, document.updated_by_user_id, document.updated_at = (
        actor.agent_id,
        actor.user_id,
        now,
    )
    document.save(
        update_fields=[
            *("title", "format", "latest_body", "latest_revision_id", "latest_revision_number"),
            *("updated_by_agent", "updated_by_user", "updated_at"),
        ]
    )
    IssueDocument.objects.filter(document=document).update(updated_at=now)


def _about(document: Document, key: str) -> dict[str, Any]:
    return {
        "key": key,
        "documentId": document.pk,
        "title": document.title,
        "format": document.format,
        "revisionNumber": document.latest_revision_number,
    }
