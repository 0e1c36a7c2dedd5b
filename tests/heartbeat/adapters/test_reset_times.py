"""A-60, A-67, AW-9, B-9, B-10, B-27, B-28: when a limit is lifted, in the words of programs."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from heartbeat.adapters import reset_times

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "now", "expected"),
    [
        pytest.param(
            "out of extra usage · resets 4pm (America/Chicago)", "2026-04-22T15:15", "2026-04-22T21:00", id="B-9"
        ),
        pytest.param(
            "Usage limit reached. Resets at 3:15 AM (UTC).", "2026-04-22T23:30", "2026-04-23T03:15", id="B-10"
        ),
        pytest.param(
            "hit your usage limit for X. Switch to another model now, or try again at 11:31 PM (America/Chicago).",
            "2026-04-23T03:29", "2026-04-23T04:31", id="B-28",
        ),
        pytest.param("try again at 11:31 p.m.", "2026-04-22T20:29", "2026-04-22T21:31", id="B-27 local, dotted"),
        pytest.param("resets 12am (UTC)", "2026-04-22T20:00", "2026-04-23T00:00", id="A-60 midnight"),
        pytest.param("resets 12:30pm (GMT)", "2026-04-22T10:00", "2026-04-22T12:30", id="A-60 noon"),
        pytest.param("resets 7:17am (UTC)", "2026-11-20T06:20", "2026-11-20T07:17", id="A-60 recorded"),
        pytest.param("resets 4pm PDT", "2026-07-01T15:00", "2026-07-01T23:00", id="AW-9 abbreviation"),
        pytest.param("resets at 16:00 (UTC)", "2026-07-01T15:00", "2026-07-01T16:00", id="AW-9 24 hours"),
        pytest.param("resets 4pm (Mars/Base)", "2026-07-01T10:00", "2026-07-01T14:00", id="A-60 unknown zone is local"),
        pytest.param(
            "or try again at Nov 25th, 2026 6:18 AM.", "2026-11-20T06:20", "2026-11-25T05:18", id="AW-9 date"
        ),
        pytest.param("resets Jan 3, 9am (UTC)", "2026-12-30T06:20", "2027-01-03T09:00", id="AW-9 over the year"),
        pytest.param(
            "resets 2:30am (Europe/Berlin)", "2026-03-28T23:00", "2026-03-29T01:30", id="A-60 a time that is skipped"
        ),
        pytest.param("resets 25pm (UTC)", "2026-04-22T20:00", None, id="A-60 no such hour"),
        pytest.param("resets 7:75am (UTC)", "2026-04-22T20:00", None, id="A-60 no such minute"),
        pytest.param("resets Feb 31, 9am", "2026-01-22T20:00", None, id="AW-9 no such day"),
        pytest.param("try again later", "2026-04-22T20:00", None, id="B-11 no time"),
        pytest.param("It happened at 4pm", "2026-04-22T20:00", None, id="A-60 another time"),
    ],
)  # fmt: skip
def test_reset_time_is_read(said, now, expected):
    found = reset_times.find(said, now=at(now), local=BERLIN)
    assert found == (at(expected) if expected else None)
