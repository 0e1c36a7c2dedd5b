"""The output of runs as events: the end of what was written, in order, where somebody listens (H-19)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from heartbeat.runner import log_news
from heartbeat.runner.log_news import Chunk
from heartbeat.runner.rundir import RunDir
from paperclip.companies.live import listeners
from paperclip.companies.models import LiveEvent
from tests import factories


def entry(text: str, stream: str = "stdout") -> Chunk:
    return Chunk("2026-01-01T00:00:00.000Z", stream, text)


def test_neighbours_of_one_stream_are_put_together():
    told = log_news.last([entry("a\n"), entry("b\n"), entry("c\n", "stderr"), entry("d\n")], is_cut=False)
    assert [(chunk.stream, chunk.chunk) for chunk in told] == [
        ("stdout", "a\nb\n"), ("stderr", "c\n"), ("stdout", "d\n")
    ]  # fmt: skip
    assert not any(chunk.truncated for chunk in told)


def test_only_the_end_of_much_output_is_told():
    told = log_news.last([entry("old"), entry("é" * 6000)], is_cut=False)
    assert len(told) == 1
    assert told[0].truncated
    assert set(told[0].chunk) == {"é"}
    assert len(told[0].chunk.encode()) <= log_news.MOST_BYTES


def test_empty_entries_are_nothing():
    assert log_news.last([entry("")], is_cut=False) == []


@pytest.fixture
def run(cast):
    return factories.run(cast.engineer, status="running")


@pytest.fixture
def directory(tmp_path: Path, run) -> RunDir:
    made = tmp_path / str(run.pk)
    made.mkdir()
    return RunDir(made)


def write(directory: RunDir, *entries: Chunk) -> None:
    with (directory.path / "log.ndjson").open("a") as file:
        for each in entries:
            file.write(json.dumps({"ts": each.ts, "stream": each.stream, "chunk": each.chunk}) + "\n")


def told() -> list[dict]:
    rows = LiveEvent.objects.filter(type="heartbeat.run.log").order_by("id")
    return list(rows.values_list("payload", flat=True))


@pytest.mark.django_db
def test_output_is_told_once_where_somebody_listens(cast, run, directory):
    listeners.announce([cast.company.pk])
    write(directory, entry("one\n"))
    offset = log_news.tell(run_id=run.pk, directory=directory, told_bytes=0)
    assert told() == [
        {
            "runId": str(run.pk), "agentId": str(cast.engineer.pk), "issueId": None, "stream": "stdout",
            "ts": "2026-01-01T00:00:00.000Z", "chunk": "one\n", "truncated": False,
        }
    ]  # fmt: skip
    assert log_news.tell(run_id=run.pk, directory=directory, told_bytes=offset) == offset
    write(directory, entry("two\n"))
    log_news.tell(run_id=run.pk, directory=directory, told_bytes=offset)
    assert [payload["chunk"] for payload in told()] == ["one\n", "two\n"]


@pytest.mark.django_db
def test_output_nobody_listens_to_is_not_stored(cast, run, directory):
    listeners.announce([cast.elsewhere.pk])
    write(directory, entry("one\n"))
    log_news.tell(run_id=run.pk, directory=directory, told_bytes=0)
    assert told() == []


@pytest.mark.django_db
def test_burst_is_told_by_its_end(cast, run, directory):
    listeners.announce([cast.company.pk])
    write(directory, *(entry(f"line {number} {'x' * 100}\n") for number in range(5000)))
    log_news.tell(run_id=run.pk, directory=directory, told_bytes=0)
    (payload,) = told()
    assert payload["truncated"]
    assert payload["chunk"].endswith(f"line 4999 {'x' * 100}\n")
    assert len(payload["chunk"].encode()) <= 8192


def test_run_without_a_log_says_nothing(tmp_path):
    path = tmp_path / "run"
    path.mkdir()
    assert log_news.tell(run_id=factories.NO_SUCH_ID, directory=RunDir(path), told_bytes=0) == 0
