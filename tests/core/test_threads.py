"""Threads that come with the work and end without it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from paperclip.core.threads import PassingThreads

NEVER = 3600.0


@pytest.fixture
def threads() -> Iterator[Callable[..., PassingThreads]]:
    made: list[PassingThreads] = []

    def make(size: int, *, idle_seconds: float = NEVER, at_end: Callable[[], None] = lambda: None):
        made.append(PassingThreads(size, idle_seconds=idle_seconds, at_end=at_end))
        return made[-1]

    yield make
    for each in made:
        each.shutdown()


def test_result_and_error_reach_who_asks(threads):
    pool = threads(2)
    assert pool.submit(divmod, 7, 2).result(5) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        pool.submit(divmod, 7, 0).result(5)
    assert pool.submit(int, "ff", base=16).result(5) == 255


def test_as_much_is_done_at_once_as_there_are_threads(threads):
    pool = threads(3)
    meeting = threading.Barrier(3)
    assert sorted(pool.map(lambda _: meeting.wait(5), range(3))) == [0, 1, 2]

    running, most, lock = 0, 0, threading.Lock()

    def work(_: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.001)
        with lock:
            running -= 1

    list(pool.map(work, range(200)))
    assert most <= 3


def test_work_one_after_another_stays_in_one_thread(threads):
    pool = threads(4)
    seen = set()
    for _ in range(20):
        seen.add(pool.submit(threading.get_ident).result(5))
        until = time.monotonic() + 5
        while not pool._idle:
            assert time.monotonic() < until
    assert len(seen) == 1


def test_idle_thread_says_goodbye_and_ends_and_another_follows(threads):
    ended: list[int] = []
    pool = threads(1, idle_seconds=0.05, at_end=lambda: ended.append(threading.get_ident()))
    first = pool.submit(threading.current_thread).result(5)
    first.join(5)
    assert not first.is_alive()
    assert ended == [first.ident]
    assert pool.submit(threading.current_thread).result(5) is not first


def test_no_work_is_lost_between_an_end_and_the_next_request(threads):
    pool = threads(2, idle_seconds=0.0)
    assert [pool.submit(int, number).result(5) for number in range(500)] == list(range(500))


def test_shutdown_does_what_was_taken_and_takes_no_more(threads):
    pool = threads(1)
    begun, go = threading.Event(), threading.Event()
    first = pool.submit(lambda: begun.set() or go.wait(5))
    waiting = [pool.submit(int, number) for number in range(3)]
    begun.wait(5)
    pool.shutdown(wait=False)
    with pytest.raises(RuntimeError):
        pool.submit(int)
    go.set()
    assert first.result(5) is True
    assert [each.result(5) for each in waiting] == [0, 1, 2]


def test_shutdown_can_cancel_what_has_not_begun(threads):
    pool = threads(1)
    begun, go = threading.Event(), threading.Event()
    first = pool.submit(lambda: begun.set() or go.wait(5))
    waiting = pool.submit(int)
    begun.wait(5)
    pool.shutdown(wait=False, cancel_futures=True)
    go.set()
    assert first.result(5) is True
    assert waiting.cancelled()
