"""How long the API takes to answer, and how that changes with the number of issues."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from bench import load, measures, scene
from bench.load import Answered, get
from bench.measures import Measure
from bench.scene import Scene

CLIENTS = 8
QUERIES = 16


@dataclass(frozen=True)
class Effort:
    """How often and how long to measure."""

    requests: int
    lists: int
    seconds: float
    rounds: int


FULL = Effort(requests=400, lists=60, seconds=6.0, rounds=5)
QUICK = Effort(requests=100, lists=20, seconds=3.0, rounds=3)


def get_issue(place: Scene, port: int, effort: Effort) -> Measure:
    """One client reads issues, a different one each time."""
    requests = [get(f"/api/issues/{issue_id}", place.reader_tokens[0]) for issue_id in _some(place)]
    return measures.times("get issue", _alone(port, requests, effort.requests), goal=5)


def list_default(place: Scene, port: int, effort: Effort) -> Measure:
    """One client reads the list as it comes: 500 rows."""
    return measures.times("list of issues, default (500)", _alone(port, [_list(place, "")], effort.lists))


def list_thousand(place: Scene, port: int, effort: Effort) -> Measure:
    """One client reads 1,000 rows at once."""
    found = _alone(port, [_list(place, "?limit=1000")], effort.lists)
    return measures.times("list of 1,000 issues", found, goal=20)


def search(place: Scene, port: int, effort: Effort) -> Measure:
    """One client searches for two or three words; every caller in turn, for each may search sixty times a minute."""
    source = random.Random(1)
    queries = ["+".join(source.sample(scene.words()[30:600], source.choice((2, 3)))) for _ in range(QUERIES)]
    requests = [
        get(f"/api/companies/{place.company.pk}/search?q={queries[number % QUERIES]}", token)
        for number, token in enumerate(place.reader_tokens * 3)
    ]
    return measures.times("search, 2 or 3 words", _alone(port, requests, min(effort.requests, 400)), goal=25)


def agents_me(place: Scene, port: int, effort: Effort) -> Measure:
    """An agent asks who it is."""
    requests = [get("/api/agents/me", token) for token in place.reader_tokens]
    return measures.times("agents/me", _alone(port, requests, effort.requests))


def dashboard(place: Scene, port: int, effort: Effort) -> Measure:
    """A person's board asks for the numbers of the company."""
    path = f"/api/companies/{place.company.pk}/dashboard"
    found = _alone(port, [get(path, place.board_token)], effort.requests // 2)
    return measures.times("dashboard", found)


def heartbeat_context(place: Scene, port: int, effort: Effort) -> list[Measure]:
    """Eight agents at once read what they need to start, as fast as they are answered."""
    rounds = [_crowd(place, port, effort.seconds) for _ in range(effort.rounds)]
    middle = sorted(rounds, key=lambda answered: answered.per_second)[len(rounds) // 2]
    name = f"heartbeat-context, {CLIENTS} clients"
    best = max(answered.per_second for answered in rounds)
    rate = Measure(name, "/s", middle.per_second, goal=300, note=f"best round {best:.0f}/s")
    return [rate, measures.times(f"{name}, each", middle.milliseconds)]


def sizes(place: Scene, port: int, effort: Effort, *, many: int) -> list[Measure]:
    """The same requests at the size at hand, and with `many` issues and ten times as many comments and runs."""
    few = len(place.issue_ids)
    before = _medians(place, port, effort)
    scene.grow(place, many)
    scene.swell(place, 10 * many)
    after = _medians(place, port, effort)
    found = []
    for name, small in before.items():
        note = f"{small:.1f} ms with {few:,} issues, {after[name]:.1f} ms with {many:,}"
        ratio = after[name] / small
        found.append(Measure(f"{name}, {many:,} : {few:,} issues", "x", ratio, goal=2, note=note))
    return found


def _medians(place: Scene, port: int, effort: Effort) -> dict[str, float]:
    """Return how long requests of each kind take, in ms."""
    company, token = f"/api/companies/{place.company.pk}", place.reader_tokens[0]
    some, lists = effort.requests // 2, effort.lists
    asked = {
        "heartbeat-context": (_contexts(place, token), effort.requests),
        "comments of an issue": ([get(f"/api/issues/{each}/comments", token) for each in _some(place)], some),
        "runs of an issue": ([get(f"/api/issues/{each}/runs", token) for each in _some(place)], some),
        "runs, newest 100": ([get(f"{company}/heartbeat-runs?limit=100", place.board_token)], lists),
        "activity": ([get(f"{company}/activity", place.board_token)], lists),
        "dashboard": ([get(f"{company}/dashboard", place.board_token)], lists),
        "inbox-lite": ([get("/api/agents/me/inbox-lite", each) for each in place.reader_tokens], lists),
    }
    return {
        "get issue": get_issue(place, port, effort).value,
        "list of issues, default (500)": list_default(place, port, effort).value,
        "search": search(place, port, effort).value,
        **{name: measures.median(_alone(port, requests, count)) for name, (requests, count) in asked.items()},
    }


def _alone(port: int, requests: list[dict[str, Any]], count: int) -> list[float]:
    return load.run(port, [requests], count=count, warm=20).milliseconds


def _crowd(place: Scene, port: int, seconds: float) -> Answered:
    plans = [_contexts(place, token) for token in place.reader_tokens[:CLIENTS]]
    return load.run(port, plans, seconds=seconds, warm=20)


def _contexts(place: Scene, token: str) -> list[dict[str, Any]]:
    return [get(f"/api/issues/{issue_id}/heartbeat-context", token) for issue_id in _some(place)]


def _list(place: Scene, query: str) -> dict[str, Any]:
    return get(place.issues_path + query, place.board_token)


def _some(place: Scene) -> list[str]:
    return random.Random(2).sample(place.issue_ids, min(200, len(place.issue_ids)))
