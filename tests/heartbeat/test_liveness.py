"""Whether a run moved its issue, and the bounded call to go on when it did not (H-105 to H-110)."""

from __future__ import annotations

import time
from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heartbeat import actionability, liveness, wake_payload
from heartbeat import context as contexts
from heartbeat.adapters.base import Result
from heartbeat.evidence import NOTHING, Evidence
from heartbeat.models import Run, WakeupRequest
from heartbeat.outcomes import Remains
from issues import comments, documents
from issues.models import Issue, WorkProduct
from paperclip.companies import actors
from paperclip.core import clock
from paperclip.governance.models import Approval
from tests import factories
from tests.heartbeat.test_claims import claim
from tests.heartbeat.test_lifecycle import finish
from tests.heartbeat.test_wakeups import wake

PLAN = "I will inspect the parser and fix the failing test next."
NOW = clock.now()
IN_A_STAGE = {"status": "changes_requested", "currentStageId": "s-1", "currentStageType": "review"}


def assess(
    *texts,
    status="succeeded",
    error_code=None,
    issue="in_progress",
    evidence=NOTHING,
    declared=None,
    title="Mend the parser",
    work_mode="standard",
):
    run = Run(status=status, error_code=error_code)
    row = Issue(title=title, status=issue, work_mode=work_mode)
    return liveness.assess(run, row, evidence=evidence, texts=texts, declared=declared or {})


COMMENTED = Evidence(comment_id=uuid4(), comments=1, deeds=1, latest_at=NOW)


@pytest.mark.parametrize(
    ("scene", "state"),
    [
        pytest.param({"status": "failed", "error_code": "timeout"}, "failed", id="H-106 not succeeded"),
        pytest.param({"issue": "done"}, "completed", id="H-106 done"),
        pytest.param({"issue": "cancelled", "evidence": COMMENTED}, "completed", id="H-106 cancelled"),
        pytest.param({"issue": "blocked"}, "blocked", id="H-106 blocked issue"),
        pytest.param({"declared": {"blocked": True}}, "blocked", id="HW-27 the adapter's own field"),
        pytest.param({"declared": {"blocked": "no key"}}, "blocked", id="HW-27 the field says what by"),
        pytest.param({"texts": ["Blocked: the API key is missing"]}, "blocked", id="HW-27 a marked line"),
        pytest.param({"texts": ["**Blocked by**: #12"]}, "blocked", id="HW-27 a marked line, emphasised"),
        pytest.param({"texts": ["Blocked: none\nI will fix it"]}, "plan_only", id="HW-27 marked as not"),
        pytest.param({}, "empty_response", id="H-106 nothing"),
        pytest.param({"evidence": COMMENTED, "texts": [PLAN]}, "advanced", id="H-106 evidence beats a plan"),
        pytest.param(
            {"evidence": COMMENTED, "texts": ["Done so far; waiting for access to staging"]},
            "advanced",
            id="HW-27 facts beat wording",
        ),
        pytest.param({"evidence": Evidence(revisions=1)}, "advanced", id="H-105 document revision"),
        pytest.param({"evidence": Evidence(deeds=1)}, "advanced", id="H-105 recorded action"),
        pytest.param({"evidence": Evidence(events=1)}, "advanced", id="H-105 event of its own"),
        pytest.param(
            {"texts": ["Waiting for approval of the plan"]}, "blocked", id="H-106 approval by wording"
        ),
        pytest.param({"texts": ["I need access to the repository"]}, "blocked", id="H-106 access by wording"),
        pytest.param(
            {"texts": ["Here is the outline"], "title": "Write a proposal"},
            "advanced",
            id="H-106 a text asked for",
        ),
        pytest.param(
            {"texts": ["Here is the outline"], "work_mode": "planning"}, "advanced", id="H-106 planning mode"
        ),
        pytest.param({"texts": [PLAN]}, "plan_only", id="H-106 a plan it could carry out"),
        pytest.param(
            {"texts": ["Next: deploy to production"]}, "needs_followup", id="H-106 a plan for somebody else"
        ),
        pytest.param({"texts": ["The sky is blue"]}, "needs_followup", id="H-106 other words"),
    ],
)
def test_the_verdict_on_a_run(scene, state):
    found = assess(*scene.pop("texts", ()), **scene)
    assert found.liveness_state == state
    assert found.liveness_reason


def test_the_reason_of_a_failure_names_status_and_code():
    assert assess(status="timed_out", error_code="timeout").liveness_reason == "The run timed out (timeout)"


def test_useful_action_is_the_time_of_the_newest_evidence():
    assert assess("x", evidence=COMMENTED).last_useful_action_at == NOW
    assert assess(PLAN).last_useful_action_at is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("No blockers; running the tests", "runnable", id="H-107 not blocked, and works"),
        pytest.param("I am not blocked.", "unknown", id="H-107 not blocked, no verb"),
        pytest.param("This needs the board's approval", "approval_required", id="H-107 approval"),
        pytest.param("Waiting on credentials for the bucket", "blocked_external", id="H-107 credentials"),
        pytest.param("I cannot proceed until somebody answers", "blocked_external", id="H-107 cannot go on"),
        pytest.param("Deploying the fix to production", "manager_review", id="H-107 production"),
        pytest.param("Rotate the signing keys", "manager_review", id="H-107 rotation"),
        pytest.param("Implement the parser", "runnable", id="H-107 work"),
        pytest.param("Lovely weather", "unknown", id="H-107 nothing"),
        pytest.param("The keyboard needs tokenizer work", "unknown", id="HW-27 word boundaries"),
        pytest.param("Need to write the token parser", "runnable", id="HW-27 needing to do is no need"),
        pytest.param("The contestant was latest", "unknown", id="HW-27 test inside words"),
        pytest.param("She was waiting on tables", "unknown", id="HW-27 waiting on something else"),
    ],
)
def test_whether_an_agent_could_go_on(text, expected):
    assert actionability.classify(text) == expected


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        pytest.param(["Did it.\nNext: run the tests"], "run the tests", id="H-108 next line"),
        pytest.param(["## Next steps:\n\n- Fix the import\n- More"], "Fix the import", id="H-108 line after"),
        pytest.param(["**Next action:** ship it"], "ship it", id="H-108 emphasised"),
        pytest.param(["I'll look into the cache.", "Next: rest"], "rest", id="H-108 marks before promises"),
        pytest.param(["Fine. I will look into it"], "Fine. I will look into it", id="H-108 promise"),
        pytest.param(["All is well"], None, id="H-108 nothing"),
        pytest.param(["Next:"], None, id="H-108 bare at the end"),
    ],
)
def test_the_next_action_is_found(sources, expected):
    assert actionability.next_action(sources) == expected


def test_tool_lines_of_an_output_are_no_words():
    output = '{"type":"tool"}\n$ npm test\n[info] started\n+ set -x\nI fixed it\n    at foo.js:12\n---\n'
    assert actionability.spoken(output) == "I fixed it"


PROSE = st.text(
    st.characters(codec="utf-8", exclude_characters="\0") | st.sampled_from(" \n.:-*#`'’"), max_size=400
) | st.sampled_from([PLAN, "Next: ", "Blocked: ", "waiting for the the the access " * 400, "need " * 3000])


@settings(max_examples=150, deadline=None)
@given(st.lists(PROSE, max_size=5))
def test_whatever_is_said_the_verdict_is_bounded_and_quick(texts):
    began = time.perf_counter()
    found = assess(*(text for text in texts if text.strip()))
    assert time.perf_counter() - began < 1
    assert 0 < len(found.liveness_reason) <= 500
    assert found.next_action is None or 0 < len(found.next_action) <= 500
    assert found.next_action is None or "\n" not in found.next_action


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=700), st.integers(280, 520))
def test_a_sentence_is_one_line_within_its_bound_without_secrets(text, most):
    said = actionability.sentence(text + "\npcp_" + "a" * 48, most)
    assert len(said) <= most
    assert "\n" not in said
    assert "a" * 30 not in said


# --- With the database ---------------------------------------------------------------------------------------


@pytest.fixture
def issue(cast, db):
    return factories.issue(cast.company, assignee_agent=cast.engineer)


def start(cast, issue, *, reason="issue_status_changed"):
    """A run of the engineer that works on the issue; no comment is asked of it."""
    wake(cast.engineer, issue=issue, reason=reason, source="automation")
    (run,) = claim()
    return run


def plan(run, text=PLAN):
    finish(run, result=Result(summary=text))
    run.refresh_from_db()
    return run


def test_a_run_that_only_plans_is_called_to_go_on(cast, issue):  # HB-54, H-109
    run = plan(start(cast, issue, reason="issue_assigned"))

    following = Run.objects.get(retry_of_run=run)
    request = following.wakeup_request
    assert (run.liveness_state, run.next_action) == ("plan_only", PLAN)
    assert (run.followup_mechanism, run.followup_attempt) == ("liveness_continuation", 1)
    assert Run.objects.count() == 2
    assert (following.status, following.continuation_attempt) == ("queued", 1)
    assert request.reason == "run_liveness_continuation"
    assert request.idempotency_key == f"run_liveness_continuation:{issue.pk}:{run.pk}:plan_only:1"
    payload = request.payload
    assert payload["issueId"] == str(issue.pk)
    assert (payload["sourceRunId"], payload["livenessState"]) == (str(run.pk), "plan_only")
    assert (payload["continuationAttempt"], payload["maxContinuationAttempts"]) == (1, 2)
    assert payload["instruction"]
    assert payload["livenessReason"] == run.liveness_reason
    context = following.context_snapshot
    assert context["wakeReason"] == "run_liveness_continuation"
    assert (context["livenessContinuationAttempt"], context["livenessContinuationMaxAttempts"]) == (1, 2)
    assert context["livenessContinuationSourceRunId"] == str(run.pk)
    assert context["livenessContinuationState"] == "plan_only"
    assert context["modelProfile"] == payload["modelProfile"] == "cheap"
    issue.refresh_from_db()
    assert issue.execution_run_id is None, "the lock is stamped when the run starts"


def test_a_revised_plan_document_is_progress(cast, issue):  # HB-55
    run = start(cast, issue)
    agent = actors.for_agent(cast.engineer, run_id=run.pk)
    documents.put(issue_id=issue.pk, key="plan", body="# Plan", actor=agent, now=clock.now())

    plan(run)

    assert run.liveness_state == "advanced"
    assert run.last_useful_action_at is not None
    assert run.followup_mechanism != "liveness_continuation"
    assert not WakeupRequest.objects.filter(reason="run_liveness_continuation").exists()


def test_a_work_product_is_progress(cast, issue):  # H-105
    run = start(cast, issue)
    WorkProduct.objects.create(
        company=cast.company, issue=issue, created_by_run=run, type="branch", provider="git", title="fix"
    )
    assert plan(run).liveness_state == "advanced"
    assert "1 work product" in run.liveness_reason


def test_the_system_s_own_document_is_no_evidence(cast, issue):  # H-105
    plan(start(cast, issue))
    (second,) = claim()

    assert plan(second).liveness_state == "plan_only"
    assert Run.objects.get(retry_of_run=second).continuation_attempt == 2


def test_continuations_are_used_up(cast, issue):  # HB-56, H-110
    run = plan(start(cast, issue))
    for _ in range(2):
        (run,) = claim()
        plan(run)

    assert run.continuation_attempt == 2
    assert Run.objects.filter(continuation_attempt__gt=2).count() == 0
    told = [
        row for row in issue.comments.all() if row.body.startswith("Bounded liveness continuation exhausted")
    ]
    assert len(told) == 1
    assert "2/2" in told[0].body
    assert (told[0].author_type, told[0].presentation["kind"]) == ("system", "system_notice")
    assert told[0].metadata["sourceRunId"] == str(run.pk)
    assert run.liveness_reason.endswith("Bounded liveness continuation exhausted, 2/2")
    assert run.followup_mechanism == "handoff", "it is asked how the work stands; that is the one follow-up"
    assert Run.objects.filter(retry_of_run=run).count() == 1


def test_an_empty_run_is_called_to_go_on(cast, issue):
    run = start(cast, issue)
    finish(run)
    run.refresh_from_db()
    assert (run.liveness_state, run.followup_mechanism) == ("empty_response", "liveness_continuation")


def test_only_runs_with_an_issue_are_judged(cast, db):
    wake(cast.engineer, reason="manual", source="on_demand")
    (run,) = claim()
    finish(run)
    run.refresh_from_db()
    assert (run.liveness_state, run.liveness_reason) == (None, None)


def test_a_failed_run_is_judged_by_its_end(cast, issue):
    run = start(cast, issue)
    finish(run, result=Result(error_message="no"), remains=Remains(exit_code=1))
    run.refresh_from_db()
    assert (run.liveness_state, run.liveness_reason) == ("failed", "The run failed (adapter_failed)")


def _close(cast, issue, run):
    type(issue).objects.filter(pk=issue.pk).update(status="in_review")


def _reassign(cast, issue, run):
    type(issue).objects.filter(pk=issue.pk).update(assignee_agent=cast.peer)


def _stage(cast, issue, run):
    type(issue).objects.filter(pk=issue.pk).update(execution_state=IN_A_STAGE)


def _pause(cast, issue, run):
    type(cast.engineer).objects.filter(pk=cast.engineer.pk).update(status="paused")


def _overspend(cast, issue, run):
    type(cast.company).objects.filter(pk=cast.company.pk).update(status="paused", pause_reason="budget")


def _switch_off(cast, issue, run):
    config = {"heartbeat": {"wakeOnDemand": False}}
    type(cast.engineer).objects.filter(pk=cast.engineer.pk).update(runtime_config=config)


def _review(cast, issue, run):
    factories.issue(cast.company, origin_kind="issue_productivity_review", origin_id=str(issue.pk))


def _watch(cast, issue, run):
    type(issue).objects.filter(pk=issue.pk).update(monitor_next_check_at=clock.now() + timedelta(hours=1))


def _forge(cast, issue, run):
    key = f"run_liveness_continuation:{issue.pk}:{run.pk}:plan_only:1"
    actor = actors.for_agent(cast.engineer)
    wake(cast.engineer, reason="mine", source="on_demand", idempotency_key=key, actor=actor)


def _hand_down(cast, issue, run):
    factories.issue(cast.company, parent=issue, status="in_progress", assignee_agent=cast.peer)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param(_close, "is in review", id="H-109 neither todo nor in progress"),
        pytest.param(_reassign, "no longer assigned", id="H-109 not its own"),
        pytest.param(_stage, "stage", id="H-109 execution state"),
        pytest.param(_pause, "not invokable", id="H-109 agent paused"),
        pytest.param(_overspend, "budget", id="H-109 budget"),
        pytest.param(_switch_off, "besides its timer", id="H-43 takes no wakes"),
        pytest.param(_review, None, id="H-109 productivity review"),
        pytest.param(_watch, "monitor", id="a planned look"),
        pytest.param(_forge, None, id="H-109 the same key"),
        pytest.param(_hand_down, "children", id="children at work"),
    ],
)
def test_nobody_is_called_to_go_on_when(cast, issue, change, why):
    run = start(cast, issue)
    change(cast, issue, run)

    plan(run)

    assert run.liveness_state == "plan_only"
    if why is None:
        assert run.followup_mechanism == "handoff", "it may still be asked how the work stands"
    else:
        assert (run.followup_mechanism, why in run.followup_reason) == ("none", True)
    assert ("review" in run.liveness_reason) is (change is _review)
    assert not WakeupRequest.objects.filter(reason="run_liveness_continuation").exists()


def test_a_comment_made_meanwhile_goes_first(cast, issue):  # H-133
    run = start(cast, issue)
    spoken = comments.add(issue_id=issue.pk, body="Wait", actor=actors.for_user(cast.owner), now=clock.now())

    plan(run)

    following = Run.objects.exclude(pk=run.pk).get()
    assert run.followup_mechanism == "deferred_wake"
    assert following.context_snapshot["wakeCommentIds"] == [str(spoken.pk)]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        pytest.param(1, 1, id="H-53 within bounds"),
        pytest.param(99, 2, id="H-53 too many"),
        pytest.param(-3, 0, id="H-53 negative"),
        pytest.param("2", 0, id="H-3 text is no number"),
        pytest.param(True, 0, id="H-3 a flag is no number"),
        pytest.param(None, 0, id="H-53 absent"),
    ],
)
def test_what_callers_send_as_attempt_stays_in_bounds(cast, issue, sent, kept):
    context = {"issueId": str(issue.pk), "livenessContinuationAttempt": sent}
    assert wake(cast.engineer, issue=issue, context=context).run.continuation_attempt == kept


def test_the_agent_is_told_to_go_on(cast, issue):  # H-85
    run = plan(start(cast, issue))
    following = Run.objects.get(retry_of_run=run)
    told = wake_payload.build(contexts.read(following.context_snapshot), issue)["livenessContinuation"]
    assert (told["attempt"], told["maxAttempts"], told["state"]) == (1, 2, "plan_only")
    assert (told["sourceRunId"], bool(told["instruction"])) == (str(run.pk), True)
    assert wake_payload.build(contexts.read(run.context_snapshot), issue)["livenessContinuation"] is None


def test_a_question_to_the_board_holds_up_no_continuation_for_good(cast, issue):  # HW-27
    """A verdict of prose stops the continuation only: the issue is asked about all the same."""
    run = plan(start(cast, issue), "Waiting for approval of the plan")
    assert (run.liveness_state, run.followup_mechanism) == ("blocked", "handoff")
    assert Approval.objects.count() == 0
