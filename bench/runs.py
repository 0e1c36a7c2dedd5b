"""How soon a wake becomes a program, and how many runs the engine carries through in a second.

Every program is `/bin/true`: what is measured is the control plane alone.
"""

from __future__ import annotations

import http.client
import json
import random
import time
import uuid
from collections import Counter
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import transaction

from bench import load, measures
from bench.load import post
from bench.measures import Measure
from bench.product import wait_for
from bench.scene import Scene
from heartbeat import wakeups
from heartbeat.choices import RUN_LIVE, RunStatus
from heartbeat.models import Run
from heartbeat.wakeups import Call
from paperclip.companies import actors
from paperclip.core import clock, postgres

BURST = 400
WAIT_SECONDS = 120
# How often the database is asked whether a run has ended: what is measured is late by half of it on average.
LOOK_SECONDS = 0.002


def wake(place: Scene, port: int, *, count: int) -> list[Measure]:
    """One wake after the other over HTTP, each to the end of its run before the next.

    Counted from the moment before the request is sent. `started` is the time at which the shim saw the program run,
    kept in whole ms; `finished` the time at which another session of the database sees the end committed.
    """
    started, finished = [], []
    source = random.Random(3)
    web = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with psycopg.connect(postgres.url(settings.PAPERCLIP_HOME), autocommit=True) as watcher:
        for number in range(count + 3):
            before = time.time()
            run_id = _wake(web, place)
            seen = _await_end(watcher, run_id)
            run = Run.objects.only("status", "process_started_at").get(pk=run_id)
            assert run.status == RunStatus.SUCCEEDED, run.status
            assert run.process_started_at is not None
            if number >= 3:
                started.append((run.process_started_at.timestamp() - before) * 1000)
                finished.append((seen - before) * 1000)
            time.sleep(
                source.uniform(0.01, 0.05)
            )  # so that nothing beats in time with the product's own clocks
    web.close()
    return [
        measures.times("wake, program started", started, goal=25),
        measures.times("wake, run finished", finished, goal=90),
    ]


def burst_over_http(place: Scene, port: int, *, rounds: int) -> Measure:
    """Four clients wake one agent each, a hundred times, as fast as they are answered."""
    rates = []
    for _ in range(rounds):
        since = clock.now()
        plans = [
            [_wake_request(place, agent.pk) for _ in range(BURST // len(place.workers))]
            for agent in place.workers
        ]
        answered = load.run(port, plans, count=BURST // len(place.workers), warm=0)
        rates.append(BURST / (_last_end(place, since).timestamp() - answered.began))
    return Measure(
        f"burst of {BURST} no-op runs over HTTP", "/s", measures.median(rates), goal=40, note=_range(rates)
    )


def burst_queued(place: Scene, *, rounds: int) -> Measure:
    """The same runs, queued beforehand and shown to the runner at one moment, by the commit."""
    rates = []
    # Asked for by a person: what the product calls by itself is stopped when it brings nothing new.
    person = actors.for_user(place.user)
    for _ in range(rounds):
        since = clock.now()
        with transaction.atomic():
            for number in range(BURST):
                agent = place.workers[number % len(place.workers)]
                call = Call(reason="bench", payload={"taskKey": str(uuid.uuid4())})
                wakeups.enqueue(
                    agent_id=agent.pk,
                    company_id=agent.company_id,
                    call=call,
                    actor=person,
                    now=clock.now(),
                )
        shown = time.time()
        rates.append(BURST / (_last_end(place, since).timestamp() - shown))
    return Measure(
        f"burst of {BURST} no-op runs, queued before",
        "/s",
        measures.median(rates),
        goal=40,
        note=_range(rates),
    )


def _last_end(place: Scene, since: datetime) -> datetime:
    """Wait until no run of the burst that began at `since` is live; return when the last ended. All must succeed."""
    runs = Run.objects.filter(agent__in=place.workers, created_at__gte=since)
    wait_for(
        lambda: not runs.filter(status__in=RUN_LIVE).exists(), seconds=WAIT_SECONDS, what="the burst to end"
    )
    statuses = Counter(runs.values_list("status", flat=True))
    assert statuses == {RunStatus.SUCCEEDED: BURST}, f"the burst's runs ended as {statuses}"
    ended_at = runs.latest("finished_at").finished_at
    assert ended_at is not None
    return ended_at


def _wake_request(place: Scene, agent_id: UUID) -> dict[str, Any]:
    body = {"reason": "bench", "payload": {"taskKey": str(uuid.uuid4())}}
    return post(f"/api/agents/{agent_id}/wakeup", place.board_token, body)


def _wake(web: http.client.HTTPConnection, place: Scene) -> UUID:
    request = _wake_request(place, place.workers[0].pk)
    headers = {"Authorization": f"Bearer {request['token']}", "Content-Type": "application/json"}
    web.request(request["method"], request["path"], json.dumps(request["body"]), headers)
    answer = web.getresponse()
    said = answer.read()
    assert answer.status == 202, said
    return UUID(json.loads(said)["id"])


def _await_end(watcher: psycopg.Connection[Any], run_id: UUID) -> float:
    """Look until the run has ended; return the time of day in seconds at which that was seen."""
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        row = watcher.execute("SELECT finished_at FROM heartbeat_runs WHERE id = %s", [run_id]).fetchone()
        if row is not None and row[0] is not None:
            return time.time()
        time.sleep(LOOK_SECONDS)
    raise TimeoutError(f"run {run_id} did not end")


def _range(rates: list[float]) -> str:
    return f"{min(rates):.0f} to {max(rates):.0f}/s in {len(rates)} rounds"
