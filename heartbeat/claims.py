"""Taking the next run, under a token no other runner has (H-22, H-64 to H-70).

A claim is one short transaction: lock the agent, ask every gate again, then move the run from `queued` to
`running` by a conditional update. Runners on other hosts skip what is locked, so they never wait for each other.

What refuses a run ends it; what makes it wait leaves it queued: its agent's limit, its company's limit or drain, its
provider's account.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection, transaction

from heartbeat import caps, drops, gates, policy, providers, wakeups
from heartbeat import context as contexts
from heartbeat.choices import RunStatus, WakeupStatus
from heartbeat.gates import Facts
from heartbeat.models import Run, Runner
from issues import checkout
from issues.choices import PRIORITY_ORDER
from issues.models import Issue
from paperclip.companies import activity, actors
from paperclip.companies.choices import AGENT_NOT_INVOKABLE
from paperclip.companies.models import Agent
from paperclip.core.api.rendering import dumps

_LOOK_AHEAD = 64
_ACTOR = actors.system("heartbeat_runner")
_WORDS: dict[str, Any] = {
    "idle": [status.value for status in AGENT_NOT_INVOKABLE],
    "priorities": list(PRIORITY_ORDER),
    "most": _LOOK_AHEAD,
}


@dataclass
class _Full:
    """Whose runs wait for now: agents and companies at their limit, or with a closed account."""

    agents: set[UUID] = field(default_factory=set)
    companies: set[UUID] = field(default_factory=set)


@dataclass(frozen=True)
class _Candidate:
    """A queued run that may start as far as a look without locks can tell.

    `has_shut_account`: some account of its company's providers does not take every call, perhaps not the run's.
    """

    run_id: UUID
    agent_id: UUID
    company_id: UUID
    has_company_cap: bool
    has_shut_account: bool


def claim(*, runner: Runner, most: int, now: datetime) -> Iterator[Run]:
    """Yield up to `most` runs, each claimed for `runner` and committed before it is yielded.

    Runs that may not start are ended with their reason on the way; those that must wait stay queued.
    """
    claimed = 0
    full = _Full()
    for candidate in _candidates(now):
        if claimed >= most:
            return
        if candidate.agent_id in full.agents or candidate.company_id in full.companies:
            continue
        run = _take(candidate, runner=runner, now=now, full=full)
        if run is not None:
            claimed += 1
            yield run


# Work in progress first, then by priority and age (H-66). Written out, for every pass of every runner asks it.
_QUEUE = """
SELECT run.id, run.agent_id, run.company_id, agent.runtime_config::text, company.max_concurrent_runs,
       (SELECT count(*) FROM heartbeat_runs AS live WHERE live.agent_id = run.agent_id AND live.status = 'running'),
       CASE WHEN company.max_concurrent_runs IS NULL THEN 0 ELSE
         (SELECT count(*) FROM heartbeat_runs AS live
          WHERE live.company_id = run.company_id AND live.status = 'running') END,
       EXISTS (SELECT FROM provider_gates AS gate WHERE gate.company_id = run.company_id AND gate.state <> 'open')
FROM heartbeat_runs AS run
JOIN agents AS agent ON agent.id = run.agent_id
JOIN companies AS company ON company.id = run.company_id
LEFT JOIN issues AS issue ON issue.id = run.issue_id
WHERE run.status = 'queued' AND agent.status <> ALL(%(idle)s::text[]) AND company.draining_since IS NULL
  AND run.agent_id <> ALL(%(agents)s::uuid[]) AND run.company_id <> ALL(%(companies)s::uuid[])
ORDER BY
  CASE WHEN issue.id IS NULL THEN 2
       WHEN EXISTS (SELECT FROM issue_relations AS link JOIN issues AS blocker ON blocker.id = link.issue_id
                    WHERE link.related_issue_id = issue.id AND blocker.status <> 'done') THEN 3
       WHEN issue.status = 'in_progress' THEN 0
       ELSE 1 END,
  array_position(%(priorities)s::text[], issue.priority::text), run.created_at, run.id
LIMIT %(most)s
"""


def _candidates(now: datetime) -> list[_Candidate]:
    """Queued runs of agents that may run and have room (H-64), best first.

    Those that must wait can fill the whole window; then it is moved past them.
    """
    full = _Full()
    while True:
        words = {**_WORDS, "agents": list(full.agents), "companies": list(full.companies)}
        with connection.cursor() as cursor:
            cursor.execute(_QUEUE, words)
            rows = cursor.fetchall()
        ready = []
        for run_id, agent_id, company_id, config, cap, agents_runs, companys_runs, has_shut_account in rows:
            if agents_runs >= _limit(config):
                full.agents.add(agent_id)
            elif cap is not None and companys_runs >= cap:
                full.companies.add(company_id)
            else:
                ready.append(_Candidate(run_id, agent_id, company_id, cap is not None, has_shut_account))
        waiting = _without_provider(ready, now)
        full.agents |= waiting
        ready = [candidate for candidate in ready if candidate.agent_id not in waiting]
        if ready or len(rows) < _LOOK_AHEAD:
            return ready


def _without_provider(candidates: Sequence[_Candidate], now: datetime) -> set[UUID]:
    """Return the agents whose provider's account takes no calls now; no query while all accounts do."""
    asked = {candidate.company_id for candidate in candidates if candidate.has_shut_account}
    shut = providers.shut_keys(asked, now=now) if asked else set()
    if not shut:
        return set()
    agents = Agent.objects.filter(pk__in={candidate.agent_id for candidate in candidates})
    found = agents.only("company_id", "adapter_type", "adapter_config")
    return {agent.pk for agent in found if (agent.company_id, providers.key_of(agent)) in shut}


def _limit(runtime_config: str) -> int:
    return policy.read(orjson.loads(runtime_config)).max_concurrent_runs


@transaction.atomic
def _take(candidate: _Candidate, *, runner: Runner, now: datetime, full: _Full) -> Run | None:
    if candidate.has_company_cap and not caps.has_room(candidate.company_id):
        full.companies.add(candidate.company_id)
        return None
    agent = (
        Agent.objects.select_for_update(no_key=True, of=("self",), skip_locked=True)
        .select_related("company")
        .filter(pk=candidate.agent_id)
        .first()
    )
    if agent is not None and agent.company.draining_since is not None:
        full.companies.add(candidate.company_id)
        return None
    if agent is None:
        return None  # another runner or a person holds the agent; the run is looked at again at once
    if (
        Run.objects.filter(agent=agent, status=RunStatus.RUNNING).count()
        >= policy.of(agent).max_concurrent_runs
    ):
        full.agents.add(agent.pk)
        return None
    run = (
        Run.objects.select_related("wakeup_request")
        .filter(pk=candidate.run_id, status=RunStatus.QUEUED)
        .first()
    )
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
    facts = gates.look(
        agent=agent,
        context=contexts.read(run.context_snapshot),
        source=run.invocation_source,
        issue=issue,
        requester=_requester(run),
        run=run,
        now=now,
    )
    refused = gates.at_claim(facts)
    if refused is not None:
        _drop(run, refused, facts, now=now)
        return None
    if not providers.admit(run=run, agent=agent, now=now):
        full.agents.add(agent.pk)
        return None
    context = gates.held_context(facts.context, facts.hold)
    return _start(run, agent, issue, context, runner=runner, now=now)


def _requester(run: Run) -> gates.Requester:
    request = run.wakeup_request
    if request is None:
        return gates.NOBODY
    return request.requested_by_actor_type, request.requested_by_actor_id


def _start(
    run: Run,
    agent: Agent,
    issue: Issue | None,
    context: contexts.WakeContext,
    *,
    runner: Runner,
    now: datetime,
) -> Run | None:
    token, provider_key = uuid.uuid4(), providers.key_of(agent)
    if issue is not None:
        context = _with_issue(run, agent, issue, context, now=now)
    values: dict[str, Any] = {
        "run": run.pk,
        "runner": runner.pk,
        "token": token,
        "provider": provider_key,
        "context": dumps(context.to_json()).decode(),
        "payload": dumps({"runner": runner.name}).decode(),
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_START, values)
        taken = cursor.rowcount
    if not taken:
        transaction.set_rollback(True)  # cancelled at this very moment: nothing of the claim may stand
        return None
    run.status, run.runner, run.claim_token, run.started_at = RunStatus.RUNNING, runner, token, now
    run.context_snapshot, run.provider_key = context.to_json(), provider_key
    run.agent, run.issue = agent, issue
    return run


# Run, request, agent and event in one statement: this is what everybody waits for who has called an agent.
_START = """
WITH taken AS (
  UPDATE heartbeat_runs SET status = 'running', runner_id = %(runner)s, claim_token = %(token)s, started_at = %(now)s,
    updated_at = %(now)s, provider_key = %(provider)s, context_snapshot = %(context)s::jsonb,
    next_event_seq = next_event_seq + 1
  WHERE id = %(run)s AND status = 'queued'
  RETURNING id, company_id, agent_id, wakeup_request_id, next_event_seq - 1 AS seq
), told AS (
  INSERT INTO heartbeat_run_events
    (company_id, run_id, agent_id, seq, event_type, stream, level, message, payload, created_at)
  SELECT company_id, id, agent_id, seq, 'lifecycle', 'system', 'info', 'Run started', %(payload)s::jsonb, %(now)s
  FROM taken
), called AS (
  UPDATE agent_wakeup_requests AS request SET status = 'claimed', claimed_at = %(now)s, updated_at = %(now)s
  FROM taken WHERE request.id = taken.wakeup_request_id
), working AS (
  UPDATE agents SET status = 'running', updated_at = %(now)s
  FROM taken WHERE agents.id = taken.agent_id AND agents.status <> 'running'
)
SELECT id FROM taken
"""


def _with_issue(
    run: Run, agent: Agent, issue: Issue, context: contexts.WakeContext, *, now: datetime
) -> contexts.WakeContext:
    """Give the run its issue: checked out where it is the agent's to work on, else only the lock (H-22, H-74)."""
    if _checks_out(context):
        taken = checkout.take_for_run(issue_id=issue.pk, run_id=run.pk, agent=agent, now=now, locked=issue)
        context = context.with_more(paperclipHarnessCheckedOut=taken)
        if taken:
            return context
    checkout.stamp_execution(issue_id=issue.pk, run_id=run.pk, agent=agent, now=now, locked=issue)
    return context


def _checks_out(context: contexts.WakeContext) -> bool:
    """Whether the run takes its issue out by itself: not when merely mentioned or asked to judge (H-74)."""
    reason = context.wake_reason
    return reason is not None and reason != "issue_comment_mentioned" and not reason.startswith("execution_")


def _drop(run: Run, refused: gates.Refused, facts: Facts, *, now: datetime) -> None:
    """End a run that may not start, and let wakes that waited behind it go on (beats HW-9)."""
    moot = refused.code in gates.MOOT
    wakeups.drop_waiting(
        run,
        refused if moot else replace(refused, code=drops.CANCELLED),
        now=now,
        request_status=WakeupStatus.SKIPPED if moot else WakeupStatus.CANCELLED,
    )
    if refused.code == gates.HELD and facts.issue is not None and facts.hold is not None:
        activity.record(
            company_id=run.company_id,
            actor=_ACTOR,
            action="issue.tree_hold_run_interrupted",
            entity_type="heartbeat_run",
            entity_id=run.pk,
            details={
                "issueId": facts.issue.pk,
                "holdId": facts.hold.hold_id,
                "rootIssueId": facts.hold.root_issue_id,
                "source": "heartbeat.claim_queued_run",
            },
            now=now,
        )
