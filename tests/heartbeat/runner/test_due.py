"""Due work in a runner: at once when there is more, once a second when it gets nowhere, each duty by itself."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.db import connections

from heartbeat import duties
from heartbeat.runner.due import DueWork
from paperclip.core import clock
from tests.product import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass(frozen=True)
class Pass:
    done: int


@pytest.fixture
def work(monkeypatch):
    """Due work with no duties but the test's, driven as the runner drives it."""
    for name in ("_DUTIES", "_REGISTERED", "_NEXT_DUE"):
        monkeypatch.setattr(duties, name, {})
    nudged = threading.Event()
    due = DueWork(nudged.set)
    over = threading.Event()

    def drive() -> None:
        try:
            while not over.is_set():
                at = time.monotonic()
                if at >= due.look_at:
                    due.look(at)
                nudged.wait(max(0.0, min(due.look_at - time.monotonic(), 0.2)))
                nudged.clear()
        finally:
            connections.close_all()

    thread = threading.Thread(target=drive)
    yield thread.start
    over.set()
    thread.join()
    due.stop()


def test_what_is_due_is_done_at_its_moment_and_then_again_at_once(work):
    start = clock.shared_now()
    left = [start + timedelta(seconds=0.7)] * 20
    begun = []

    def do(*, now):
        begun.append(clock.shared_now())
        left.pop()
        return Pass(1)

    duties.register("a", do, next_due=lambda now: left[0] if left else None, every=timedelta(days=1))
    duties._PACES["a"] = timedelta(days=1)
    left.append(left[0])  # the first pace does one whatever is due
    work()
    wait_for(lambda: not left, seconds=10, what="everything to be done")
    early = [moment for moment in begun if moment < start + timedelta(seconds=0.7)]
    assert len(early) <= 1, "only the pace may come before the moment"
    assert begun[1] - start < timedelta(seconds=1.7)
    assert begun[-1] - begun[1] < timedelta(seconds=4)


def test_what_cannot_be_done_is_not_tried_more_than_once_a_second(work):
    tries = []

    def do(*, now):
        tries.append(time.monotonic())
        return Pass(0)

    duties.register("a", do, next_due=lambda now: now - timedelta(hours=1), every=timedelta(days=1))
    work()
    wait_for(lambda: len(tries) >= 4, seconds=10, what="four tries")
    assert tries[3] - tries[0] > 1.9


def test_one_that_fails_or_hangs_keeps_no_other_from_its_turn(work):
    done, hang = [], threading.Event()

    def broken(*, now):
        raise RuntimeError("no luck")

    def hangs(*, now):
        hang.wait(20)
        return Pass(0)

    def fine(*, now):
        done.append(now)
        return Pass(1)

    duties.register("broken", broken, every=timedelta(seconds=0.1))
    duties.register("hangs", hangs, every=timedelta(seconds=0.1))
    duties.register("fine", fine, every=timedelta(seconds=0.1))
    work()
    wait_for(lambda: len(done) >= 3, seconds=10, what="the third duty to be done again and again")
    hang.set()
