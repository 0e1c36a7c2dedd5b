"""Taking the next run, under a token no other runner has (H-22, H-64 to H-70).

A claim is one short transaction: lock the agent, ask every gate again, then move the run from `queued` to
`running` by a conditional update. Runners on other hosts skip what is locked, so they never wait for each other.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection, transaction

from heartbeat import context as contexts
from heartbeat import drops, events, gates, policy, wakeups
from heartbeat.choices import RunStatus, WakeupStatus
from heartbeat.gates import Facts
from heartbeat.models import Run, Runner, WakeupRequest
from issues import blockers, checkout
from issues.choices import PRIORITY_ORDER
from issues.models import Issue
from paperclip.companies.choices import AGENT_NOT_INVOKABLE, AgentStatus
from paperclip.companies.models import Agent

_LOOK_AHEAD = 64
_WORDS: dict[str, Any] = {
    "idle": [status.value for status in AGENT_NOT_INVOKABLE],
    "priorities": list(PRIORITY_ORDER),
    "most": _LOOK_AHEAD,
}


def claim(*, runner: Runner, most: int, now: datetime) -> Iterator[Run]:
    """Yield up to `most` runs, each claimed for `runner` and committed before it is yielded.

    Runs that may not start are ended with their reason on the way; runs of an agent at its limit stay queued.
    """
    claimed = 0
    full: set[UUID] = set()
    for run_id, agent_id in _candidates():
        if claimed >= most:
            return
        if agent_id in full:
            continue
        run = _take(run_id, agent_id, runner=runner, now=now, full=full)
        if run is not None:
            claimed += 1
            yield run


# Work in progress first, then by priority and age (H-66). Written out, for every pass of every runner asks it.
_QUEUE = """
SELECT run.id, run.agent_id, agent.runtime_config::text,
       (SELECT count(*) FROM heartbeat_runs AS live WHERE live.agent_id = run.agent_id AND live.status = 'running')
FROM heartbeat_runs AS run
JOIN agents AS agent ON agent.id = run.agent_id
LEFT JOIN issues AS issue ON issue.id = run.issue_id
WHERE run.status = 'queued' AND agent.status <> ALL(%(idle)s::text[]) AND run.agent_id <> ALL(%(full)s::uuid[])
ORDER BY
  CASE WHEN issue.id IS NULL THEN 2
       WHEN EXISTS (SELECT FROM issue_relations AS link JOIN issues AS blocker ON blocker.id = link.issue_id
                    WHERE link.related_issue_id = issue.id AND blocker.status <> 'done') THEN 3
       WHEN issue.status = 'in_progress' THEN 0
       ELSE 1 END,
  array_position(%(priorities)s::text[], issue.priority::text), run.created_at, run.id
LIMIT %(most)s
"""


def _candidates() -> list[tuple[UUID, UUID]]:
    """Queued runs, with their agents, of agents that may run and are not at their limit (H-64), best first.

    Agents at their limit can fill the whole window; then it is moved past them.
    """
    full: set[UUID] = set()
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_QUEUE, {**_WORDS, "full": list(full)})
            rows = cursor.fetchall()
        at_limit = {agent_id for _, agent_id, config, live in rows if live >= _limit(config)}
        ready = [(run_id, agent_id) for run_id, agent_id, _, _ in rows if agent_id not in at_limit]
        if ready or len(rows) < _LOOK_AHEAD:
            return ready
        full |= at_limit


def _limit(runtime_config: str) -> int:
    return policy.read(orjson.loads(runtime_config)).max_concurrent_runs


@transaction.atomic
def _take(run_id: UUID, agent_id: UUID, *, runner: Runner, now: datetime, full: set[UUID]) -> Run | None:
    agent = (
        Agent.objects.select_for_update(no_key=True, of=("self",), skip_locked=True)
        .select_related("company")
        .filter(pk=agent_id)
        .first()
    )
    if agent is None:
        return None  # another runner or a person holds the agent; the run is looked at again at once
    if (
        Run.objects.filter(agent=agent, status=RunStatus.RUNNING).count()
        >= policy.of(agent).max_concurrent_runs
    ):
        full.add(agent_id)
        return None
    run = Run.objects.filter(pk=run_id, status=RunStatus.QUEUED).first()
    if run is None:
        return None
    issue = (
        Issue.objects.select_for_update(no_key=True, of=("self",))
        .select_related("project")
        .filter(pk=run.issue_id)
        .first()
        if run.issue_id
        else None
    )
    context = contexts.read(run.context_snapshot)
    facts = Facts(
        agent=agent,
        company=agent.company,
        context=context,
        source=run.invocation_source,
        issue=issue,
        project=issue.project if issue is not None else None,
        unresolved_blockers=blockers.readiness(issue.pk).unresolved_blocker_issue_ids
        if issue is not None
        else (),
    )
    refused = gates.at_claim(facts)
    if refused is not None:
        _drop(run, refused, issue, now=now)
        return None
    return _start(run, agent, issue, context, runner=runner, now=now)


def _start(
    run: Run,
    agent: Agent,
    issue: Issue | None,
    context: contexts.WakeContext,
    *,
    runner: Runner,
    now: datetime,
) -> Run | None:
    token = uuid.uuid4()
    if issue is not None:
        context = _with_issue(run, agent, issue, context, now=now)
    taken = Run.objects.filter(pk=run.pk, status=RunStatus.QUEUED).update(
        status=RunStatus.RUNNING,
        runner=runner,
        claim_token=token,
        started_at=now,
        updated_at=now,
        context_snapshot=context.to_json(),
    )
    if not taken:
        transaction.set_rollback(True)  # cancelled at this very moment: nothing of the claim may stand
        return None
    WakeupRequest.objects.filter(pk__in=[run.wakeup_request_id]).update(
        status=WakeupStatus.CLAIMED, claimed_at=now, updated_at=now
    )
    if agent.status != AgentStatus.RUNNING:
        Agent.objects.filter(pk=agent.pk, status=agent.status).update(
            status=AgentStatus.RUNNING, updated_at=now
        )
    events.append(run, "Run started", now=now, payload={"runner": runner.name})
    run.status, run.runner, run.claim_token, run.started_at = RunStatus.RUNNING, runner, token, now
    run.context_snapshot = context.to_json()
    run.agent, run.issue = agent, issue
    return run


def _with_issue(
    run: Run, agent: Agent, issue: Issue, context: contexts.WakeContext, *, now: datetime
) -> contexts.WakeContext:
    """Give the run its issue: checked out where it is the agent's to work on, else only the lock (H-22, H-74)."""
    if _checks_out(context):
        taken = checkout.take_for_run(issue_id=issue.pk, run_id=run.pk, agent=agent, now=now)
        context = context.with_more(paperclipHarnessCheckedOut=taken)
        if taken:
            issue.refresh_from_db(fields=["status", "checkout_run_id", "execution_run_id"])
            return context
    checkout.stamp_execution(issue_id=issue.pk, run_id=run.pk, agent=agent, now=now)
    return context


def _checks_out(context: contexts.WakeContext) -> bool:
    """Whether the run takes its issue out by itself: not when merely mentioned or asked to judge (H-74)."""
    reason = context.wake_reason
    return reason is not None and reason != "issue_comment_mentioned" and not reason.startswith("execution_")


def _drop(run: Run, refused: gates.Refused, issue: Issue | None, *, now: datetime) -> None:
    """End a run that may not start, and let wakes that waited behind it go on (beats HW-9)."""
    moot = refused.code in gates.MOOT
    drops.end(
        run,
        code=refused.code if moot else "cancelled",
        message=refused.message,
        now=now,
        request_status=WakeupStatus.SKIPPED if moot else WakeupStatus.CANCELLED,
        details=refused.details,
    )
    if issue is not None:
        wakeups.promote_deferred(issue_id=issue.pk, now=now)
