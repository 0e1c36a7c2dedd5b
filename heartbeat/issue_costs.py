"""What an issue and everything below it used and cost (C-86)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

# Runs are looked for twice, each time by an index: those of the issues, and those whose doings touched them.
_SUM = """
WITH RECURSIVE tree (id) AS (
  SELECT %(root)s::uuid
  UNION
  SELECT child.id FROM tree JOIN issues AS child ON child.parent_id = tree.id WHERE child.hidden_at IS NULL
), wanted AS MATERIALIZED (
  SELECT id FROM tree WHERE id <> %(root)s::uuid OR NOT %(without_root)s
), worked AS (
  SELECT run.id FROM wanted JOIN heartbeat_runs AS run ON run.issue_id = wanted.id
  UNION
  SELECT entry.run_id FROM wanted JOIN activity_log AS entry
    ON entry.entity_type = 'issue' AND entry.entity_id = wanted.id::text AND entry.run_id IS NOT NULL
), time AS (
  SELECT count(*) AS runs,
         coalesce(sum(extract(epoch FROM coalesce(run.finished_at, %(now)s) - run.started_at)), 0) AS seconds
  FROM worked JOIN heartbeat_runs AS run ON run.id = worked.id
), money AS (
  SELECT coalesce(sum(cost.cost_cents), 0) AS cents, coalesce(sum(cost.input_tokens), 0) AS input,
         coalesce(sum(cost.cached_input_tokens), 0) AS cached, coalesce(sum(cost.output_tokens), 0) AS output
  FROM wanted JOIN cost_events AS cost ON cost.issue_id = wanted.id
)
SELECT (SELECT count(*) FROM wanted), cents, input, cached, output, runs, seconds FROM money, time
"""


def of_tree(issue_id: UUID, *, without_root: bool, now: datetime) -> dict[str, Any]:
    """Return the sums over an issue and the visible issues below it, by the names of C-86; time in milliseconds.

    A run counts once, however many costs it reported; one that is at work counts up to `now`.
    """
    values: dict[str, Any] = {"root": issue_id, "without_root": without_root, "now": now}
    with connection.cursor() as cursor:
        cursor.execute(_SUM, values)
        issues, cents, read, cached, written, runs, seconds = cursor.fetchone()
    return {
        "issueId": issue_id,
        "issueCount": issues,
        "includeDescendants": True,
        "costCents": int(cents),
        "inputTokens": int(read),
        "cachedInputTokens": int(cached),
        "outputTokens": int(written),
        "runCount": runs,
        "runtimeMs": round(seconds * 1000),
    }
