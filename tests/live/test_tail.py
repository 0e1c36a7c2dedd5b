"""Reading on from a mark misses nothing that commits late, and tells nothing twice."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from paperclip.companies import activity, actors
from paperclip.companies.live import tail
from paperclip.core import clock
from tests import cast as standing

pytestmark = pytest.mark.django_db(transaction=True)


def log(company_id, action: str) -> None:
    activity.record(
        company_id=company_id, actor=actors.system("test"), action=action, entity_type="company",
        entity_id=company_id, now=clock.now(),
    )  # fmt: skip


def actions(reading: tail.Reading) -> list[str]:
    return [event.frame.decode().partition('"action": "')[2].partition('"')[0] for event in reading.events]


def test_event_with_a_low_number_that_commits_late_is_read_later():
    company = standing.make().company
    has_written, may_commit = threading.Event(), threading.Event()

    def slowly() -> None:
        with transaction.atomic():
            log(company.pk, "test.slow")
            has_written.set()
            assert may_commit.wait(timeout=20)
        connection.close()

    slow = threading.Thread(target=slowly)
    begin = tail.now()
    slow.start()
    assert has_written.wait(timeout=20)
    log(company.pk, "test.quick")
    first = tail.read([company.pk], since=begin)
    assert actions(first) == ["test.quick"]
    may_commit.set()
    slow.join()
    second = tail.read([company.pk], since=first.cursor)
    assert actions(second) == ["test.slow"]
    assert actions(tail.read([company.pk], since=second.cursor)) == []
    # Somebody who comes back with the first mark gets the rest, up to where the others are.
    assert actions(tail.read([company.pk], since=first.cursor, until=second.cursor)) == ["test.slow"]
    assert actions(tail.read([company.pk], since=begin, until=first.cursor)) == ["test.quick"]


def test_mark_of_long_ago_or_of_another_server_cuts_the_reading():
    company = standing.make().company
    log(company.pk, "test.happened")
    here = tail.now()
    old = tail.Cursor(here.at - tail.KEPT_SECONDS - 1, here.snapshot)
    assert tail.read([company.pk], since=old).is_cut
    ahead = tail.Cursor(here.at, f"{2**62 + 3}:{2**62 + 3}:")
    assert tail.read([company.pk], since=ahead).is_cut
    assert not tail.read([company.pk], since=here).is_cut


def test_too_much_at_once_cuts_the_reading(monkeypatch):
    monkeypatch.setattr(tail, "MOST_ROWS", 3)
    company = standing.make().company
    begin = tail.now()
    for number in range(4):
        log(company.pk, f"test.{number}")
    reading = tail.read([company.pk], since=begin)
    assert reading.is_cut
    assert reading.events == []


_NUMBERS = st.one_of(st.integers(0, 9), st.integers(2**32 - 2, 2**32 + 2), st.integers(2**63 - 2, 2**63 + 1))
_MARKS = st.one_of(
    st.text(max_size=30),
    st.builds(
        lambda at, low, high, running: f"{at}-{low}:{high}:{','.join(map(str, running))}",
        _NUMBERS, _NUMBERS, _NUMBERS, st.lists(_NUMBERS, max_size=3),
    ),
)  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_MARKS)
@example("1-4294967296:4294967299:")
@example("1-2:1:")
@example("1-1:5:3,2")
@example("1-1:5:2,2")
@example("1-1:5:9")
@example("1-0:1:")
@example("x" * 5000)
def test_mark_is_either_something_the_database_takes_or_nothing(text):
    cursor = tail.parse(text)
    assert cursor is None or str(cursor) == text
    if cursor is not None:
        tail.read([], since=cursor)


def test_mark_that_was_given_out_is_understood():
    given_out = tail.now()
    assert tail.parse(str(given_out)) == given_out
