"""The attempts of one piece of work: a run, those it retries, and those that retry it."""

from __future__ import annotations

from django.db import connection

from heartbeat import words
from heartbeat.models import Run

_AT_MOST = 24
# What no list of runs loads: contexts, results and excerpts are wide.
WIDE = (
    "context_snapshot", "result_json", "stdout_excerpt", "stderr_excerpt", "log_ref", "log_sha256",
    "external_run_id",
)  # fmt: skip

_CHAIN = """
    WITH RECURSIVE before (id, retry_of_run_id, place) AS (
        SELECT id, retry_of_run_id, 0 FROM heartbeat_runs WHERE id = %(id)s
        UNION ALL
        SELECT r.id, r.retry_of_run_id, b.place - 1
        FROM heartbeat_runs r JOIN before b ON r.id = b.retry_of_run_id WHERE b.place > -%(most)s
    ), after (id, place) AS (
        SELECT %(id)s::uuid, 0
        UNION ALL
        SELECT r.id, a.place + 1
        FROM heartbeat_runs r JOIN after a ON r.retry_of_run_id = a.id WHERE a.place < %(most)s
    )
    SELECT id FROM (SELECT id, place FROM before UNION SELECT id, place FROM after) chain ORDER BY place
"""


def of(run: Run) -> list[Run]:
    """Return the attempts `run` belongs to, oldest first, in two queries; empty when it stands alone."""
    with connection.cursor() as cursor:
        cursor.execute(_CHAIN, {"id": run.pk, "most": _AT_MOST})
        ids = [row[0] for row in cursor.fetchall()]
    if len(ids) < 2:
        return []
    runs = {found.pk: found for found in Run.objects.filter(pk__in=ids).defer(*WIDE)}
    chain = [runs[run_id] for run_id in ids if run_id in runs]
    for attempt in chain:
        attempt.followup_line = words.followup(attempt)  # type: ignore[attr-defined]
    return chain
