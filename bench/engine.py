"""What the engine does in bulk: due retries, lost runs, and wakes of an agent with a long past.

All of it happens in companies that drain, so that nothing of what is queued here is started meanwhile.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import connection

from bench import measures
from bench.measures import Measure
from bench.product import wait_for
from heartbeat import wakeups
from heartbeat.models import Run, Runner, Tick, WakeupRequest
from heartbeat.recovery import lost_runs
from heartbeat.retries import promotion
from heartbeat.wakeups import Call
from paperclip.companies import actors
from paperclip.companies.models import Agent, Company
from paperclip.core import clock, locks

RETRIES = 10_000
LOST = 1_000
SHORT_PAST, LONG_PAST = 1_000, 100_000
AGENTS = 20
_WAKES = 200
_PATIENCE_SECONDS = 60
_NO_OP = {"command": "/bin/true"}


def promote(count: int = RETRIES) -> list[Measure]:
    """Queue `count` retries that are all due, by one promoter."""
    now = clock.now()
    agents = _agents(now)
    rows = [
        _run(
            agents[number % AGENTS],
            now,
            status="scheduled_retry",
            scheduled_retry_at=now + timedelta(hours=1, seconds=number % 60),
            scheduled_retry_attempt=1,
            scheduled_retry_reason="transient_failure",
        )
        for number in range(count)
    ]
    Run.objects.bulk_create(rows, batch_size=1000)
    _learn()
    promoted, began = 0, time.perf_counter()
    while (done := promotion.promote_due(now=now + timedelta(hours=2)).promoted) > 0:
        promoted += done
    taken = time.perf_counter() - began
    assert promoted == count, f"{promoted} of {count} retries were promoted"
    return [
        Measure(f"promotion of {count:,} due retries", "s", taken, goal=10, note=f"{count / taken:,.0f}/s")
    ]


def sweep(count: int = LOST) -> Measure:
    """End `count` runs of a runner that has gone silent, each with its one retry queued."""
    now = clock.now()
    agents = _agents(now)
    silent = {"last_seen_at": now - timedelta(hours=1), "lease_expires_at": now - timedelta(minutes=50)}
    runner = Runner.objects.create(
        name=f"silent-{uuid.uuid4().hex[:8]}", host="elsewhere", pid=1, capacity=count, **silent
    )
    rows = [
        _run(
            agents[number % AGENTS],
            now,
            status="running",
            runner=runner,
            claim_token=uuid.uuid4(),
            started_at=now,
        )
        for number in range(count)
    ]
    taken: list[float] = []

    def alone() -> bool:
        with locks.only_one(lost_runs.NAME) as mine:
            if mine:
                Run.objects.bulk_create(rows, batch_size=1000)
                Runner.objects.filter(pk=runner.pk).update(suspected_at=now - timedelta(minutes=5))
                Tick.objects.update_or_create(name=lost_runs.NAME, defaults={"committed_at": now})
                began = time.perf_counter()
                done = lost_runs.sweep(now=now + timedelta(seconds=1))
                taken.append(time.perf_counter() - began)
                assert done.reaped == count, f"{done.reaped} of {count} lost runs were found"
        return mine

    wait_for(alone, seconds=_PATIENCE_SECONDS, what="the product's own pass to leave room")
    retries = Run.objects.filter(retry_of_run__runner=runner).count()
    assert retries == count, f"{retries} of {count} lost runs are tried again"
    return Measure(f"recovery of {count:,} lost runs", "s", taken[0], note=f"{count / taken[0]:,.0f}/s")


def enqueue() -> list[Measure]:
    """Wake an agent with a short past, and one with a long one."""
    short = _times(SHORT_PAST)
    long = _times(LONG_PAST)
    ratio = measures.median(long) / measures.median(short)
    return [
        measures.times(f"enqueue after {SHORT_PAST:,} runs", short),
        measures.times(f"enqueue after {LONG_PAST:,} runs", long),
        Measure("enqueue, long past to short", "x", ratio, goal=2),
    ]


def _times(past: int) -> list[float]:
    now = clock.now()
    agent = _agents(now)[0]
    _give_past(agent, past, now)
    _learn()
    person = actors.system("bench")
    source = random.Random(5)
    return [_timed(lambda: _wake(agent, person, source)) for _ in range(_WAKES)]


def _wake(agent: Agent, actor: actors.Actor, source: random.Random) -> None:
    call = Call(reason="bench", payload={"taskKey": f"{source.random()}"})
    outcome = wakeups.enqueue(
        agent_id=agent.pk, company_id=agent.company_id, call=call, actor=actor, now=clock.now()
    )
    assert outcome.kind == "queued", outcome


def _timed(step: Callable[[], None]) -> float:
    began = time.perf_counter()
    step()
    return (time.perf_counter() - began) * 1000


def _agents(now: datetime) -> list[Agent]:
    """Return agents of a new company that takes up nothing."""
    letters = "".join(random.SystemRandom().choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=10))
    company = Company.objects.create(name=f"Bulk {letters}", issue_prefix=letters, draining_since=now)
    return Agent.objects.bulk_create(
        Agent(company=company, name=f"Agent {number}", adapter_config=_NO_OP) for number in range(AGENTS)
    )


def _run(agent: Agent, now: datetime, **fields: object) -> Run:
    task = str(uuid.uuid4())
    return Run(
        company_id=agent.company_id,
        agent=agent,
        task_key=task,
        invocation_source="automation",
        context_snapshot={"taskKey": task, "wakeReason": "bench"},
        created_at=now,
        updated_at=now,
        **fields,
    )


def _give_past(agent: Agent, runs: int, now: datetime) -> None:
    for start in range(0, runs, 5000):
        size = min(5000, runs - start)
        at = [now - timedelta(minutes=start + number + 1) for number in range(size)]
        past = [
            _run(agent, moment, status="succeeded", started_at=moment, finished_at=moment) for moment in at
        ]
        requests = [
            WakeupRequest(
                company_id=agent.company_id,
                agent=agent,
                source="automation",
                status="completed",
                requested_at=run.created_at,
                finished_at=run.created_at,
            )
            for run in past
        ]
        WakeupRequest.objects.bulk_create(requests, batch_size=1000)
        Run.objects.bulk_create(past, batch_size=1000)


def _learn() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
