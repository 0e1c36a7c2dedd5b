"""`python -m bench`: starts the product on a home of its own, measures it, prints a table, takes it down.

Nothing here fails for being slow; docs/benchmarks.md says what is measured and what was aimed at.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from bench import product, table
from bench.measures import Measure

if TYPE_CHECKING:
    from bench.product import Product
    from bench.scene import Scene

Found = Measure | list[Measure]
NAMES = (
    "memory", "issue", "list", "search", "me", "dashboard", "context", "wake", "burst", "retries", "recovery",
    "enqueue", "live", "schedules", "sizes",
)  # fmt: skip


def main() -> None:
    arguments = _arguments()
    chosen = arguments.only or NAMES
    found: list[Measure] = []
    with product.running() as running:
        if "memory" in chosen:
            found.append(_memory(running, "after the start"))
        import django

        django.setup()
        from bench import scene

        _say(f"storing {arguments.issues:,} issues")
        place = scene.make(arguments.issues)
        for name, step in _steps(place, running, quick=arguments.quick, many=arguments.large).items():
            if name in chosen:
                _say(f"measuring {name}")
                measured = step()
                found += measured if isinstance(measured, list) else [measured]
        if "memory" in chosen:
            found.append(_memory(running, "after the work"))
    print(table.markdown(found) if arguments.markdown else table.plain(found))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, no second size")
    parser.add_argument(
        "--only", action="append", choices=NAMES, help="measure this alone; may be given again"
    )
    parser.add_argument(
        "--issues", type=int, default=1000, help="how many issues the company has (default 1000)"
    )
    parser.add_argument(
        "--large", type=int, default=20_000, help="how many issues the second size has (default 20,000)"
    )
    parser.add_argument("--markdown", action="store_true", help="print the table as in docs/benchmarks.md")
    return parser.parse_args()


def _steps(place: Scene, running: Product, *, quick: bool, many: int) -> dict[str, Callable[[], Found]]:
    """Return what can be measured, in order; growing the company comes last."""
    from bench import endpoints, engine, live, routines, runs

    effort = endpoints.QUICK if quick else endpoints.FULL
    rounds = 1 if quick else 3
    asked = (place, running.port, effort)
    steps: dict[str, Callable[[], Found]] = {
        "issue": partial(endpoints.get_issue, *asked),
        "list": lambda: [endpoints.list_default(*asked), endpoints.list_thousand(*asked)],
        "search": partial(endpoints.search, *asked),
        "me": partial(endpoints.agents_me, *asked),
        "dashboard": partial(endpoints.dashboard, *asked),
        "context": partial(endpoints.heartbeat_context, *asked),
        "wake": partial(runs.wake, place, running.port, count=20 if quick else 60),
        "burst": lambda: [
            runs.burst_over_http(place, running.port, rounds=rounds),
            runs.burst_queued(place, rounds=rounds),
        ],
        "retries": engine.promote,
        "recovery": engine.sweep,
        "enqueue": engine.enqueue,
        "schedules": routines.tick,
        "live": partial(live.measure, place, running, count=30 if quick else 200),
    }
    if not quick:
        steps["sizes"] = partial(endpoints.sizes, *asked, many=many)
    return steps


def _memory(running: Product, when: str) -> Measure:
    from bench import memory

    _say(f"measuring idle memory {when}")
    return memory.idle(running, when=when)


def _say(text: str) -> None:
    print(f"… {text} (load {os.getloadavg()[0]:.1f})", file=sys.stderr, flush=True)


main()
