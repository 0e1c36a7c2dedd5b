"""Run folders of a home: old ones go, live ones never, strangers' are left alone."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from datetime import timedelta

import pytest

from heartbeat import doctor, retention
from heartbeat.models import Run
from heartbeat.runner import folders
from paperclip.core import clock
from paperclip.core import doctor as core_doctor
from paperclip.governance.models import Notice
from tests import factories

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
SLEEP = ["/bin/sleep", "60"]


@pytest.fixture
def now():
    return clock.now()


@pytest.fixture
def home(settings, tmp_path, runs):
    settings.PAPERCLIP_HOME, settings.RUNS_ROOT = tmp_path, runs.root
    return runs


def age(directory, days: float) -> None:
    moment = time.time() - days * 86_400
    os.utime(directory.path, (moment, moment))


def row(agent, directory, now, *, days: float, status="succeeded") -> Run:
    ended = None if status == "running" else now - days * DAY
    return factories.run(agent, id=uuid.UUID(directory.run_id), status=status, finished_at=ended)


def test_a_folder_goes_when_its_run_ended_long_ago(cast, home, now):
    (old, _), (young, _) = home.run(["/bin/echo", "old"]), home.run(["/bin/echo", "young"])
    for directory, days in ((old, 31), (young, 29)):
        home.shim_of(directory).wait()
        row(cast.engineer, directory, now, days=days)
        age(directory, days)
    assert folders.prune(now=now).folders == 1
    assert not old.path.exists()
    assert young.path.exists()
    assert folders.prune(now=now).folders == 0


def test_a_live_runs_folder_stays_however_old(cast, home, now):
    directory = home.start(SLEEP)
    row(cast.engineer, directory, now, days=90, status="running")
    age(directory, 90)
    assert folders.prune(now=now).folders == 0
    assert directory.is_alive()


def test_a_living_shim_keeps_its_folder_whatever_the_row_says(cast, home, now):
    """The run was taken from this host; its program may still be writing."""
    directory = home.start(SLEEP)
    row(cast.engineer, directory, now, days=90, status="failed")
    age(directory, 90)
    assert folders.prune(now=now).folders == 0
    assert directory.path.exists()


def test_folders_that_the_database_does_not_know_are_left_to_a_person(cast, home, now):
    directory, _ = home.run(["/bin/true"])
    home.shim_of(directory).wait()
    age(directory, 400)
    (home.root / "notes").mkdir()
    assert folders.prune(now=now).folders == 0
    assert directory.path.exists()
    assert (home.root / "notes").exists()
    found = doctor.look_at_run_folders()
    assert (found.state, "2 of 2 belong to no run" in found.text) == ("warn", True)


def test_logs_are_kept_for_ever_when_asked(cast, home, now, settings):
    settings.RUN_LOG_DAYS = 0
    directory, _ = home.run(["/bin/true"])
    home.shim_of(directory).wait()
    row(cast.engineer, directory, now, days=4000)
    age(directory, 4000)
    assert folders.prune(now=now).folders == 0
    settings.RUN_RETENTION_DAYS = 60
    assert retention.log_days() == 60
    assert folders.prune(now=now).folders == 1, "no log outlives its run"


def test_a_pass_is_bounded(cast, home, now, monkeypatch):
    monkeypatch.setattr(folders, "BATCH", 2)
    for _ in range(3):
        directory = home.create(["/bin/true"])
        row(cast.engineer, directory, now, days=31)
        age(directory, 31)
    assert [folders.prune(now=now).folders for _ in range(3)] == [2, 1, 0]


def test_space_is_told_by_the_doctor(cast, home, settings):
    assert doctor.look_at_run_logs().text == "0 runs, 0 MiB, kept 30 days"
    directory, _ = home.run(["/bin/sh", "-c", "head -c 600000 /dev/zero | tr '\\0' 'x'"])
    taken = folders.space()
    assert (taken.folders, taken.is_partial) == (1, False)
    assert taken.bytes == directory.log_stat().bytes >= 600_000
    settings.RUN_LOG_DAYS = 0
    assert doctor.look_at_run_logs().text == "1 runs, 1 MiB, kept for ever"


def test_a_disk_that_fills_up_is_told_and_taken_back(cast, home, now, monkeypatch):
    whole = shutil.disk_usage(home.root.parent).total
    monkeypatch.setattr(core_doctor, "FEW_BYTES", whole * 2)
    folders.prune(now=now)
    notice = Notice.objects.get(kind="disk_full")
    assert notice.company_id is None
    monkeypatch.setattr(core_doctor, "FEW_BYTES", 0)
    folders.prune(now=now)
    notice.refresh_from_db()
    assert notice.closed_at
