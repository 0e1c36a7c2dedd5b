"""Several callers at the same moment, each on a thread and a database connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection

DEADLINE_SECONDS = 60


def together(doers: Sequence[Callable[[], Any]]) -> list[Any]:
    """Start every doer at once and return what each returned, in order. A doer that raises fails the test."""
    start = threading.Barrier(len(doers))
    answers: list[Any] = [None] * len(doers)
    faults: list[BaseException] = []

    def work(place: int, doer: Callable[[], Any]) -> None:
        try:
            start.wait(DEADLINE_SECONDS)
            answers[place] = doer()
        except BaseException as fault:  # noqa: BLE001  handed to the test's own thread below
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=pair, daemon=True) for pair in enumerate(doers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_SECONDS)
    assert not any(thread.is_alive() for thread in threads), "somebody hangs"
    if faults:
        raise faults[0]
    return answers
