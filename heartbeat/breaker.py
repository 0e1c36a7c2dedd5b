"""Calls that go round in circles without moving anything (field notes 8 and 9): seen, stopped, and told to the board.

A loop is a number of runs in a row of one agent on one issue, or without one, that nobody asked for and that brought
nothing new. New is a deed in the log, a comment or document that says what had not been said before, a status the
issue has not had lately. A word or change by a person, or by another agent, starts the count anew. Runs that were
cancelled, lost, or refused by their provider say nothing and do not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from heartbeat import stops, wakeups
from heartbeat.choices import FailureCategory, InvocationSource, RunStatus, TriggerDetail
from heartbeat.endings import PROCESS_LOST
from heartbeat.models import LoopStop, Run
from heartbeat.wakeups import Call, Outcome
from issues import comments, trail, wakes
from issues.choices import SYSTEM_DOCUMENT
from issues.models import Issue
from paperclip.companies import activity, actors
from paperclip.companies.actors import Actor
from paperclip.companies.models import Agent
from paperclip.core.errors import Conflict
from paperclip.governance import notices
from paperclip.governance.choices import NoticeKind

_ACTOR = actors.system("heartbeat_breaker")
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
    """One run of a possible loop: whether somebody asked for it, and what it brought."""

    asked_for: bool
    deeds: int
    said: tuple[str, ...]
    statuses: tuple[str, ...]


def look(run: Run, *, now: datetime) -> bool:
    """Stop the automatic calls of an ended run's agent on its issue if they go in circles; whether they are stopped.

    Called once at the end of a run, under the locks of its agent and issue; one query for a run that is no part of
    a loop.
    """
    if not _counts(run):
        return False
    limit = settings.LOOP_RUNS if run.issue_id is not None else settings.LOOP_RUNS_WITHOUT_ISSUE
    if not goes_in_circles(_steps(run, most=2 * limit), limit=limit):
        return False
    if not LoopStop.objects.filter(agent=run.agent, issue=run.issue_id, closed_at__isnull=True).exists():
        _open(run, limit, now=now)
    return True


def goes_in_circles(steps: list[Step], *, limit: int) -> bool:
    """Return whether the newest `limit` of `steps` (newest first) were asked for by nobody and brought nothing new."""
    if len(steps) < limit:
        return False
    known: set[str] = set()
    for step in reversed(steps[limit:]):
        known.update(step.said, step.statuses)
    for step in reversed(steps[:limit]):
        news = {*step.said, *step.statuses} - known
        if step.asked_for or step.deeds or news:
            return False
    return True


def clear(*, stop: LoopStop, actor: Actor, now: datetime) -> Outcome:
    """Let the agent go on because a person says so: end the stop and call the agent; return what became of the call.

    Raises Conflict when the stop has ended already.
    """
    with transaction.atomic():
        agent = Agent.objects.select_for_update(no_key=True).get(pk=stop.agent_id)
        if not stops.lift(
            agent=agent, issue_id=stop.issue_id, actor=actor, reason="A person let it go on", now=now
        ):
            raise Conflict("The agent is being called again already")
        entity = ("issue", stop.issue_id) if stop.issue_id is not None else ("agent", agent.pk)
        activity.record(
            company_id=stop.company_id,
            actor=actor,
            action=f"{entity[0]}.loop_cleared",
            entity_type=entity[0],
            entity_id=str(entity[1]),
            details={"agentId": agent.pk, "loopStopId": stop.pk},
            now=now,
        )
        named = {"issueId": str(stop.issue_id)} if stop.issue_id is not None else {}
        call = Call(
            source=InvocationSource.ON_DEMAND,
            trigger_detail=TriggerDetail.MANUAL,
            reason="loop_cleared",
            payload=named,
            context={"source": "heartbeat.loop_cleared", **named},
        )
        return wakeups.enqueue(agent_id=agent.pk, company_id=stop.company_id, call=call, actor=actor, now=now)


def _counts(run: Run) -> bool:
    """Whether the end of a run says anything about its work: not when it was stopped, lost or refused upstream."""
    refused = (run.result_json or {}).get("errorFamily") == "transient_upstream"
    limited = run.failure_category == FailureCategory.RATE_LIMIT
    return not (run.status == RunStatus.CANCELLED or run.error_code == PROCESS_LOST or refused or limited)


def _open(run: Run, runs: int, *, now: datetime) -> None:
    name = run.agent.name
    where = "on this issue" if run.issue_id is not None else "by its timer"
    reason = f"{name} was called {runs} times in a row {where} and brought nothing new"
    stop = LoopStop.objects.create(
        company_id=run.company_id,
        agent=run.agent,
        issue_id=run.issue_id,
        run=run,
        runs=runs,
        reason=reason,
        created_at=now,
        updated_at=now,
    )
    page = f"issues/issue/{run.issue_id}" if run.issue_id is not None else f"companies/agent/{run.agent_id}"
    notices.tell(
        company_id=run.company_id,
        kind=NoticeKind.LOOP_STOPPED,
        key=str(stop.pk),
        title=f"{name} goes in circles and was stopped",
        body=f"{reason}.",
        path=f"/admin/{page}/change/",
        now=now,
    )
    details = {"agentId": run.agent_id, "runId": run.pk, "runs": runs, "loopStopId": stop.pk}
    if run.issue_id is None:
        activity.record(
            company_id=run.company_id,
            actor=_ACTOR,
            action="agent.loop_stopped",
            entity_type="agent",
            entity_id=run.agent_id,
            details=details,
            now=now,
        )
        return
    issue = Issue.objects.select_for_update(no_key=True).get(pk=run.issue_id)
    text = (
        f"**{reason}.** It is no longer called by itself for this issue until a person has a say: write a comment,"
        " change the issue, or let it go on from the board."
    )
    said = comments.insert(
        issue=issue,
        body=text,
        actor=_ACTOR,
        now=now,
        presentation={"kind": "system_notice", "tone": "warning", "title": "Stopped going in circles"},
    )
    comments.record(issue, said, actor=_ACTOR, now=now, reopened_from=None, trace=wakes.NO_TRACE)
    trail.record(issue, "issue.loop_stopped", actor=_ACTOR, now=now, details=details)


# The newest runs of the agent on the issue (or without one) that count, each with who asked for it and what it
# brought. Input by others belongs to the run that came after it, or to the newest.
_STEPS = """
WITH newest AS (
  SELECT run.id, run.agent_id, run.issue_id, run.created_at, run.status, run.error_code, run.failure_category,
         run.followup_mechanism
  FROM heartbeat_runs AS run WHERE {scope} ORDER BY run.created_at DESC LIMIT %(look_back)s
), counted AS (
  SELECT newest.id, newest.created_at,
         lag(newest.created_at) OVER (ORDER BY newest.created_at) AS earlier,
         lead(newest.created_at) OVER (ORDER BY newest.created_at) AS later
  FROM newest
  WHERE newest.agent_id = %(agent)s AND newest.issue_id IS NOT DISTINCT FROM %(issue)s::uuid
    AND newest.status IN ('succeeded', 'failed', 'timed_out')
    AND newest.error_code IS DISTINCT FROM %(lost)s
    AND newest.failure_category IS DISTINCT FROM 'rate_limit'
    AND newest.followup_mechanism IS DISTINCT FROM 'scheduled_retry'
    AND newest.created_at > coalesce(
      (SELECT max(stop.closed_at) FROM loop_stops AS stop
       WHERE stop.agent_id = %(agent)s AND stop.issue_id IS NOT DISTINCT FROM %(issue)s::uuid), '-infinity')
  ORDER BY newest.created_at DESC LIMIT %(most)s
)
SELECT
  EXISTS (
    SELECT FROM agent_wakeup_requests AS call
    WHERE call.run_id = counted.id
      AND (call.requested_by_actor_type = 'user'
           OR call.requested_by_actor_type = 'agent' AND call.requested_by_actor_id <> %(agent)s::text))
  OR EXISTS (
    SELECT FROM activity_log AS input
    WHERE input.entity_type = %(entity)s AND input.entity_id = %(entity_id)s
      AND input.created_at > coalesce(counted.earlier, '-infinity')
      AND (input.created_at <= counted.created_at OR counted.later IS NULL)
      AND (input.actor_type = 'user' OR input.actor_type = 'agent' AND input.actor_id <> %(agent)s::text)
      AND input.action <> ALL(%(unheard)s)),
  (SELECT count(*) FROM activity_log AS deed
   WHERE deed.run_id = counted.id AND deed.actor_type = 'agent'
     AND CASE WHEN deed.action = 'issue.updated'
              THEN (coalesce(deed.details->'_previous', '{}') - 'status') <> '{}'::jsonb
              ELSE deed.action <> ALL(%(no_deed)s) END),
  ARRAY(SELECT md5(regexp_replace(word.body, %(passing)s, '', 'gi')) FROM issue_comments AS word
        WHERE word.created_by_run_id = counted.id)
  || ARRAY(SELECT md5(regexp_replace(text.body, %(passing)s, '', 'gi')) FROM document_revisions AS text
           JOIN issue_documents AS link ON link.document_id = text.document_id
           WHERE text.created_by_run_id = counted.id AND link.key <> %(own_document)s),
  ARRAY(SELECT moved.entity_id || ' ' || (moved.details->>'status') FROM activity_log AS moved
        WHERE moved.run_id = counted.id AND moved.actor_type = 'agent' AND moved.action = 'issue.updated'
          AND moved.details->'_previous' ? 'status' AND moved.details->>'status' IS NOT NULL)
FROM counted ORDER BY counted.created_at DESC
"""
_ON_ISSUE = _STEPS.replace("{scope}", "run.issue_id = %(issue)s")
_WITHOUT_ISSUE = _STEPS.replace("{scope}", "run.agent_id = %(agent)s")
# Times, ids and white space make no news of what was said before.
_PASSING = (
    r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?(Z|[+-]\d\d:?\d\d)?|\d{1,2}:\d\d(:\d\d)?"
    r"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\s+"
)


def _steps(run: Run, *, most: int) -> list[Step]:
    entity: tuple[str, UUID] = ("issue", run.issue_id) if run.issue_id else ("agent", run.agent_id)
    words: dict[str, Any] = {
        "agent": run.agent_id,
        "issue": run.issue_id,
        "lost": PROCESS_LOST,
        "entity": entity[0],
        "entity_id": str(entity[1]),
        "unheard": list(trail.UNHEARD),
        "no_deed": list(_NO_DEED),
        "passing": _PASSING,
        "own_document": SYSTEM_DOCUMENT,
        "look_back": _LOOK_BACK,
        "most": most,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ON_ISSUE if run.issue_id else _WITHOUT_ISSUE, words)
        return [
            Step(asked, deeds, tuple(said), tuple(moves)) for asked, deeds, said, moves in cursor.fetchall()
        ]
