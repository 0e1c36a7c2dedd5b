"""The words of the engine, and what the steps of a run may hold (H-1, H-91, H-92)."""

from __future__ import annotations

import uuid

import pytest

from heartbeat import choices, events, progress
from heartbeat.choices import RunStatus
from heartbeat.models import RunEvent
from paperclip.companies.choices import AGENT_NOT_INVOKABLE
from paperclip.core import clock
from tests import factories

pytestmark = pytest.mark.django_db


def test_every_status_is_live_or_terminal():  # H-1
    assert set(choices.RUN_LIVE) == {"queued", "running", "scheduled_retry"}
    assert set(choices.RUN_TERMINAL) == {"succeeded", "failed", "cancelled", "timed_out"}
    assert set(choices.RUN_UNSUCCESSFUL) == set(choices.RUN_TERMINAL) - {"succeeded"}
    assert set(choices.RUN_LIVE) | set(choices.RUN_TERMINAL) == set(RunStatus.values)
    assert set(AGENT_NOT_INVOKABLE) == {"paused", "terminated", "pending_approval"}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        pytest.param({"a": "x" * 20_000}, lambda said: len(said["a"]) <= 16_385, id="H-92 long text"),
        pytest.param({"a": list(range(90))}, lambda said: said["a"] == list(range(50)), id="H-92 many items"),
        pytest.param({f"k{n}": n for n in range(150)}, lambda said: len(said) == 100, id="H-92 many keys"),
        pytest.param(
            {"a": {"b": {"c": {"d": {"e": {"f": {"g": 1}}}}}}},
            lambda said: said["a"]["b"]["c"]["d"]["e"]["f"] == "…",
            id="H-92 too deep",
        ),
        pytest.param(
            {"apiKey": "abc"}, lambda said: said["apiKey"] == "***REDACTED***", id="H-92 secret name"
        ),
        pytest.param(
            {"a": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"},
            lambda said: "eyJ" not in said["a"],
            id="H-92 token",
        ),
    ],
)
def test_a_step_is_bounded_and_holds_no_secret(cast, given, kept):
    run = factories.run(cast.engineer)
    events.append(run, "m" * 20_000, now=clock.now(), payload=given)
    event = RunEvent.objects.get(run=run)
    assert len(event.message) == 16_384
    assert kept(event.payload)


def test_output_is_noted_by_whoever_holds_the_run_alone(cast):  # H-91
    run = factories.run(cast.engineer)
    now = clock.now()
    for size in (10, 30):
        assert progress.mark_output(
            run_id=run.pk, claim_token=run.claim_token, log_bytes=size, at=now, now=now
        )
    assert not progress.mark_output(run_id=run.pk, claim_token=uuid.uuid4(), log_bytes=99, at=now, now=now)
    run.refresh_from_db()
    assert (run.last_output_seq, run.last_output_bytes, run.last_output_at) == (2, 30, now)
