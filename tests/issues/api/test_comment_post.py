"""`POST /issues/:id/comments`: something is said on an issue, and what follows."""

from __future__ import annotations

import pytest

from issues.models import Comment, Issue
from paperclip.companies.models import Activity
from tests import factories
from tests.issues import log


def say(caller, issue, body="A word", **more):
    return caller.post(f"/api/issues/{issue.pk}/comments", {"body": body, **more})


def assigned(cast, status="todo", **fields):
    return factories.issue(cast.company, assignee_agent=cast.engineer, status=status, **fields)


def test_board_comments(cast, calls):
    issue = assigned(cast)

    answer = say(cast.as_owner, issue, "one\\ntwo", authorType="user")

    assert answer.status_code == 201
    row = answer.json()
    assert (row["body"], row["authorUserId"], row["authorType"]) == ("one\ntwo", str(cast.owner.id), "user")
    (wake,) = calls
    assert (wake.agent_id, wake.reason, wake.source) == (cast.engineer.id, "issue_commented", "automation")
    assert wake.payload == {"issueId": str(issue.pk), "commentId": row["id"], "mutation": "comment"}
    assert wake.context == {
        "issueId": str(issue.pk),
        "taskId": str(issue.pk),
        "commentId": row["id"],
        "wakeCommentId": row["id"],
        "wakeReason": "issue_commented",
        "source": "issue.comment",
    }
    told = log.details(issue, "issue.comment_added")
    assert (told["bodySnippet"], told["identifier"], told["issueTitle"]) == (
        "one\ntwo",
        issue.identifier,
        issue.title,
    )


def test_comment_moves_the_issues_times(cast):
    issue = assigned(cast)

    row = say(cast.as_owner, issue).json()

    after = cast.as_owner.get(f"/api/issues/{issue.pk}").json()
    assert after["updatedAt"] == after["lastActivityAt"] == row["createdAt"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"body": ""}, 400, id="I-69 empty"),
        pytest.param({"body": None}, 400, id="I-69 null"),
        pytest.param({"body": 5}, 400, id="I-69 number"),
        pytest.param({"authorType": "robot"}, 400, id="I-69 unknown author"),
        pytest.param({"authorType": "agent"}, 422, id="I-69 not the caller's kind"),
        pytest.param({"reopen": "yes"}, 400, id="I-69 flag is a boolean"),
        pytest.param({"presentation": {"kind": "banner"}}, 400, id="I-12 unknown kind"),
        pytest.param({"presentation": {"colour": "red"}}, 400, id="I-2 presentation is strict"),
        pytest.param({"presentation": {"title": ""}}, 400, id="I-12 empty title"),
        pytest.param(
            {"metadata": {"version": 2, "sections": [{"rows": [{"type": "text", "text": "x"}]}]}},
            400,
            id="I-13",
        ),
        pytest.param({"metadata": {"version": 1, "sections": []}}, 400, id="I-13 no section"),
        pytest.param({"metadata": {"version": 1, "sections": [{"rows": []}]}}, 400, id="I-13 no row"),
        pytest.param(
            {"metadata": {"version": 1, "sections": [{"rows": [{"type": "text"}]}]}}, 400, id="I-13 no text"
        ),
        pytest.param(
            {
                "metadata": {
                    "version": 1,
                    "sections": [{"rows": [{"type": "text", "text": "x", "code": "y"}]}],
                }
            },
            400,
            id="I-13 another kind's part",
        ),
        pytest.param(
            {"metadata": {"version": 1, "sections": [{"rows": [{"type": "text", "text": "x"}], "x": 1}]}},
            400,
            id="IC-61 unknown key",
        ),
        pytest.param(
            {"metadata": {"version": 1, "sections": [{"rows": [{"type": "issue_link", "title": "x"}]}]}},
            400,
            id="I-13 link to nothing",
        ),
        pytest.param(
            {"metadata": {"version": 1, "sections": [{"rows": [{"type": "text", "text": "x" * 2001}]}]}},
            400,
            id="I-13 long text",
        ),
    ],
)
def test_bad_bodies_write_nothing(cast, body, status):
    issue = assigned(cast)

    assert say(cast.as_owner, issue, **{"body": "x"} | body).status_code == status
    assert not Comment.objects.exists()


def test_structured_comment_is_kept_as_it_was_sent(cast):
    issue = assigned(cast)
    metadata = {
        "version": 1,
        "sections": [
            {
                "title": "Facts",
                "rows": [
                    {"type": "key_value", "label": "Cost", "value": "$1"},
                    {"type": "issue_link", "identifier": "PAP-1"},
                    {"type": "run_link", "runId": "00000000-0000-4000-8000-000000000000", "title": "run"},
                    {"type": "code", "code": "print()", "language": "python"},
                ],
            }
        ],
    }

    row = say(cast.as_owner, issue, presentation={"tone": "warning"}, metadata=metadata).json()

    assert row["presentation"] == {"kind": "message", "tone": "warning", "detailsDefaultOpen": False}
    assert row["metadata"] == metadata
    assert cast.as_owner.get(f"/api/issues/{issue.pk}/comments").json()[0]["metadata"] == metadata


def test_agents_write_plain_comments(cast):
    """IC-60."""
    issue = assigned(cast)

    for extra in (
        {"presentation": {"tone": "info"}},
        {"metadata": {"version": 1, "sections": [{"rows": [{"type": "text", "text": "x"}]}]}},
    ):
        assert say(cast.as_agent(cast.engineer), issue, **extra).status_code == 403


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("as_owner", 201),
        ("as_operator", 201),
        ("as_viewer", 403),
        ("as_outsider", 404),
        ("as_foreign_agent", 404),
        ("as_nobody", 401),
    ],
)
def test_who_may_comment(cast, who, status):
    issue = factories.issue(cast.company)

    assert say(getattr(cast, who), issue).status_code == status
    assert Comment.objects.exists() == (status == 201)


@pytest.mark.parametrize(
    ("status", "code"), [pytest.param("in_progress", 409, id="IC-22"), pytest.param("todo", 403, id="IC-23")]
)
def test_peers_do_not_write_on_others_work(cast, status, code):
    assert say(cast.as_agent(cast.peer), assigned(cast, status)).status_code == code
    assert not Comment.objects.exists()


def test_run_is_kept_with_the_comment(cast):
    """I-4."""
    run = factories.run(cast.engineer)

    row = say(cast.as_agent(cast.engineer, run_id=run.pk), assigned(cast)).json()

    assert row["createdByRunId"] == str(run.pk)


# --- Bringing back ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "asks", "to", "reason"),
    [
        pytest.param("done", {}, "todo", "issue_reopened_via_comment", id="IC-43 done"),
        pytest.param("cancelled", {}, "todo", "issue_reopened_via_comment", id="I-73 cancelled"),
        pytest.param("blocked", {}, "todo", "issue_reopened_via_comment", id="IC-45 blocked and ready"),
        pytest.param("in_progress", {}, "in_progress", "issue_commented", id="I-73 open"),
        pytest.param("todo", {"reopen": True}, "todo", "issue_commented", id="I-74 no-op on open issues"),
        pytest.param("backlog", {}, "backlog", "issue_commented", id="I-73 backlog stays"),
    ],
)
def test_persons_comment(cast, calls, start, asks, to, reason):
    issue = assigned(cast, start, execution_state={"status": "completed"})

    assert say(cast.as_owner, issue, **asks).status_code == 201

    issue.refresh_from_db()
    assert issue.status == to
    (wake,) = calls
    assert wake.reason == reason
    if to != start:
        assert wake.payload["reopenedFrom"] == wake.context["reopenedFrom"] == start
        assert wake.context["source"] == "issue.comment.reopen"
        assert issue.execution_state is None, "IW-25: a review that was done does not count again"
        told = log.details(issue, "issue.updated")
        assert (told["reopened"], told["reopenedFrom"], told["source"]) == (True, start, "comment")


def test_issue_of_a_person_stays_closed(cast):
    """IC-44; `reopen` brings it back all the same (I-74)."""
    issue = factories.issue(cast.company, status="done", assignee_user=cast.owner)

    assert say(cast.as_operator, issue).status_code == 201
    assert Issue.objects.get(pk=issue.pk).status == "done"
    assert say(cast.as_operator, issue, reopen=True).status_code == 201
    assert Issue.objects.get(pk=issue.pk).status == "todo"


def test_open_blocker_keeps_an_issue_blocked(cast, calls):
    """IC-46."""
    issue = assigned(cast, "blocked")
    factories.blocks(factories.issue(cast.company), issue)

    assert say(cast.as_owner, issue, reopen=True).status_code == 201

    assert Issue.objects.get(pk=issue.pk).status == "blocked"
    assert [wake.reason for wake in calls] == ["issue_commented"]


def test_agents_own_word_on_finished_work_is_inert(cast, calls):
    """IC-47."""
    issue = assigned(cast, "done")

    assert say(cast.as_agent(cast.engineer), issue).status_code == 201

    assert Issue.objects.get(pk=issue.pk).status == "done"
    assert not calls


def test_agent_follows_up_on_its_finished_work(cast, calls):
    """IC-48."""
    issue = assigned(cast, "done")

    assert say(cast.as_agent(cast.engineer), issue, resume=True).status_code == 201

    assert Issue.objects.get(pk=issue.pk).status == "todo"
    (wake,) = calls
    assert (wake.agent_id, wake.reason) == (cast.engineer.id, "issue_reopened_via_comment")
    for part in (wake.payload, wake.context):
        assert (part["resumeIntent"], part["followUpRequested"]) == (True, True)
    told = log.details(issue, "issue.comment_added")
    assert (told["resumeIntent"], told["followUpRequested"], told["reopenedFrom"]) == (True, True, "done")


@pytest.mark.parametrize(
    ("fields", "asks", "who", "status"),
    [
        pytest.param({"status": "done"}, {}, "peer", 403, id="IC-49 plain"),
        pytest.param({"status": "done"}, {"resume": True}, "peer", 403, id="IC-49 resume"),
        pytest.param({"status": "cancelled"}, {"resume": True}, "engineer", 409, id="IC-50 agent"),
        pytest.param({"status": "cancelled"}, {"resume": True}, "owner", 409, id="IC-50 board"),
        pytest.param(
            {"status": "cancelled"},
            {"reopen": True},
            "engineer",
            409,
            id="I-75 agents pass the gates to reopen",
        ),
        pytest.param({"status": "in_review"}, {"resume": True}, "engineer", 409, id="I-75 review"),
        pytest.param({"status": "backlog"}, {"resume": True}, "owner", 409, id="I-75 backlog"),
        pytest.param(
            {"status": "done", "assignee_agent": None},
            {"resume": True},
            "engineer",
            409,
            id="I-75 unassigned",
        ),
        pytest.param({"status": "done"}, {"resume": True}, "ceo", 201, id="I-75 override"),
        pytest.param({"status": "done"}, {"resume": True}, "owner", 201, id="I-75 board"),
    ],
)
def test_follow_up_gates(cast, fields, asks, who, status):
    issue = factories.issue(cast.company, **{"assignee_agent": cast.engineer} | fields)
    caller = cast.as_owner if who == "owner" else cast.as_agent(getattr(cast, who))

    assert say(caller, issue, **asks).status_code == status
    assert Comment.objects.exists() == (status == 201)
    assert Issue.objects.get(pk=issue.pk).status == ("todo" if status == 201 else fields["status"])


def test_follow_up_waits_for_blockers(cast):
    """I-75."""
    issue = assigned(cast, "blocked")
    blocker = factories.issue(cast.company)
    factories.blocks(blocker, issue)

    answer = say(cast.as_agent(cast.engineer), issue, resume=True)

    assert (answer.status_code, answer.json()["details"]) == (
        409,
        {"unresolvedBlockerIssueIds": [str(blocker.pk)]},
    )


# --- Interrupting ----------------------------------------------------------------------------------------


def test_interrupt_stops_the_run(cast, calls):
    issue = assigned(cast, "in_progress")
    run = factories.run(cast.engineer, issue=issue)

    say(cast.as_owner, issue, interrupt=True)

    run.refresh_from_db()
    assert run.cancel_requested_at is not None
    assert calls[0].payload["interruptedRunId"] == calls[0].context["interruptedRunId"] == str(run.pk)
    assert log.details(run, "heartbeat.cancelled")["source"] == "issue_comment_interrupt"


def test_nothing_to_interrupt_is_fine(cast, calls):
    issue = assigned(cast)

    assert say(cast.as_owner, issue, interrupt=True).status_code == 201
    assert "interruptedRunId" not in calls[0].payload
    assert not Activity.objects.filter(action="heartbeat.cancelled").exists()


def test_agents_cannot_interrupt_and_nothing_is_reopened_for_it(cast):
    """IW-27."""
    issue = assigned(cast, "done")

    assert say(cast.as_agent(cast.engineer), issue, interrupt=True, resume=True).status_code == 403
    assert Issue.objects.get(pk=issue.pk).status == "done"


# --- Whom it calls ---------------------------------------------------------------------------------------


def test_assignee_is_not_called_for_its_own_word(cast, calls):
    """I-93, and the end of loops."""
    say(cast.as_agent(cast.engineer), assigned(cast), "done with step one @Engineer")

    assert not calls


@pytest.mark.parametrize(
    ("body", "called"),
    [
        pytest.param(
            "@Peer please", {"engineer": "issue_commented", "peer": "issue_comment_mentioned"}, id="I-78"
        ),
        pytest.param(
            "@Engineer look", {"engineer": "issue_commented"}, id="I-94 the assignee's wake beats the mention"
        ),
        pytest.param("@Foreigner look", {"engineer": "issue_commented"}, id="IW-24 another company's agent"),
    ],
)
def test_mentions_call(cast, calls, body, called):
    issue = assigned(cast)

    row = say(cast.as_owner, issue, body).json()

    assert {wake.agent_id: wake.reason for wake in calls} == {
        getattr(cast, who).id: why for who, why in called.items()
    }
    for wake in calls:
        if wake.reason == "issue_comment_mentioned":
            assert wake.payload == {"issueId": str(issue.pk), "commentId": row["id"]}
            assert wake.context["source"] == "comment.mention"


def test_agent_link_of_another_company_calls_nobody(cast, calls):
    """IW-24."""
    issue = factories.issue(cast.company)

    say(cast.as_owner, issue, f"[x](agent://{cast.foreign_agent.id}) [y](agent://{cast.peer.id}?i=bot)")

    assert [wake.agent_id for wake in calls] == [cast.peer.id]


def test_half_a_megabyte_without_spaces_is_read_at_once(cast):
    """A long text must not block the server."""
    issue = assigned(cast)

    for unit in ("a", "@", "[](", "&#", "@Peer"):
        answer = say(cast.as_owner, issue, unit * (512 * 1024 // len(unit)))
        assert answer.status_code == 201
