from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection

from paperclip.core import clock, throttle

WINDOW = timedelta(seconds=60)


@pytest.mark.django_db
def test_a_window_is_counted_down_and_starts_again():
    now = clock.now()
    spent = [throttle.spend("a", limit=2, window=WINDOW, now=now + timedelta(seconds=n)) for n in range(3)]
    assert [each.remaining for each in spent] == [1, 0, -1]
    assert [each.is_used_up for each in spent] == [False, False, True]
    assert spent[2].retry_after_seconds == 58
    assert throttle.spend("b", limit=2, window=WINDOW, now=now).remaining == 1
    assert throttle.spend("a", limit=2, window=WINDOW, now=now + timedelta(seconds=61)).remaining == 1


@pytest.mark.django_db(transaction=True)
def test_many_at_once_are_counted_exactly():
    now, seen = clock.now(), []

    def spend():
        seen.extend(throttle.spend("x", limit=100, window=WINDOW, now=now).remaining for _ in range(10))
        connection.close()

    threads = [threading.Thread(target=spend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(seen) == list(range(20, 100))
