"""What the newest runs of an issue brought, one by one, and whether they went in circles (field notes 8 and 9).

Two things are looked at: the runs of one agent, on an issue or without one, that nobody asked for; and all runs of an
issue, whoever made them, for agents who call each other to and fro. Alone, a new word is something new. Between
agents it is not: they never say the same twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from heartbeat.endings import PROCESS_LOST
from heartbeat.models import Run
from issues import trail
from issues.choices import SYSTEM_DOCUMENT

# How many of the newest runs are looked through for those that count.
_LOOK_BACK = 200
# In the log of a run, but not its doing, or judged by what they say.
_NO_DEED = (
    *trail.UNHEARD,
    "issue.checked_out",
    "issue.checkout_lock_adopted",
    "issue.released",
    "issue.comment_added",
    "issue.comment_cancelled",
    "issue.document_created",
    "issue.document_updated",
    "heartbeat.invoked",
    "environment.lease_acquired",
    "environment.lease_released",
)


@dataclass(frozen=True)
class Step:
    """One run of a possible circle: whether somebody asked for it, and what it brought.

    `asked_for` counts, of one agent's runs, the wish of anybody else; between agents only that of a person. `states`
    are the places the run moved issues to: a status, or into somebody's hands.
    """

    asked_for: bool
    deeds: int
    said: tuple[str, ...]
    states: tuple[str, ...]
    agent_id: UUID | None = None
    is_called_by_other: bool = False


def goes_in_circles(steps: Sequence[Step], *, limit: int) -> bool:
    """Return whether the newest `limit` of `steps` (newest first) were asked for by nobody and brought nothing new."""
    if len(steps) < limit:
        return False
    known: set[str] = set()
    for step in reversed(steps[limit:]):
        known.update(step.said, step.states)
    for step in reversed(steps[:limit]):
        news = {*step.said, *step.states} - known
        if step.asked_for or step.deeds or news:
            return False
    return True


def goes_to_and_fro(steps: Sequence[Step], *, limit: int) -> bool:
    """Return whether the newest `limit` of `steps` brought nothing new, and agents called each other for most of it.

    Work that only the product calls for, such as a planned look each day, may go on for ever.
    """
    called = sum(step.is_called_by_other for step in steps[:limit])
    return called * 2 >= limit and goes_in_circles(steps, limit=limit)


def of_agent(run: Run, *, most: int) -> list[Step]:
    """Return the newest `most` runs that count, of the agent of `run` and its issue, newest first; one query."""
    return list(_read(_OF_AGENT if run.issue_id else _WITHOUT_ISSUE, run, most))


def of_issue(run: Run, *, most: int) -> list[Step]:
    """Return the newest `most` runs that count of the issue of `run`, whoever made them, newest first; one query."""
    return list(_read(_OF_ISSUE, run, most))


# Input by others belongs to the run that came after it, or to the newest. Runs before the last stop ended are over
# and done with.
_STEPS = """
WITH newest AS (
  SELECT run.id, run.agent_id, run.issue_id, run.created_at, run.status, run.error_code, run.failure_category,
         run.followup_mechanism
  FROM heartbeat_runs AS run WHERE {scope} ORDER BY run.created_at DESC LIMIT %(look_back)s
), counted AS (
  SELECT newest.id, newest.agent_id, newest.created_at,
         lag(newest.created_at) OVER (ORDER BY newest.created_at) AS earlier,
         lead(newest.created_at) OVER (ORDER BY newest.created_at) AS later
  FROM newest
  WHERE {whose}
    AND newest.status IN ('succeeded', 'failed', 'timed_out')
    AND newest.error_code IS DISTINCT FROM %(lost)s
    AND newest.failure_category IS DISTINCT FROM 'rate_limit'
    AND newest.followup_mechanism IS DISTINCT FROM 'scheduled_retry'
    AND newest.created_at > coalesce((SELECT max(stop.closed_at) FROM loop_stops AS stop WHERE {stopped}), '-infinity')
  ORDER BY newest.created_at DESC LIMIT %(most)s
), asked AS MATERIALIZED (
  SELECT counted.*,
    EXISTS (SELECT FROM agent_wakeup_requests AS call
            WHERE call.run_id = counted.id AND call.requested_by_actor_type = 'user')
    OR EXISTS ({input} AND input.actor_type = 'user') AS by_person,
    EXISTS (SELECT FROM agent_wakeup_requests AS call
            WHERE call.run_id = counted.id AND call.requested_by_actor_type = 'agent'
              AND call.requested_by_actor_id <> counted.agent_id::text)
    OR EXISTS ({input} AND input.actor_type = 'agent' AND input.actor_id <> counted.agent_id::text) AS by_other
  FROM counted
)
SELECT {asked_for},
  (SELECT count(*) FROM activity_log AS deed
   WHERE deed.run_id = asked.id AND deed.actor_type = 'agent'
     AND CASE WHEN deed.action = 'issue.updated'
              THEN (coalesce(deed.details->'_previous', '{}') - %(states)s::text[]) <> '{}'::jsonb
              ELSE deed.action <> ALL(%(no_deed)s) END),
  {words}
  ARRAY(SELECT md5(regexp_replace(text.body, %(passing)s, '', 'gi')) FROM document_revisions AS text
        JOIN issue_documents AS link ON link.document_id = text.document_id
        WHERE text.created_by_run_id = asked.id AND link.key <> %(own_document)s),
  ARRAY(SELECT moved.entity_id || ' ' || state || ' ' || (moved.details->>state)
        FROM activity_log AS moved, unnest(%(states)s::text[]) AS state
        WHERE moved.run_id = asked.id AND moved.actor_type = 'agent' AND moved.action = 'issue.updated'
          AND moved.details->'_previous' ? state AND moved.details->>state IS NOT NULL),
  asked.agent_id, asked.by_other
FROM asked ORDER BY asked.created_at DESC
"""
_INPUT = """SELECT FROM activity_log AS input
            WHERE input.entity_type = %(entity)s AND input.entity_id = %(entity_id)s
              AND input.created_at > coalesce(counted.earlier, '-infinity')
              AND (input.created_at <= counted.created_at OR counted.later IS NULL)
              AND input.action <> ALL(%(unheard)s)"""
_WORDS = """ARRAY(SELECT md5(regexp_replace(word.body, %(passing)s, '', 'gi')) FROM issue_comments AS word
        WHERE word.created_by_run_id = asked.id) ||"""
# Times, ids and white space make no news of what was said before.
_PASSING = (
    r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?(Z|[+-]\d\d:?\d\d)?|\d{1,2}:\d\d(:\d\d)?"
    r"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\s+"
)


def _filled(**parts: str) -> str:
    text = _STEPS.replace("{input}", _INPUT)
    for name, part in parts.items():
        text = text.replace(f"{{{name}}}", part)
    return text


_ONE_AGENT = {
    "whose": "newest.agent_id = %(agent)s AND newest.issue_id IS NOT DISTINCT FROM %(issue)s::uuid",
    "stopped": "stop.agent_id = %(agent)s AND stop.issue_id IS NOT DISTINCT FROM %(issue)s::uuid",
    "asked_for": "asked.by_person OR asked.by_other",
    "words": _WORDS,
}
_OF_AGENT = _filled(scope="run.issue_id = %(issue)s", **_ONE_AGENT)
_WITHOUT_ISSUE = _filled(scope="run.agent_id = %(agent)s", **_ONE_AGENT)
_OF_ISSUE = _filled(
    scope="run.issue_id = %(issue)s",
    whose="true",
    stopped="stop.issue_id = %(issue)s AND stop.is_between_agents",
    asked_for="asked.by_person",
    words="",
)
_ALONE_STATES = ["status"]
_SHARED_STATES = ["status", "assigneeAgentId", "assigneeUserId"]


def _read(sql: str, run: Run, most: int) -> Iterator[Step]:
    with connection.cursor() as cursor:
        cursor.execute(sql, _parameters(run, most, _SHARED_STATES if sql is _OF_ISSUE else _ALONE_STATES))
        for asked_for, deeds, said, states, agent_id, by_other in cursor.fetchall():
            yield Step(asked_for, deeds, tuple(said), tuple(states), agent_id, by_other)


def _parameters(run: Run, most: int, states: list[str]) -> Mapping[str, Any]:
    entity: tuple[str, UUID] = ("issue", run.issue_id) if run.issue_id else ("agent", run.agent_id)
    return {
        "agent": run.agent_id,
        "issue": run.issue_id,
        "lost": PROCESS_LOST,
        "entity": entity[0],
        "entity_id": str(entity[1]),
        "unheard": list(trail.UNHEARD),
        "no_deed": list(_NO_DEED),
        "passing": _PASSING,
        "own_document": SYSTEM_DOCUMENT,
        "states": states,
        "look_back": _LOOK_BACK,
        "most": most,
    }
