"""Agents whose timer is due (H-71): found in one look, together with whether they have anything to do.

A timer wake costs a run of the agent's program. An agent for whom there is nothing to do is therefore not woken but
counted (field note 12), unless it asks for that or leads: whoever leads looks for work. A refusal or a skip counts as
the interval's beat, so an agent is looked at once per interval and not at every tick.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection, transaction

from heartbeat import policy, skips, wakeups
from heartbeat.choices import RUN_LIVE, InvocationSource, TriggerDetail
from heartbeat.gates import Refused
from heartbeat.wakeups import Call
from paperclip.companies import actors
from paperclip.companies.choices import AGENT_NOT_INVOKABLE, AgentRole, CompanyStatus
from paperclip.companies.models import Agent
from paperclip.core import clock

log = logging.getLogger(__name__)

NOTHING_TO_DO = "heartbeat.nothing_to_do"
AT_MOST = 500
_ACTOR = actors.system("heartbeat_scheduler")
_IDLE = Refused(NOTHING_TO_DO, "The agent's timer was due, and there was nothing for it to do")


@dataclass(frozen=True)
class Pass:
    """What one pass did."""

    checked: int
    enqueued: int
    skipped: int
    idle: int = 0
    failed: int = 0


def wake_due(*, now: datetime) -> Pass:
    """Wake every agent whose interval has passed since its last run ended, or since it was made.

    An agent with a live timer run is left alone: the wake could only be laid onto it (beats HW-15). One agent that
    cannot be woken does not keep the others from their timer (beats HW-14).
    """
    due = _due(now)
    agents = Agent.objects.in_bulk([agent_id for agent_id, _ in due])
    idle = {
        agent_id: agents[agent_id]
        for agent_id, has_work in due
        if not (has_work or policy.of(agents[agent_id]).wake_when_idle)
    }
    enqueued = skipped = failed = 0
    for agent_id, _ in due:
        if agent_id in idle:
            continue
        woken = _wake(agents[agent_id], now=now)
        if woken is None:
            failed += 1
        elif woken:
            enqueued += 1
        else:
            skipped += 1
    skips.record_idle(idle, _IDLE, actor=_ACTOR, now=now)
    return Pass(len(due), enqueued, skipped + len(idle), len(idle), failed)


def _wake(agent: Agent, *, now: datetime) -> bool | None:
    """Wake one agent in a savepoint of its own; whether a run follows, None when it failed."""
    try:
        with transaction.atomic():
            outcome = wakeups.enqueue(
                agent_id=agent.pk,
                company_id=agent.company_id,
                call=Call(
                    source=InvocationSource.TIMER,
                    trigger_detail=TriggerDetail.SYSTEM,
                    reason="heartbeat_timer",
                    context={"source": "scheduler", "reason": "interval_elapsed", "now": clock.iso(now)},
                ),
                actor=_ACTOR,
                now=now,
            )
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("the timer of agent %s could not wake it", agent.pk)
        return None
    return outcome.run is not None


# Due: the timer is on, its interval has passed since the last run ended and since it was last turned away, and no
# timer run is live. To do: it leads, or has open work that waits for nobody, or something was said or decided for it
# since its last run. Intervals are numbers only, as the policy reads them.
_DUE = """
WITH timed AS MATERIALIZED (
  SELECT agent.id, agent.role, agent.reports_to_id, agent.last_heartbeat_at,
         coalesce(agent.last_heartbeat_at, agent.created_at) AS since,
         make_interval(secs => least(greatest((agent.runtime_config #>> '{heartbeat,intervalSec}')::numeric, 0.001),
                                     1000000000)::float8) AS beat
  FROM agents AS agent JOIN companies AS company ON company.id = agent.company_id
  WHERE agent.runtime_config #> '{heartbeat,enabled}' = 'true'::jsonb
    AND CASE WHEN jsonb_typeof(agent.runtime_config #> '{heartbeat,intervalSec}') = 'number'
             THEN (agent.runtime_config #>> '{heartbeat,intervalSec}')::numeric > 0 ELSE false END
    AND agent.status <> ALL(%(idle)s) AND company.status = %(active)s
)
SELECT timed.id,
  timed.role = %(leader)s OR timed.reports_to_id IS NULL
  OR EXISTS (
    SELECT FROM issues AS issue
    WHERE issue.assignee_agent_id = timed.id AND issue.status IN ('todo', 'in_progress')
      AND NOT EXISTS (SELECT FROM issue_relations AS link JOIN issues AS blocker ON blocker.id = link.issue_id
                      WHERE link.related_issue_id = issue.id AND blocker.status <> 'done'))
  OR EXISTS (
    SELECT FROM issues AS issue JOIN issue_comments AS word ON word.issue_id = issue.id
    WHERE issue.assignee_agent_id = timed.id AND issue.status NOT IN ('done', 'cancelled')
      AND word.created_at > timed.since AND word.author_agent_id IS DISTINCT FROM timed.id)
  OR EXISTS (
    SELECT FROM agent_wakeup_requests AS call
    WHERE call.agent_id = timed.id AND call.requested_at > timed.since - interval '1 hour'
      AND call.updated_at > timed.since AND call.reason = 'heartbeat.wakeOnDemand.disabled')
  OR EXISTS (
    SELECT FROM approvals AS approval
    WHERE approval.requested_by_agent_id = timed.id AND approval.decided_at > timed.since)
FROM timed
WHERE timed.since + timed.beat <= %(now)s
  AND NOT EXISTS (SELECT FROM heartbeat_runs AS run
                  WHERE run.agent_id = timed.id AND run.status = ANY(%(live)s) AND run.invocation_source = 'timer')
  AND NOT EXISTS (SELECT FROM agent_wakeup_requests AS call
                  WHERE call.agent_id = timed.id AND call.source = 'timer' AND call.status = 'skipped'
                    AND call.requested_at > %(now)s - timed.beat - interval '1 day'
                    AND call.updated_at > %(now)s - timed.beat)
ORDER BY timed.since + timed.beat, timed.id
LIMIT %(most)s
"""


def _due(now: datetime) -> Sequence[tuple[UUID, bool]]:
    """Return the agents whose timer is due, longest first, each with whether it has anything to do; one query."""
    words: dict[str, Any] = {
        "idle": [status.value for status in AGENT_NOT_INVOKABLE],
        "active": CompanyStatus.ACTIVE.value,
        "leader": AgentRole.CEO.value,
        "live": [status.value for status in RUN_LIVE],
        "now": now,
        "most": AT_MOST,
    }
    with connection.cursor() as cursor:
        cursor.execute(_DUE, words)
        rows: Sequence[tuple[UUID, bool]] = cursor.fetchall()
    return rows
