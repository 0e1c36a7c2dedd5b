"""The passes as duties: done at each tick, told in figures."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import connection

from heartbeat import duties, queries
from heartbeat.models import Tick
from heartbeat.recovery import graph, silent_runs, stranded
from paperclip.companies import assets
from paperclip.core import clock, locks
from tests import factories
from tests.heartbeat.recovery import scenes

pytestmark = pytest.mark.django_db


def test_a_tick_gets_stranded_work_going_and_keeps_the_figures(cast):
    issue = scenes.stranded(cast.engineer)
    now = clock.now()

    done = duties.tick(now)

    assert done[stranded.NAME]["continuation_requeued"] == 1
    assert scenes.live(issue)
    assert Tick.objects.get(name=stranded.NAME).summary["continuation_requeued"] == 1
    assert {graph.NAME, silent_runs.NAME} <= set(done)


@pytest.mark.django_db(transaction=True)
def test_the_figures_of_the_host_that_is_at_it_stay(cast):
    now = clock.now()
    scenes.stranded(cast.engineer)
    duties.do(stranded.NAME, now=now)
    with connection.copy().cursor() as other:
        other.execute("SELECT pg_advisory_lock(%s)", [locks._key(stranded.NAME)])
        assert duties.do(stranded.NAME, now=now + timedelta(minutes=1)) == "another host is at it"
        other.connection.close()
    tick = Tick.objects.get(name=stranded.NAME)
    assert (tick.committed_at, tick.summary["continuation_requeued"]) == (now, 1)


def test_files_that_nothing_names_are_swept_once_an_hour(cast):
    now = clock.now()
    assert duties.do(assets.SWEEP, now=now) == {"orphans": 0, "unfinished": 0}
    assert duties.do(assets.SWEEP, now=now + timedelta(minutes=59)) == "not yet due again"
    assert isinstance(duties.do(assets.SWEEP, now=now + timedelta(minutes=61)), dict)


@pytest.mark.parametrize("name", [stranded.NAME, silent_runs.NAME, graph.NAME])
def test_work_that_stands_still_is_found_within_a_minute(name):
    assert duties.pace(name) <= timedelta(minutes=1)


def test_the_last_words_of_a_run_are_read_from_its_log(cast, settings, tmp_path):  # H-152
    settings.RUNS_ROOT = tmp_path
    run = factories.run(cast.engineer)
    assert queries.log_tail(run.pk, 8192) == ""
    folder = tmp_path / str(run.pk)
    folder.mkdir()
    lines = [{"ts": "2026-01-01T00:00:00Z", "stream": "stdout", "chunk": f"line {n}\n"} for n in range(1000)]
    (folder / "log.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))

    said = queries.log_tail(run.pk, 8192)

    assert said.endswith("line 998\nline 999\n")
    assert said.startswith("line ")
    assert 500 < len(said) < 8192
