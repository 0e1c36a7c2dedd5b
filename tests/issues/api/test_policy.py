"""Execution policies by the interface: who judges finished work, and what follows (section 8 of the contract)."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from heartbeat.models import WakeupRequest
from issues.models import Decision, Interaction, Issue
from paperclip.companies.models import Grant
from paperclip.core import clock
from paperclip.governance.models import Approval
from tests import factories
from tests.cast import Caller
from tests.issues import log

BY_ENGINEER, BY_PEER = "engineer", "peer"


def agent(who):
    return {"type": "agent", "agentId": str(who.pk)}


def person(who):
    return {"type": "user", "userId": str(who.pk)}


def stage(kind, *people):
    return {"type": kind, "participants": list(people)}


def policy(*stages, **more):
    return {"stages": list(stages), **more}


def send(caller, issue, code=200, /, **body):
    answer = caller.patch(f"/api/issues/{issue.pk}", body)
    assert answer.status_code == code, answer.content
    return answer.json()


@pytest.fixture
def reviewed(cast):
    """The engineer's work in progress, to be reviewed by the peer and approved by the manager; and how each calls."""
    return Reviewed(cast)


class Reviewed:
    def __init__(self, cast):
        self.cast = cast
        self.issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="in_progress")
        self.run = factories.run(cast.engineer, issue=self.issue)
        Issue.objects.filter(pk=self.issue.pk).update(checkout_run=self.run, execution_run=self.run)
        self.worker = cast.as_agent(cast.engineer, run_id=self.run.pk)
        self.reviewer, self.approver = cast.as_agent(cast.peer), cast.as_agent(cast.manager)
        self.set(policy(stage("review", agent(cast.peer)), stage("approval", agent(cast.manager))))

    def set(self, wanted):
        self.stored = send(self.cast.as_owner, self.issue, executionPolicy=wanted)["executionPolicy"]

    def finish(self, **more):
        return send(self.worker, self.issue, status="done", **more)


def hands(row):
    return row["status"], row["assigneeAgentId"], row["assigneeUserId"]


# --- What a policy is ------------------------------------------------------------------------------------


def test_policy_is_put_in_order(cast):
    """I-99."""
    issue = factories.issue(cast.company)
    peer = agent(cast.peer)
    sent = policy(
        stage("review", peer, peer, person(cast.owner)),
        stage("approval"),
        commentRequired=False,
        unknown="dropped",
    )

    stored = send(cast.as_owner, issue, executionPolicy=sent)["executionPolicy"]

    (only,) = stored["stages"]
    assert (stored["mode"], stored["commentRequired"], "monitor" in stored) == ("normal", True, False)
    assert (only["type"], only["approvalsNeeded"]) == ("review", 1)
    assert [(each["agentId"], each["userId"]) for each in only["participants"]] == [
        (str(cast.peer.pk), None),
        (None, str(cast.owner.pk)),
    ]
    assert len({only["id"], *(each["id"] for each in only["participants"])}) == 3
    assert cast.as_owner.get(f"/api/issues/{issue.pk}").json()["executionPolicy"] == stored
    again = send(cast.as_owner, issue, executionPolicy=stored)["executionPolicy"]
    assert again == stored, "what was read can be sent back"


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(None, id="I-99 null"),
        pytest.param({}, id="I-99 empty"),
        pytest.param({"stages": []}, id="I-99 no stage"),
    ],
)
def test_policy_that_asks_for_nothing_is_none(cast, sent):
    issue = factories.issue(cast.company)
    send(cast.as_owner, issue, executionPolicy=policy(stage("review", agent(cast.peer))))

    assert send(cast.as_owner, issue, executionPolicy=sent)["executionPolicy"] is None


NOBODY = {"type": "agent", "agentId": factories.NO_SUCH_ID}


@pytest.mark.parametrize(
    ("sent", "where"),
    [
        pytest.param("x", "executionPolicy", id="I-99 no object"),
        pytest.param({"mode": "wild"}, "executionPolicy.mode", id="I-22 mode"),
        pytest.param({"stages": "x"}, "executionPolicy.stages", id="I-22 stages"),
        pytest.param({"stages": [{}]}, "executionPolicy.stages.0.type", id="I-22 no type"),
        pytest.param({"stages": [{"type": "party"}]}, "executionPolicy.stages.0.type", id="I-22 type"),
        pytest.param(
            {"stages": [{"type": "review", "approvalsNeeded": 2}]},
            "executionPolicy.stages.0.approvalsNeeded",
            id="I-99 two approvals",
        ),
        pytest.param(
            {"stages": [{"type": "review", "id": "x"}]}, "executionPolicy.stages.0.id", id="I-22 id"
        ),
        pytest.param(
            policy(stage("review", {})), "executionPolicy.stages.0.participants.0.type", id="I-99 who"
        ),
        pytest.param(
            policy(stage("review", {"type": "agent"})),
            "executionPolicy.stages.0.participants.0.agentId",
            id="I-99 no agent",
        ),
        pytest.param(
            policy(stage("review", {**NOBODY, "userId": factories.NO_SUCH_ID})),
            "executionPolicy.stages.0.participants.0.userId",
            id="I-99 agent and person",
        ),
        pytest.param(
            policy(stage("review", {"type": "user", "agentId": factories.NO_SUCH_ID})),
            "executionPolicy.stages.0.participants.0.userId",
            id="I-99 no person",
        ),
        pytest.param({"monitor": {}}, "executionPolicy.monitor.nextCheckAt", id="I-22 no time"),
        pytest.param(
            {"monitor": {"nextCheckAt": "soon"}}, "executionPolicy.monitor.nextCheckAt", id="I-22 time"
        ),
        pytest.param(
            {"monitor": {"nextCheckAt": "2030-01-01T00:00:00Z", "maxAttempts": 101}},
            "executionPolicy.monitor.maxAttempts",
            id="I-22 attempts",
        ),
        pytest.param(
            {"monitor": {"nextCheckAt": "2030-01-01T00:00:00Z", "notes": "x" * 501}},
            "executionPolicy.monitor.notes",
            id="I-22 notes",
        ),
    ],
)
@pytest.mark.parametrize("door", ["create", "child", "patch"])
def test_policy_that_breaks_its_schema_is_named(cast, sent, where, door):
    issue = factories.issue(cast.company)

    if door == "create":
        answer = cast.as_owner.post(
            f"/api/companies/{cast.company.pk}/issues", {"title": "x", "executionPolicy": sent}
        )
    elif door == "child":
        answer = cast.as_owner.post(
            f"/api/issues/{issue.pk}/children", {"title": "x", "executionPolicy": sent}
        )
    else:
        answer = cast.as_owner.patch(f"/api/issues/{issue.pk}", {"executionPolicy": sent})

    assert answer.status_code == 400, answer.content
    assert where in [".".join(map(str, each["path"])) for each in answer.json()["details"]]


def test_participants_must_be_there(cast):
    """IW-30."""
    issue = factories.issue(cast.company)
    gone = factories.agent(cast.company, status="terminated")

    for who in (NOBODY, agent(cast.foreign_agent), agent(gone), person(cast.outsider)):
        answer = send(cast.as_owner, issue, 422, executionPolicy=policy(stage("review", who)))
        assert answer["error"] == "Execution policy names participants the company does not have"
        told = answer["details"]["participants"][0]
        assert {name: told[name] for name in who} == who


def test_policy_with_somebody_who_left_can_be_sent_back(cast):
    """IW-30: a client that edits what it read is not refused for what it did not touch."""
    issue = factories.issue(cast.company)
    stored = send(cast.as_owner, issue, executionPolicy=policy(stage("review", agent(cast.peer))))[
        "executionPolicy"
    ]
    type(cast.peer).objects.filter(pk=cast.peer.pk).update(status="terminated")

    stored["stages"][0]["participants"].append(agent(cast.manager))
    kept = send(cast.as_owner, issue, executionPolicy=stored)["executionPolicy"]

    assert len(kept["stages"][0]["participants"]) == 2


def test_two_stages_of_one_id_are_refused(cast):
    issue, same = factories.issue(cast.company), str(uuid4())
    twice = policy(
        {**stage("review", agent(cast.peer)), "id": same}, {**stage("approval", agent(cast.peer)), "id": same}
    )

    assert send(cast.as_owner, issue, 422, executionPolicy=twice)["error"] == "Invalid execution policy"


def test_new_issues_take_a_policy_and_ask_nobody_yet(cast, calls):
    body = {
        "title": "x",
        "status": "in_review",
        "assigneeAgentId": str(cast.engineer.pk),
        "executionPolicy": policy(stage("review", agent(cast.peer))),
    }

    row = cast.as_owner.post(f"/api/companies/{cast.company.pk}/issues", body).json()

    assert (row["executionState"], row["assigneeAgentId"]) == (None, str(cast.engineer.pk))
    assert [wake.reason for wake in calls] == ["issue_assigned"]


def test_who_judges_is_logged(cast):
    """I-157, IW-29: over all stages of a type."""
    issue = factories.issue(cast.company)
    first = policy(stage("review", agent(cast.peer)), stage("review", agent(cast.manager)))
    send(cast.as_owner, issue, executionPolicy=first)
    send(
        cast.as_owner, issue, executionPolicy=policy(stage("review", agent(cast.manager), person(cast.owner)))
    )
    send(cast.as_owner, issue, title="no change of policy")

    made, changed = (
        row.details
        for row in log.Activity.objects.filter(action="issue.reviewers_updated").order_by("created_at")
    )
    who = {
        name: {"type": "agent", "agentId": str(getattr(cast, name).pk), "userId": None}
        for name in ("peer", "manager")
    }
    owner = {"type": "user", "agentId": None, "userId": str(cast.owner.pk)}
    assert made["addedParticipants"] == made["participants"] == [who["peer"], who["manager"]]
    assert changed["participants"] == [who["manager"], owner]
    assert (changed["addedParticipants"], changed["removedParticipants"]) == ([owner], [who["peer"]])
    assert "issue.approvers_updated" not in log.actions(issue)


# --- Through the stages ----------------------------------------------------------------------------------


def test_finished_work_is_reviewed_first(reviewed, calls):
    """IC-76."""
    cast = reviewed.cast

    row = reviewed.finish(comment="Ready")

    assert hands(row) == ("in_review", str(cast.peer.pk), None)
    assert (row["completedAt"], row["checkoutRunId"], row["executionRunId"]) == (None, None, None)
    state = row["executionState"]
    review = reviewed.stored["stages"][0]
    peer = {"type": "agent", "agentId": str(cast.peer.pk), "userId": None}
    engineer = {"type": "agent", "agentId": str(cast.engineer.pk), "userId": None}
    assert state == {
        "status": "pending",
        "currentStageId": review["id"],
        "currentStageIndex": 0,
        "currentStageType": "review",
        "currentParticipant": peer,
        "returnAssignee": engineer,
        "reviewRequest": None,
        "completedStageIds": [],
        "lastDecisionId": None,
        "lastDecisionOutcome": None,
        "monitor": None,
    }
    (wake,) = calls
    executing = {
        "wakeRole": "reviewer",
        "stageId": review["id"],
        "stageType": "review",
        "currentParticipant": peer,
        "returnAssignee": engineer,
        "reviewRequest": None,
        "lastDecisionOutcome": None,
        "allowedActions": ["approve", "request_changes"],
    }
    issue_id = str(reviewed.issue.pk)
    assert (wake.agent_id, wake.reason, wake.source) == (
        cast.peer.pk,
        "execution_review_requested",
        "assignment",
    )
    assert wake.payload == {"issueId": issue_id, "mutation": "update", "executionStage": executing}
    assert wake.context == {
        "issueId": issue_id,
        "taskId": issue_id,
        "wakeReason": "execution_review_requested",
        "source": "issue.execution_stage",
        "executionStage": executing,
    }
    told = log.details(reviewed.issue, "issue.comment_added")
    assert told["updated"] is True
    updated = [each for each in _updates(reviewed.issue) if "status" in each][-1]
    assert (updated["status"], updated["assigneeAgentId"]) == ("in_review", str(cast.peer.pk))
    assert updated["_previous"]["status"] == "in_progress"


def _updates(issue):
    rows = log.Activity.objects.filter(entity_id=str(issue.pk), action="issue.updated").order_by("created_at")
    return [row.details for row in rows]


def test_wake_reaches_the_run_engine_and_waits_for_the_run(reviewed):
    """H-57: the reviewer's run starts when the executor's has ended."""
    reviewed.finish()

    request = WakeupRequest.objects.get(agent=reviewed.cast.peer)
    assert (request.reason, request.status) == ("issue_execution_deferred", "deferred_issue_execution")
    assert request.payload["executionStage"]["wakeRole"] == "reviewer"


@pytest.mark.parametrize("comment", [None, "   "])
def test_approval_needs_a_comment(reviewed, comment):
    """IC-77."""
    reviewed.finish()

    more = {"comment": comment} if comment else {}
    answer = send(reviewed.reviewer, reviewed.issue, 422, status="done", **more)

    assert answer["error"] == "Approving a review or approval stage requires a comment"
    assert not Decision.objects.exists()
    assert not reviewed.issue.comments.exists(), "nothing is written"


def test_every_stage_is_passed_before_the_work_is_done(reviewed, calls):
    """IC-78, IC-79, I-109."""
    cast, issue = reviewed.cast, reviewed.issue
    reviewed.finish()

    row = send(reviewed.reviewer, issue, status="done", comment=" Looks right ")

    assert hands(row) == ("in_review", str(cast.manager.pk), None)
    assert row["executionState"]["currentStageType"] == "approval"
    assert row["executionState"]["completedStageIds"] == [reviewed.stored["stages"][0]["id"]]
    first = Decision.objects.get()
    assert (first.outcome, first.body, first.stage_type, first.actor_agent_id) == (
        "approved",
        "Looks right",
        "review",
        cast.peer.pk,
    )
    assert row["executionState"]["lastDecisionId"] == str(first.pk)
    assert [(wake.agent_id, wake.reason) for wake in calls] == [
        (cast.peer.pk, "execution_review_requested"),
        (cast.manager.pk, "execution_approval_requested"),
    ]
    assert calls[-1].payload["executionStage"]["lastDecisionOutcome"] == "approved"

    row = send(reviewed.approver, issue, status="done", comment="Ship")

    assert hands(row) == ("done", str(cast.manager.pk), None)
    assert row["completedAt"] is not None
    state, last = row["executionState"], Decision.objects.order_by("-created_at").first()
    assert (state["status"], state["lastDecisionId"], state["currentStageId"]) == (
        "completed",
        str(last.pk),
        None,
    )
    assert (last.outcome, last.stage_type) == ("approved", "approval")
    assert len(calls) == 2, "done work calls nobody"


def test_changes_go_back_and_come_again(reviewed, calls):
    """IC-80, IC-81."""
    cast, issue = reviewed.cast, reviewed.issue
    reviewed.finish()

    row = send(reviewed.reviewer, issue, status="in_progress", comment="Not yet")

    assert hands(row) == ("in_progress", str(cast.engineer.pk), None)
    assert (row["executionState"]["status"], row["executionState"]["lastDecisionOutcome"]) == (
        "changes_requested",
        "changes_requested",
    )
    decision = Decision.objects.get()
    assert (decision.outcome, str(decision.pk)) == (
        "changes_requested",
        row["executionState"]["lastDecisionId"],
    )
    wake = calls[-1]
    assert (wake.agent_id, wake.reason) == (cast.engineer.pk, "execution_changes_requested")
    assert (wake.payload["executionStage"]["wakeRole"], wake.payload["executionStage"]["allowedActions"]) == (
        "executor",
        ["address_changes", "resubmit"],
    )

    again = reviewed.finish(reviewRequest={"instructions": "Look at the tests"})

    assert hands(again) == ("in_review", str(cast.peer.pk), None)
    assert again["executionState"]["reviewRequest"] == {"instructions": "Look at the tests"}
    assert [wake.reason for wake in calls][-1] == "execution_review_requested"
    assert calls[-1].payload["executionStage"]["reviewRequest"] == {"instructions": "Look at the tests"}


def test_decision_keeps_the_run_it_came_from(reviewed):
    """I-4, I-24."""
    reviewed.finish()
    run = factories.run(reviewed.cast.peer)

    send(
        reviewed.cast.as_agent(reviewed.cast.peer, run_id=run.pk),
        reviewed.issue,
        status="done",
        comment="fine",
    )

    row = Decision.objects.values().get()
    (stage, _) = reviewed.stored["stages"]
    assert {
        name: row[name] for name in ("issue_id", "company_id", "created_by_run_id", "stage_type", "outcome")
    } == {
        "issue_id": reviewed.issue.pk,
        "company_id": reviewed.cast.company.pk,
        "created_by_run_id": run.pk,
        "stage_type": "review",
        "outcome": "approved",
    }
    assert (str(row["stage_id"]), row["body"]) == (stage["id"], "fine")
    assert (row["actor_agent_id"], row["actor_user_id"]) == (reviewed.cast.peer.pk, None)


def test_people_judge_too(reviewed, calls):
    cast, issue = reviewed.cast, reviewed.issue
    reviewed.set(policy(stage("approval", person(cast.operator))))
    row = reviewed.finish()

    assert hands(row) == ("in_review", None, str(cast.operator.pk))
    assert not calls, "people are not woken"
    send(cast.as_owner, issue, 422, status="done", comment="me too")
    row = send(cast.as_operator, issue, status="in_progress", comment="No")
    assert hands(row) == ("in_progress", str(cast.engineer.pk), None)
    assert Decision.objects.get().actor_user_id == cast.operator.pk


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"status": "done", "comment": "x"}, id="IC-82 done"),
        pytest.param({"status": "in_progress"}, id="IC-82 in_progress"),
        pytest.param({"assigneeAgentId": "Engineer"}, id="I-104 assignee"),
    ],
)
def test_board_cannot_decide_for_the_participant(reviewed, body):
    reviewed.finish()

    answer = send(reviewed.cast.as_owner, reviewed.issue, 422, **body)

    assert answer["error"] == "Only the active reviewer or approver can advance the current execution stage"


def test_other_edits_go_on_during_a_review(reviewed, calls):
    """IC-82."""
    row = reviewed.finish()
    calls.clear()

    after = send(reviewed.cast.as_owner, reviewed.issue, title="Other", comment="A word")

    assert (after["title"], after["executionState"], hands(after)) == (
        "Other",
        row["executionState"],
        hands(row),
    )
    assert [wake.reason for wake in calls] == ["issue_commented"]


def test_board_cancels_during_a_review(reviewed):
    """IW-26."""
    reviewed.finish()

    row = send(reviewed.cast.as_owner, reviewed.issue, status="cancelled")

    assert (row["status"], row["executionState"]) == ("cancelled", None)


def test_executor_cannot_choose_who_judges(reviewed):
    """IC-83; I-109: and needs no grant for what the workflow assigns."""
    cast = reviewed.cast
    Grant.objects.filter(principal_id=cast.engineer.pk, permission_key="tasks:assign").delete()

    row = send(
        reviewed.worker,
        reviewed.issue,
        status="in_review",
        assigneeAgentId=str(cast.ceo.pk),
        reviewRequest={"instructions": "look"},
    )

    assert hands(row) == ("in_review", str(cast.peer.pk), None)
    assert row["executionState"]["reviewRequest"] == {"instructions": "look"}


@pytest.mark.parametrize("next_", [None, "manager"])
def test_nobody_reviews_their_own_work(reviewed, next_):
    """IC-84."""
    cast = reviewed.cast
    stages = [stage("review", agent(cast.engineer))]
    if next_:
        stages.append(stage("approval", agent(cast.manager)))
    reviewed.set(policy(*stages))

    row = reviewed.finish()

    assert row["executionState"]["completedStageIds"] == [reviewed.stored["stages"][0]["id"]]
    expected = ("in_review", str(cast.manager.pk)) if next_ else ("done", str(cast.engineer.pk))
    assert hands(row)[:2] == expected


def test_policy_on_work_in_review_does_nothing(cast, calls):
    """IC-85."""
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="in_review")

    row = send(cast.as_owner, issue, executionPolicy=policy(stage("review", agent(cast.peer))))

    assert (row["executionState"], hands(row)) == (None, ("in_review", str(cast.engineer.pk), None))
    assert not calls


def test_reopened_work_starts_over(reviewed):
    """I-107, IC-86."""
    reviewed.finish()
    send(reviewed.reviewer, reviewed.issue, status="done", comment="a")
    send(reviewed.approver, reviewed.issue, status="done", comment="b")

    row = send(reviewed.cast.as_owner, reviewed.issue, status="todo")

    assert (row["status"], row["executionState"]) == ("todo", None)
    assert row["executionPolicy"] == reviewed.stored


@pytest.mark.parametrize(
    "body", [{"status": "todo"}, {"comment": "Again please"}, {"comment": "x", "reopen": True}]
)
def test_reopening_by_any_door_forgets_the_judgements(reviewed, body):
    """IC-86, I-76, IW-25."""
    Issue.objects.filter(pk=reviewed.issue.pk).update(
        status="done", execution_state={"status": "completed", "completedStageIds": []}
    )

    assert send(reviewed.cast.as_owner, reviewed.issue, **body)["executionState"] is None


def test_work_out_of_step_is_put_back(reviewed, calls):
    """I-105."""
    cast, issue = reviewed.cast, reviewed.issue
    reviewed.finish()
    run = factories.run(cast.peer)
    released = cast.as_agent(cast.peer, run_id=run.pk).post(f"/api/issues/{issue.pk}/release").json()
    assert hands(released) == ("todo", None, None)
    calls.clear()

    row = send(cast.as_owner, issue, title="Anything", assigneeAgentId=str(cast.ceo.pk))

    assert hands(row) == ("in_review", str(cast.peer.pk), None)
    assert row["executionState"]["returnAssignee"]["agentId"] == str(cast.engineer.pk)
    assert [(wake.agent_id, wake.reason) for wake in calls] == [(cast.peer.pk, "execution_review_requested")]


def test_removed_policy_sends_the_work_back(reviewed, calls):
    """I-106."""
    cast = reviewed.cast
    reviewed.finish()
    calls.clear()

    row = send(cast.as_owner, reviewed.issue, executionPolicy=None)

    assert hands(row) == ("in_progress", str(cast.engineer.pk), None)
    assert (row["executionState"], row["executionPolicy"]) == (None, None)
    assert [(wake.agent_id, wake.reason) for wake in calls] == [(cast.engineer.pk, "issue_assigned")]


def test_removed_participant_is_followed_by_another(reviewed, calls):
    """I-106."""
    cast = reviewed.cast
    reviewed.finish()
    calls.clear()
    changed = {**reviewed.stored, "stages": [dict(each) for each in reviewed.stored["stages"]]}
    changed["stages"][0]["participants"] = [agent(cast.ceo)]

    row = send(cast.as_owner, reviewed.issue, executionPolicy=changed)

    assert hands(row) == ("in_review", str(cast.ceo.pk), None)
    assert [(wake.agent_id, wake.reason) for wake in calls] == [(cast.ceo.pk, "execution_review_requested")]


@pytest.mark.parametrize(
    ("request_", "status", "error"),
    [
        pytest.param(
            {"instructions": "x"},
            422,
            "reviewRequest requires an active review or approval stage",
            id="I-108",
        ),
        pytest.param(None, 200, None, id="I-108 null"),
        pytest.param({"instructions": ""}, 400, "Validation error", id="I-23 empty"),
        pytest.param({}, 400, "Validation error", id="I-23 nothing"),
        pytest.param({"instructions": "x", "more": 1}, 400, "Validation error", id="I-2 unknown key"),
        pytest.param({"instructions": "x" * 20_001}, 400, "Validation error", id="I-23 long"),
    ],
)
def test_instructions_need_a_review(cast, request_, status, error):
    issue = factories.issue(cast.company)

    assert send(cast.as_owner, issue, status, reviewRequest=request_).get("error") == error


def test_instructions_change_during_a_review(reviewed, calls):
    """I-108."""
    reviewed.finish()
    calls.clear()

    row = send(reviewed.cast.as_owner, reviewed.issue, reviewRequest={"instructions": "new"})
    assert row["executionState"]["reviewRequest"] == {"instructions": "new"}
    row = send(reviewed.cast.as_owner, reviewed.issue, reviewRequest=None)
    assert row["executionState"]["reviewRequest"] is None
    assert not calls, "I-91: nothing that concerns who is asked"


def test_done_behind_a_blocker_is_still_judged(reviewed):
    """Stages come before what closing the issue means for others."""
    waiting = factories.issue(reviewed.cast.company, assignee_agent=reviewed.cast.ceo)
    factories.blocks(reviewed.issue, waiting)

    reviewed.finish()

    assert not WakeupRequest.objects.filter(issue=waiting).exists()


def test_closing_by_approval_calls_whoever_waited(reviewed, calls):
    """I-83."""
    cast = reviewed.cast
    waiting = factories.issue(cast.company, assignee_agent=cast.ceo)
    factories.blocks(reviewed.issue, waiting)
    reviewed.finish()
    send(reviewed.reviewer, reviewed.issue, status="done", comment="a")
    calls.clear()

    send(reviewed.approver, reviewed.issue, status="done", comment="b")

    assert [(wake.issue_id, wake.reason) for wake in calls] == [(waiting.pk, "issue_blockers_resolved")]


# --- Review paths ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("nothing", 422, id="IC-87 nothing"),
        pytest.param("interaction", 200, id="IC-87 pending interaction"),
        pytest.param("answered", 422, id="I-45 answered interaction"),
        pytest.param("approval", 200, id="I-45 linked approval"),
        pytest.param("monitor", 200, id="IC-87 monitor"),
        pytest.param("participant", 200, id="IC-87 participant"),
        pytest.param("person", 200, id="I-45 person"),
    ],
)
def test_agents_move_into_review_only_where_somebody_judges(cast, path, status):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, created_by_user=cast.owner)
    body = {"status": "in_review"}
    match path:
        case "interaction" | "answered":
            pending = path == "interaction"
            Interaction.objects.create(
                company=cast.company,
                issue=issue,
                kind="ask_user_questions",
                status="pending" if pending else "answered",
                continuation_policy="none",
                payload={},
                resolved_at=None if pending else clock.now(),
            )
        case "approval":
            approval = Approval.objects.create(company=cast.company, type="hire_agent", payload={})
            issue.approval_links.create(company=cast.company, approval=approval)
        case "monitor":
            body["executionPolicy"] = {
                "monitor": {"nextCheckAt": clock.iso(clock.now() + timedelta(hours=1))}
            }
        case "participant":
            body["executionPolicy"] = policy(stage("review", agent(cast.peer)))
        case "person":
            body |= {"assigneeAgentId": None, "assigneeUserId": str(cast.owner.pk)}

    answer = send(cast.as_agent(cast.engineer), issue, status, **body)

    if status == 422:
        assert (answer["details"]["code"], answer["details"]["missing"]) == (
            "invalid_issue_disposition",
            "review_path",
        )
        assert send(cast.as_owner, issue, **body)["status"] == "in_review", (
            "IC-87: board moves are unrestricted"
        )


# --- The order of checks ---------------------------------------------------------------------------------


def test_checks_come_in_order(reviewed):
    """I-47: what is wrong with the policy before whose turn it is, that before who may assign."""
    cast, issue = reviewed.cast, reviewed.issue
    reviewed.finish()
    Grant.objects.filter(principal_id=cast.operator.pk, permission_key="tasks:assign").delete()
    caller = Caller(factories.board_token(cast.operator))
    body = {"assigneeAgentId": str(cast.ceo.pk), "status": "todo"}

    assert send(
        caller,
        issue,
        404,
        assigneeAgentId=factories.NO_SUCH_ID,
        executionPolicy=policy(stage("review", NOBODY)),
    )
    assert send(caller, issue, 400, resume=True, executionPolicy=policy(stage("review", NOBODY)), **body)
    wrong = send(caller, issue, 422, executionPolicy=policy(*[stage("review", NOBODY)]), **body)
    assert wrong["error"] == "Execution policy names participants the company does not have"
    assert "active reviewer" in send(caller, issue, 422, **body)["error"]
    assert (
        send(caller, factories.issue(cast.company), 403, **body)["error"]
        == "Missing permission: tasks:assign"
    )
    assert (
        send(caller, factories.issue(cast.company), 422, reviewRequest={"instructions": "x"}, **body)["error"]
        == "reviewRequest requires an active review or approval stage"
    )


def test_owner_of_the_work_keeps_its_rights(reviewed):
    """I-47: the guard of agents comes first."""
    reviewed.finish()

    assert send(reviewed.worker, reviewed.issue, 403, status="done")["error"].startswith(
        "Agent cannot mutate"
    )
