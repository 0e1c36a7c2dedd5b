"""What a run left behind that can be counted: facts, not prose (H-105)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from heartbeat.choices import EventType
from heartbeat.models import Run
from issues import trail
from issues.choices import SYSTEM_DOCUMENT

# What happens to a run without its doing, is only the way to its work, or calls itself.
_NO_DEEDS = (
    *trail.UNHEARD,
    "heartbeat.invoked",
    "environment.lease_acquired",
    "environment.lease_released",
    "issue.checked_out",
    "issue.checkout_lock_adopted",
)
_COMMENTS_READ = 5
_COMMENT_CHARS = 4_000


@dataclass(frozen=True)
class Evidence:
    """Traces of one run. `words` are its newest comments on the issue, newest first and cut."""

    comment_id: UUID | None = None
    words: tuple[str, ...] = ()
    comments: int = 0
    revisions: int = 0
    products: int = 0
    deeds: int = 0
    events: int = 0
    latest_at: datetime | None = None

    @property
    def is_concrete(self) -> bool:
        """Whether anything but talk is there."""
        return bool(self.comments or self.revisions or self.products or self.deeds or self.events)

    def told(self) -> str:
        """Return the traces in a few words, empty when there are none."""
        counted = (
            (self.comments, "comment", "comments"),
            (self.revisions, "document revision", "document revisions"),
            (self.products, "work product", "work products"),
            (self.deeds, "recorded action", "recorded actions"),
            (self.events, "event of its own", "events of its own"),
        )
        return ", ".join(
            f"{number} {one if number == 1 else many}" for number, one, many in counted if number
        )


NOTHING = Evidence()

# Every part goes by an index on the run; the newest comments alone are read.
_TRACES = """
SELECT newest.ids[1], newest.words, comments.total, revisions.total, products.total, deeds.total, events.total,
       greatest(comments.latest, revisions.latest, products.latest, deeds.latest, events.latest)
FROM
  (SELECT count(*) AS total, max(created_at) AS latest FROM issue_comments
   WHERE created_by_run_id = %(run)s AND issue_id = %(issue)s) AS comments,
  (SELECT array_agg(id) AS ids, array_agg(body) AS words FROM
     (SELECT id, left(body, %(chars)s) AS body FROM issue_comments
      WHERE created_by_run_id = %(run)s AND issue_id = %(issue)s
      ORDER BY created_at DESC, number DESC LIMIT %(most)s) AS last) AS newest,
  (SELECT count(*) AS total, max(revision.created_at) AS latest
   FROM document_revisions AS revision JOIN issue_documents AS link ON link.document_id = revision.document_id
   WHERE revision.created_by_run_id = %(run)s AND link.key <> %(own)s) AS revisions,
  (SELECT count(*) AS total, max(updated_at) AS latest FROM issue_work_products
   WHERE created_by_run_id = %(run)s) AS products,
  (SELECT count(*) AS total, max(created_at) AS latest FROM activity_log
   WHERE run_id = %(run)s AND action <> ALL(%(no_deeds)s)) AS deeds,
  (SELECT count(*) AS total, max(created_at) AS latest FROM heartbeat_run_events
   WHERE run_id = %(run)s AND event_type <> ALL(%(plain)s)) AS events
"""
_NAMES: dict[str, Any] = {
    "chars": _COMMENT_CHARS,
    "most": _COMMENTS_READ,
    "own": SYSTEM_DOCUMENT,
    "no_deeds": list(_NO_DEEDS),
    "plain": [kind.value for kind in EventType],
}


def of(run: Run) -> Evidence:
    """Return what `run` left behind, in one query; nothing without an issue."""
    if run.issue_id is None:
        return NOTHING
    with connection.cursor() as cursor:
        cursor.execute(_TRACES, {**_NAMES, "run": run.pk, "issue": run.issue_id})
        comment_id, words, comments, revisions, products, deeds, events, latest = cursor.fetchone()
    return Evidence(comment_id, tuple(words or ()), comments, revisions, products, deeds, events, latest)
