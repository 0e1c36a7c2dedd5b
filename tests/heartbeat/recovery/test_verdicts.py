"""The table of H-144, without a database."""

from __future__ import annotations

import itertools

import pytest

from heartbeat.choices import MAX_HANDOFFS, MAX_LIVENESS_CONTINUATIONS, MAX_RECOVERIES
from heartbeat.stranding.verdicts import Kind, Last, Scene, decide_step

CONTINUATION = "issue.continuation_recovery"
PRODUCTIVE = "issue.productive_terminal_continuation_recovery"


def step(status, last, *, was_called=True, is_recovery=False):
    return decide_step(Scene(status, last, was_called), is_recovery=is_recovery)


@pytest.mark.parametrize(
    ("scene", "kind", "counter", "source", "attempt"),
    [
        pytest.param(
            Scene("todo", None),
            "dispatch",
            "assignment_dispatched",
            "issue.assigned_todo_liveness_dispatch",
            0,
            id="H-144b never called",
        ),
        pytest.param(
            Scene("todo", Last("succeeded")),
            "requeue",
            "dispatch_requeued",
            "issue.assignment_recovery",
            2,
            id="H-144c went well and left it open",
        ),
        pytest.param(
            Scene("todo", Last("succeeded", recovery_attempt=2)),
            "escalate",
            "escalated",
            "",
            0,
            id="H-144c again",
        ),
        pytest.param(
            Scene("todo", Last("failed", recovery_attempt=1)),
            "escalate",
            "escalated",
            "",
            0,
            id="H-144d after its recovery",
        ),
        pytest.param(
            Scene("todo", Last("timed_out")),
            "requeue",
            "dispatch_requeued",
            "issue.assignment_recovery",
            1,
            id="H-144e failed",
        ),
        pytest.param(
            Scene("in_progress", None), "leave", "skipped", "", 0, id="H-144f nobody was ever called"
        ),
        pytest.param(
            Scene("in_progress", None, was_called=True),
            "dispatch",
            "continuation_requeued",
            CONTINUATION,
            0,
            id="H-144f another agent worked on it",
        ),
        pytest.param(
            Scene("in_progress", Last("succeeded", handoff_attempt=1)),
            "escalate",
            "successful_run_handoff_escalated",
            "",
            0,
            id="H-144g asked and still open",
        ),
        pytest.param(
            Scene("in_progress", Last("failed", handoff_attempt=1)),
            "escalate",
            "successful_run_handoff_escalated",
            "",
            0,
            id="H-144g HX-11 asked and failed",
        ),
        pytest.param(
            Scene("in_progress", Last("succeeded", liveness_state="empty_response")),
            "requeue",
            "continuation_requeued",
            CONTINUATION,
            1,
            id="H-144h moved nothing",
        ),
        pytest.param(
            Scene("in_progress", Last("succeeded", liveness_state="plan_only", continuation_attempt=2)),
            "escalate",
            "escalated",
            "",
            0,
            id="H-144h moved nothing three times",
        ),
        pytest.param(
            Scene("in_progress", Last("succeeded", liveness_state="advanced", recovery_attempt=2)),
            "escalate",
            "escalated",
            "",
            0,
            id="H-144i after it went on once",
        ),
        pytest.param(
            Scene("in_progress", Last("succeeded", liveness_state="advanced")),
            "requeue",
            "continuation_requeued",
            PRODUCTIVE,
            2,
            id="H-144j productive",
        ),
        pytest.param(
            Scene("in_progress", Last("failed", recovery_attempt=1)),
            "escalate",
            "escalated",
            "",
            0,
            id="H-144k after its recovery",
        ),
        pytest.param(
            Scene("in_progress", Last("failed")),
            "requeue",
            "continuation_requeued",
            CONTINUATION,
            1,
            id="H-144l failed",
        ),
        pytest.param(
            Scene("in_progress", Last("cancelled", is_called_off=True)),
            "leave",
            "skipped",
            "",
            0,
            id="HW-2 somebody stopped it",
        ),
        pytest.param(
            Scene("in_progress", Last("cancelled", recovery_attempt=1)),
            "requeue",
            "continuation_requeued",
            CONTINUATION,
            1,
            id="HW-2 a pause uses up no attempt",
        ),
    ],
)
def test_what_becomes_of_an_issue_that_nobody_moves(scene, kind, counter, source, attempt):
    found = decide_step(scene)
    assert (found.kind, found.counter, found.source, found.attempt) == (kind, counter, source, attempt)
    assert found.reason


def test_work_on_recovery_is_told_at_its_first_failure():  # H-144a, H-149
    assert step("in_progress", Last("failed"), is_recovery=True).kind == Kind.ESCALATE
    assert step("todo", Last("timed_out"), is_recovery=True).kind == Kind.ESCALATE


def test_every_chain_ends_and_no_counter_falls():
    """From any counters, whatever the runs come to, taking an issue up again comes to an end."""
    for status, outcome, liveness, start, handoffs, continuations in itertools.product(
        ("todo", "in_progress"),
        ("failed", "timed_out", "succeeded"),
        (None, "advanced", "plan_only", "empty_response"),
        range(MAX_RECOVERIES + 1),
        range(MAX_HANDOFFS + 1),
        range(MAX_LIVENESS_CONTINUATIONS + 1),
    ):
        attempt = start
        for _ in range(MAX_RECOVERIES + 1):
            found = step(
                status,
                Last(
                    outcome,
                    recovery_attempt=attempt,
                    handoff_attempt=handoffs,
                    continuation_attempt=continuations,
                    liveness_state=liveness,
                ),
            )
            if found.kind != Kind.REQUEUE:
                break
            assert attempt < found.attempt <= MAX_RECOVERIES
            attempt = found.attempt
        assert found.kind == Kind.ESCALATE
