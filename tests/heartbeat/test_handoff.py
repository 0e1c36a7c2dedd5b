"""A run that did something and left its issue in progress is asked once how the work stands (H-111, H-112)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from heartbeat import context as contexts
from heartbeat import lifecycle, wake_payload, wakeups
from heartbeat.models import Run, WakeupRequest
from issues.api.comments import MetadataInput, PresentationInput
from issues.models import ApprovalLink, Interaction
from paperclip.companies import actors
from paperclip.companies.models import Activity
from paperclip.core import clock
from paperclip.governance.models import Approval
from tests import factories
from tests.heartbeat.test_claims import claim
from tests.heartbeat.test_comment_policy import end, speak, start
from tests.heartbeat.test_liveness import IN_A_STAGE
from tests.heartbeat.test_wakeups import wake

pytestmark = pytest.mark.django_db
REASON = "finish_successful_run_handoff"


@pytest.fixture
def issue(cast):
    return factories.issue(cast.company, assignee_agent=cast.engineer)


@pytest.fixture
def run(cast, issue):
    """A run that commented and is about to end with the issue in progress."""
    started = start(cast, issue)
    speak(started, "Wrote half of the parser.")
    return started


def requests():
    return WakeupRequest.objects.filter(reason=REASON)


def notices(issue):
    return issue.comments.filter(author_type="system", presentation__kind="system_notice")


def test_the_agent_is_asked_how_the_work_stands(cast, issue, run):  # HB-51
    end(run)

    request = requests().get()
    asked = request.run
    assert request.idempotency_key == f"{REASON}:{issue.pk}:{run.pk}:1"
    assert (asked.retry_of_run_id, asked.handoff_attempt, asked.status) == (run.pk, 1, "queued")
    assert (run.followup_mechanism, run.followup_attempt) == ("handoff", 1)
    wanted = {
        "handoffRequired": True,
        "handoffReason": "successful_run_missing_state",
        "missingDisposition": "clear_next_step",
        "validDispositionOptions": [
            "mark_done_or_cancelled",
            "send_for_review_or_ask_for_input",
            "mark_blocked",
            "delegate_or_continue_from_checkpoint",
        ],
        "detectedProgressSummary": "Wrote half of the parser.",
        "handoffAttempt": 1,
        "maxHandoffAttempts": 1,
        "resumeIntent": True,
        "followUpRequested": True,
        "resumeFromRunId": str(run.pk),
        "sourceRunId": str(run.pk),
        "modelProfile": "cheap",
    }
    for told in (request.payload, asked.context_snapshot):
        assert {key: told[key] for key in wanted} == wanted
        assert told["instruction"]
        assert told["issueId"] == str(issue.pk)
    assert asked.context_snapshot["wakeReason"] == REASON

    notice = notices(issue).get()
    assert (notice.presentation["tone"], notice.metadata["version"]) == ("warning", 1)
    assert notice.metadata["sourceRunId"] == str(run.pk)
    logged = Activity.objects.get(action="issue.successful_run_handoff_required")
    assert (logged.entity_id, logged.actor_type) == (str(issue.pk), "system")
    assert logged.details["sourceRunId"] == str(run.pk)
    assert logged.details["correctiveRunId"] == str(asked.pk)


def test_the_notice_has_the_shape_of_the_interface(cast, issue, run):  # I-12, I-13
    end(run)
    notice = notices(issue).get()
    assert PresentationInput.read(notice.presentation)["kind"] == "system_notice"
    assert MetadataInput.read(notice.metadata)["sections"][0]["rows"]
    shown = cast.as_owner.get(f"/api/issues/{issue.pk}/comments").json()[0]
    assert shown["metadata"]["sections"][0]["rows"][0]["type"] == "run_link"


def test_the_agent_reads_what_is_asked(cast, issue, run):
    end(run)
    (asked,) = claim()
    told = wake_payload.build(contexts.read(asked.context_snapshot), issue)["handoff"]
    assert (told["handoffReason"], told["sourceRunId"]) == ("successful_run_missing_state", str(run.pk))
    assert told["instruction"]
    assert wake_payload.build(contexts.read(run.context_snapshot), issue)["handoff"] is None


def test_the_question_works_on_the_issue_and_in_the_session(cast, issue, run):  # H-40
    end(run, session_params={"sessionId": "s-2"}, session_display_id="s-2")
    (asked,) = claim()
    issue.refresh_from_db()
    assert (asked.session_id_before, asked.task_key) == ("s-2", run.task_key)
    assert (issue.status, issue.checkout_run_id) == ("in_progress", asked.pk)


def test_a_question_that_was_called_off_is_asked_again(cast, issue, run):  # HB-52
    key = f"{REASON}:{issue.pk}:{run.pk}:1"
    WakeupRequest.objects.create(
        company=cast.company,
        agent=cast.engineer,
        issue=issue,
        source="automation",
        reason=REASON,
        status="cancelled",
        idempotency_key=key,
        requested_at=clock.now(),
    )

    end(run)

    assert WakeupRequest.objects.filter(idempotency_key=key).count() == 2
    assert run.followup_mechanism == "handoff"


def test_a_call_that_was_called_off_is_no_earlier_call(cast):  # HB-52, H-56
    first = wake(cast.engineer, reason="manual", source="on_demand", idempotency_key="k")
    lifecycle.cancel(run_id=first.run.pk, reason="No", actor=actors.system("test"), now=clock.now())
    again = wake(cast.engineer, reason="manual", source="on_demand", idempotency_key="k")
    assert again.run.pk != first.run.pk
    assert (
        wake(cast.engineer, reason="manual", source="on_demand", idempotency_key="k").run.pk == again.run.pk
    )


SECRETS = (
    "pcp_agent_" + "ab12" * 12,
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "sk-ant-" + "q7" * 20,
    "tulip-bulb-1637",
    "hunter2hunter2",
)


def test_no_secret_of_the_progress_is_passed_on(cast, issue):  # HB-53
    env = {"MINE": {"type": "plain", "value": "tulip-bulb-1637"}}
    type(cast.engineer).objects.filter(pk=cast.engineer.pk).update(adapter_config={"env": env})
    run = start(cast, issue)
    said = f"Keys {SECRETS[0]} {SECRETS[1]} {SECRETS[2]}, mine is {SECRETS[3]}, password={SECRETS[4]}"

    end(run, summary=said, result_json={"nextAction": said})

    assert run.followup_mechanism == "handoff"
    written = [
        requests().get().payload,
        requests().get().run.context_snapshot,
        *(row.body for row in issue.comments.all()),
        *(row.metadata for row in issue.comments.all()),
        *Activity.objects.filter(entity_id=str(issue.pk)).values_list("details", flat=True),
        *issue.document_links.values_list("document__latest_body", flat=True),
        (run.liveness_reason, run.next_action, run.followup_reason),
    ]
    for secret in SECRETS:
        assert secret not in repr(written)
    assert "***REDACTED***" in repr(written)
    for secret in (*SECRETS[:3], SECRETS[4]):
        assert secret not in repr(run.result_json)


def test_progress_is_told_in_at_most_280_characters(cast, issue):
    run = start(cast, issue)
    speak(run, "word " * 500)
    end(run)
    assert len(requests().get().payload["detectedProgressSummary"]) <= 280


def test_a_run_that_answered_is_not_asked_again(cast, issue, run):  # H-111
    end(run)
    (asked,) = claim()
    speak(asked, "I do not know")
    end(asked)

    assert asked.followup_mechanism != "handoff"
    assert requests().count() == 1
    assert Run.objects.filter(handoff_attempt__gt=1).count() == 0
    context = contexts.read(asked.context_snapshot)
    assert (context.more["handoffAttempt"], context.more["maxHandoffAttempts"]) == (1, 1)


def test_a_run_that_ended_its_work_is_not_asked(cast, issue, run):
    type(issue).objects.filter(pk=issue.pk).update(status="done")
    end(run)
    assert (run.followup_mechanism, run.liveness_state) == ("none", "completed")
    assert not notices(issue).exists()


def test_a_run_that_said_nothing_is_not_asked_how_it_stands(cast, issue):
    run = end(start(cast, issue))
    assert run.issue_comment_status == "retry_queued"
    assert not requests().exists()


def _question(cast, issue, run):
    Interaction.objects.create(
        company=cast.company,
        issue=issue,
        kind="ask_user_questions",
        continuation_policy="wake_assignee",
        payload={"version": 1, "questions": []},
        source_run=run,
    )


def _approval(cast, issue, run):
    asked = Approval.objects.create(company=cast.company, type="request_board_approval", payload={})
    ApprovalLink.objects.create(company=cast.company, issue=issue, approval=asked)


def _revision(cast, issue, run):
    _approval(cast, issue, run)
    Approval.objects.update(status="revision_requested")


def _blocker(cast, issue, run):
    factories.blocks(factories.issue(cast.company), issue)


def _recovery(cast, issue, run):
    factories.issue(cast.company, origin_kind="stranded_issue_recovery", origin_id=str(issue.pk))


def _paused(cast, issue, run):
    type(cast.engineer).objects.filter(pk=cast.engineer.pk).update(status="paused")


def _overspent(cast, issue, run):
    type(cast.company).objects.filter(pk=cast.company.pk).update(status="paused", pause_reason="budget")


def _staged(cast, issue, run):
    type(issue).objects.filter(pk=issue.pk).update(execution_state=IN_A_STAGE)


def _reassigned(cast, issue, run):
    type(issue).objects.filter(pk=issue.pk).update(assignee_agent=cast.peer)


def _monitored(cast, issue, run):
    context = {**run.context_snapshot, "wakeReason": "issue_monitor_due"}
    type(run).objects.filter(pk=run.pk).update(context_snapshot=context)


def _planned(cast, issue, run):
    type(issue).objects.filter(pk=issue.pk).update(monitor_next_check_at=clock.now() + timedelta(hours=1))


def _handed_down(cast, issue, run):
    factories.issue(cast.company, parent=issue, status="todo", assignee_agent=cast.peer)


def _forged(cast, issue, run):
    wakeups.enqueue(
        agent_id=cast.engineer.pk,
        company_id=cast.company.pk,
        call=wakeups.Call(reason="mine", idempotency_key=f"{REASON}:{issue.pk}:{run.pk}:1"),
        actor=actors.for_agent(cast.engineer),
        now=clock.now(),
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param(_question, "an answer to a question", id="H-111 pending interaction"),
        pytest.param(_approval, "waits for an approval", id="H-111 pending approval"),
        pytest.param(_revision, "waits for an approval", id="H-111 approval sent back"),
        pytest.param(_blocker, "waits for other issues", id="H-111 open blocker"),
        pytest.param(_recovery, "an issue of its own", id="H-111 recovery issue"),
        pytest.param(_paused, "not invokable", id="H-111 agent paused"),
        pytest.param(_overspent, "budget", id="H-111 budget"),
        pytest.param(_staged, "stage", id="H-111 execution state"),
        pytest.param(_reassigned, "no longer assigned", id="H-111 reassigned"),
        pytest.param(_monitored, "looked after", id="H-111 monitor run"),
        pytest.param(_planned, "monitor", id="a planned look"),
        pytest.param(_handed_down, "children", id="children at work"),
        pytest.param(_forged, "called for already", id="H-111 the same key, whoever wrote it"),
    ],
)
def test_nobody_is_asked_when(cast, issue, run, change, why):
    change(cast, issue, run)
    end(run)
    assert (run.status, run.followup_mechanism) == ("succeeded", "none")
    assert why in run.followup_reason
    assert not requests().exists()
    assert not notices(issue).exists()


@pytest.mark.parametrize(
    "status", [pytest.param("done", id="H-111 done"), pytest.param("cancelled", id="H-5 cancelled")]
)
def test_a_blocker_that_is_over_does_not_hold_the_question(cast, issue, run, status):
    """A cancelled one does not for the question itself; the gate of every call knows done ones only."""
    factories.blocks(factories.issue(cast.company, status=status), issue)
    end(run)
    if status == "done":
        assert run.followup_mechanism == "handoff"
    else:
        assert "waits for other issues" in run.followup_reason


# --- How the question stands, on the issue ---------------------------------------------------------------


def shown(cast, issue):
    """What GET of the issue and its row in the list say, which is the same."""
    detail = cast.as_owner.get(f"/api/issues/{issue.pk}").json()["successfulRunHandoff"]
    rows = cast.as_owner.get(f"/api/companies/{cast.company.pk}/issues").json()
    (listed,) = [row["successfulRunHandoff"] for row in rows if row["id"] == str(issue.pk)]
    assert listed == detail
    return detail


def test_an_issue_that_was_never_asked_about_says_nothing(cast, issue):  # I-142
    assert shown(cast, issue) is None


def test_the_question_is_shown_until_somebody_answers_it(cast, issue, run):  # I-142, I-157
    end(run)
    asked = requests().get().run

    question = shown(cast, issue)
    assert {**question, "createdAt": None} == {
        "state": "required",
        "required": True,
        "sourceRunId": str(run.pk),
        "correctiveRunId": str(asked.pk),
        "assigneeAgentId": str(cast.engineer.pk),
        "detectedProgressSummary": "Wrote half of the parser.",
        "createdAt": None,
    }

    assert cast.as_owner.patch(f"/api/issues/{issue.pk}", {"status": "done"}).status_code == 200

    entry = Activity.objects.get(action="issue.successful_run_handoff_resolved")
    assert (entry.details["resolvedByStatus"], entry.details["correctiveRunId"]) == ("done", str(asked.pk))
    answered = shown(cast, issue)
    assert (answered["state"], answered["required"]) == ("resolved", False)


def test_a_question_that_the_product_hands_on_is_escalated_and_not_answered(cast, issue, run):  # H-146
    end(run)
    (asked,) = claim()
    end(asked)
    issue.refresh_from_db()
    assert issue.status == "blocked"
    assert not Activity.objects.filter(action="issue.successful_run_handoff_resolved").exists()
    handed_on = shown(cast, issue)
    assert (handed_on["state"], handed_on["sourceRunId"]) == ("escalated", str(run.pk))


def test_a_change_without_a_question_answers_none(cast, issue, run):
    assert cast.as_owner.patch(f"/api/issues/{issue.pk}", {"status": "done"}).status_code == 200
    assert not Activity.objects.filter(action__startswith="issue.successful_run_handoff").exists()
