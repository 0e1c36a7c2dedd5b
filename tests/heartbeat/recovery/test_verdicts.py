"""The table of H-144, without a database."""

from __future__ import annotations

import itertools

import pytest

from heartbeat.choices import MAX_HANDOFFS, MAX_LIVENESS_CONTINUATIONS, MAX_RECOVERIES
from heartbeat.stranding.verdicts import Kind, Last, Scene, decide_step

# What a step comes to: kind, counter, source and attempt.
LEFT = ("leave", "skipped", "", 0)
ESCALATED = ("escalate", "escalated", "", 0)
HANDED_ON = ("escalate", "successful_run_handoff_escalated", "", 0)
CALLED = ("dispatch", "assignment_dispatched", "issue.assigned_todo_liveness_dispatch", 0)
CALLED_TO_GO_ON = ("dispatch", "continuation_requeued", "issue.continuation_recovery", 0)


def called_again(attempt):
    return ("requeue", "dispatch_requeued", "issue.assignment_recovery", attempt)


def goes_on(attempt, source="issue.continuation_recovery"):
    return ("requeue", "continuation_requeued", source, attempt)


def step(status, last, *, was_called=True, is_recovery=False):
    return decide_step(Scene(status, last, was_called), is_recovery=is_recovery)


def todo(last, outcome, *, id):
    return pytest.param(Scene("todo", last), outcome, id=id)


def at_work(last, outcome, *, id, **scene):
    return pytest.param(Scene("in_progress", last, **scene), outcome, id=id)


@pytest.mark.parametrize(
    ("scene", "outcome"),
    [
        todo(None, CALLED, id="H-144b never called"),
        todo(Last("succeeded"), called_again(2), id="H-144c went well and left it open"),
        todo(Last("succeeded", recovery_attempt=2), ESCALATED, id="H-144c again"),
        todo(Last("failed", recovery_attempt=1), ESCALATED, id="H-144d after its recovery"),
        todo(Last("timed_out"), called_again(1), id="H-144e failed"),
        at_work(None, LEFT, id="H-144f nobody was ever called"),
        at_work(None, CALLED_TO_GO_ON, was_called=True, id="H-144f another agent worked on it"),
        at_work(Last("succeeded", handoff_attempt=1), HANDED_ON, id="H-144g asked and still open"),
        at_work(Last("failed", handoff_attempt=1), HANDED_ON, id="H-144g HX-11 asked and failed"),
        at_work(Last("succeeded", liveness_state="empty_response"), goes_on(1), id="H-144h moved nothing"),
        at_work(
            Last("succeeded", liveness_state="plan_only", continuation_attempt=2),
            ESCALATED,
            id="H-144h moved nothing three times",
        ),
        at_work(
            Last("succeeded", liveness_state="advanced", recovery_attempt=2),
            ESCALATED,
            id="H-144i after it went on once",
        ),
        at_work(
            Last("succeeded", liveness_state="advanced"),
            goes_on(2, "issue.productive_terminal_continuation_recovery"),
            id="H-144j productive",
        ),
        at_work(Last("failed", recovery_attempt=1), ESCALATED, id="H-144k after its recovery"),
        at_work(Last("failed"), goes_on(1), id="H-144l failed"),
        at_work(Last("cancelled", is_called_off=True), LEFT, id="HW-2 somebody stopped it"),
        at_work(Last("cancelled", recovery_attempt=1), goes_on(1), id="HW-2 a pause uses up no attempt"),
    ],
)
def test_what_becomes_of_an_issue_that_nobody_moves(scene, outcome):
    found = decide_step(scene)
    assert (found.kind, found.counter, found.source, found.attempt) == outcome
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
