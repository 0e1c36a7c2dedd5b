"""Looking through the texts that were written before references between issues were kept (I-143).

Goes on from where it stopped, a batch at a time, and is over for good when the last issue was looked at: what is
written now is looked at as it is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from issues import references
from issues.choices import SYSTEM_DOCUMENT, ReferenceKind
from issues.models import Comment, Issue, IssueDocument, ReferenceScan
from issues.references import Place
from paperclip.core import locks

NAME = "issues.reference_scan"
BATCH = 200


@dataclass(frozen=True)
class Pass:
    """How many issues one pass looked through."""

    issues: int


def scan(*, now: datetime) -> Pass:
    """Look through the next issues by id; nothing when all were, or while another host is at it."""
    with locks.only_one(NAME) as mine:
        state = ReferenceScan.objects.filter(name=NAME).first() if mine else None
        if not mine or (state is not None and state.finished_at is not None):
            return Pass(0)
        after = state.after_id if state is not None else None
        rows = Issue.objects.select_for_update(no_key=True).order_by("id")
        rows = rows if after is None else rows.filter(pk__gt=after)
        batch = list(rows.only("id", "company_id", "title", "description", "identifier")[:BATCH])
        for issue in batch:
            _look_through(issue, now)
        ReferenceScan.objects.update_or_create(
            name=NAME,
            defaults={
                "after_id": batch[-1].pk if batch else after,
                "finished_at": None if len(batch) == BATCH else now,
            },
        )
        return Pass(len(batch))


def _look_through(issue: Issue, now: datetime) -> None:
    references.note_new(issue, now=now)
    comments = Comment.objects.filter(issue=issue).values_list("pk", "body")
    texts = {Place(ReferenceKind.COMMENT, pk): body for pk, body in comments.iterator()}
    links = IssueDocument.objects.filter(issue=issue).exclude(key=SYSTEM_DOCUMENT)
    for pk, key, body in links.values_list("document_id", "key", "document__latest_body"):
        texts[Place(ReferenceKind.DOCUMENT, pk, key)] = body
    texts = {place: body for place, body in texts.items() if references.named(body)}
    if texts:
        references.note(issue, texts, now=now)
