"""`/issues/:id/interactions` and its answers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from issues import documents
from issues.models import Interaction, Issue, Label
from paperclip.companies import actors
from paperclip.companies.models import Grant
from paperclip.core import clock
from tests import factories
from tests.issues import log

TASKS = [
    {"clientKey": "a", "title": "First"},
    {"clientKey": "b", "title": "Below", "parentClientKey": "a"},
    {"clientKey": "c", "title": "Other"},
]
QUESTION = {
    "id": "q",
    "prompt": "Where?",
    "selectionMode": "single",
    "required": True,
    "options": [{"id": "here", "label": "Here"}, {"id": "there", "label": "There"}],
}


def suggestion(tasks=TASKS, **more):
    return {"kind": "suggest_tasks", "payload": {"version": 1, "tasks": tasks, **more}}


def questions(*listed, **more):
    return {
        "kind": "ask_user_questions",
        "payload": {"version": 1, "questions": listed or [QUESTION]},
        **more,
    }


def confirmation(policy="wake_assignee", **more):
    payload = {"version": 1, "prompt": "Ship it?", **more}
    return {"kind": "request_confirmation", "continuationPolicy": policy, "payload": payload}


def path(issue, row=None, verb=""):
    return f"/api/issues/{issue.pk}/interactions" + (f"/{row['id']}/{verb}" if row else "")


def put(caller, issue, body, status=201):
    answer = caller.post(path(issue), body)
    assert answer.status_code == status, answer.content
    return answer.json()


def say(caller, issue, row, verb, status=200, **body):
    answer = caller.post(path(issue, row, verb), body)
    assert answer.status_code == status, answer.content
    return answer.json()


@pytest.fixture
def issue(cast):
    return factories.issue(cast.company, assignee_agent=cast.engineer)


# --- Putting ---------------------------------------------------------------------------------------------


def test_agent_puts_from_its_run(cast, issue, calls):
    """I-25, I-116."""
    run = factories.run(cast.engineer, issue=issue)
    body = {
        **suggestion(),
        "title": "Split it",
        "summary": "Three parts",
        "sourceRunId": factories.NO_SUCH_ID,
    }
    before = issue.updated_at

    row = put(cast.as_agent(cast.engineer, run_id=run.pk), issue, body)

    assert {name: row[name] for name in ("kind", "status", "continuationPolicy", "title", "summary")} == {
        "kind": "suggest_tasks",
        "status": "pending",
        "continuationPolicy": "wake_assignee",
        "title": "Split it",
        "summary": "Three parts",
    }
    assert (row["sourceRunId"], row["createdByAgentId"]) == (str(run.pk), str(cast.engineer.pk)), "I-116"
    assert row["payload"] == body["payload"]
    assert (row["result"], row["resolvedAt"]) == (None, None)
    assert log.details(issue, "issue.thread_interaction_created") == {
        "interactionId": row["id"],
        "interactionKind": "suggest_tasks",
        "interactionStatus": "pending",
        "continuationPolicy": "wake_assignee",
    }
    issue.refresh_from_db()
    assert issue.updated_at > before
    assert not calls, "I-116: no wake on create"
    assert cast.as_viewer.get(path(issue)).json() == [row]


@pytest.mark.parametrize(
    ("body", "policy"),
    [
        pytest.param(suggestion(), "wake_assignee", id="I-114 tasks"),
        pytest.param(questions(), "wake_assignee", id="I-114 questions"),
        pytest.param({**confirmation(), "continuationPolicy": "none"}, "none", id="I-114 said"),
        pytest.param(
            {"kind": "request_confirmation", "payload": {"version": 1, "prompt": "?"}},
            "none",
            id="I-114 confirmation",
        ),
    ],
)
def test_whom_an_answer_calls_has_a_default(cast, issue, body, policy):
    assert put(cast.as_owner, issue, body)["continuationPolicy"] == policy


@pytest.mark.parametrize("status", ["done", "cancelled", "backlog"])
def test_closed_issues_take_them_too(cast, status):
    """I-116."""
    put(cast.as_owner, factories.issue(cast.company, status=status), questions())


def test_list_piece_by_piece(cast, issue):
    """IW-35."""
    rows = [put(cast.as_owner, issue, confirmation()) for _ in range(3)]
    ids = [row["id"] for row in rows]

    def listed(query):
        return [row["id"] for row in cast.as_owner.get(f"{path(issue)}?{query}").json()]

    assert listed("limit=2") == ids[:2]
    assert listed(f"after={ids[1]}") == ids[2:]
    assert listed(f"after={factories.NO_SUCH_ID}") == []


def test_list_is_oldest_first(cast, issue):
    """I-173."""
    rows = [put(cast.as_owner, issue, questions()) for _ in range(3)]

    assert [row["id"] for row in cast.as_agent(cast.peer).get(path(issue)).json()] == [
        row["id"] for row in rows
    ]


def faults(answer):
    return [(".".join(map(str, each["path"])), each["code"]) for each in answer["details"]]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        pytest.param({}, "kind", id="I-114 no kind"),
        pytest.param({"kind": "dance", "payload": {}}, "kind", id="I-114 unknown kind"),
        pytest.param({"kind": "suggest_tasks"}, "payload", id="I-114 no payload"),
        pytest.param({"kind": "suggest_tasks", "payload": []}, "payload", id="I-114 no object"),
        pytest.param(
            {"kind": "suggest_tasks", "payload": {"tasks": TASKS}}, "payload.version", id="I-114 version"
        ),
        pytest.param(suggestion([]), "payload.tasks", id="I-114 no task"),
        pytest.param(
            suggestion([{"clientKey": str(n), "title": "x"} for n in range(51)]),
            "payload.tasks",
            id="I-114 51",
        ),
        pytest.param(suggestion([TASKS[0], TASKS[0]]), "payload.tasks", id="I-114 same key twice"),
        pytest.param(suggestion([{"clientKey": "a"}]), "payload.tasks.0.title", id="I-114 no title"),
        pytest.param(
            suggestion([{"clientKey": "a", "title": "x" * 241}]), "payload.tasks.0.title", id="I-114 title"
        ),
        pytest.param(
            suggestion([{"clientKey": "a", "title": "  "}]), "payload.tasks.0.title", id="I-114 blank title"
        ),
        pytest.param(
            suggestion([{"clientKey": "a", "title": "x", "labels": ["l"] * 21}]),
            "payload.tasks.0.labels",
            id="I-114 labels",
        ),
        pytest.param(
            suggestion(
                [
                    {
                        "clientKey": "a",
                        "title": "x",
                        "assigneeAgentId": factories.NO_SUCH_ID,
                        "assigneeUserId": "me",
                    }
                ]
            ),
            "payload.tasks.0",
            id="I-114 two assignees",
        ),
        pytest.param(
            questions({**QUESTION, "options": []}), "payload.questions.0.options", id="I-114 no option"
        ),
        pytest.param(
            questions({**QUESTION, "options": [{"id": "a", "label": "A"}, {"id": "a", "label": "B"}]}),
            "payload.questions.0.options",
            id="I-114 same option twice",
        ),
        pytest.param(questions(QUESTION, QUESTION), "payload.questions", id="I-114 same question twice"),
        pytest.param(
            questions({**QUESTION, "selectionMode": "any"}),
            "payload.questions.0.selectionMode",
            id="I-114 mode",
        ),
        pytest.param(
            questions({**QUESTION, "prompt": "x" * 501}), "payload.questions.0.prompt", id="I-114 prompt"
        ),
        pytest.param(
            questions(*[{**QUESTION, "id": str(n)} for n in range(11)]),
            "payload.questions",
            id="I-114 eleven",
        ),
        pytest.param(confirmation(prompt="x" * 1001), "payload.prompt", id="I-114 long prompt"),
        pytest.param(confirmation(target={"type": "custom"}), "payload.target.key", id="I-115 no key"),
        pytest.param(
            confirmation(target={"type": "issue_document", "key": "plan"}),
            "payload.target.revisionId",
            id="I-115 no revision",
        ),
        pytest.param(
            confirmation(target={"type": "custom", "key": "k", "href": "javascript:alert(1)"}),
            "payload.target.href",
            id="I-115 javascript",
        ),
        pytest.param(
            confirmation(target={"type": "custom", "key": "k", "href": " java\nscript:alert(1)"}),
            "payload.target.href",
            id="I-115 hidden javascript",
        ),
        pytest.param(
            confirmation(target={"type": "custom", "key": "k", "href": "DATA:text/html,x"}),
            "payload.target.href",
            id="I-115 data",
        ),
        pytest.param(
            confirmation(target={"type": "custom", "key": "k", "href": "//evil.example"}),
            "payload.target.href",
            id="I-115 another host",
        ),
        pytest.param({**questions(), "title": "x" * 241}, "title", id="I-114 long heading"),
        pytest.param({**questions(), "summary": "x" * 1001}, "summary", id="I-114 long summary"),
        pytest.param({**questions(), "idempotencyKey": "x" * 256}, "idempotencyKey", id="I-114 long key"),
        pytest.param({**questions(), "continuationPolicy": "wake"}, "continuationPolicy", id="I-114 policy"),
        pytest.param({**questions(), "sourceCommentId": "x"}, "sourceCommentId", id="IW-3 malformed id"),
    ],
)
def test_what_does_not_fit_its_schema_is_named(cast, issue, body, where):
    answer = cast.as_owner.post(path(issue), body)

    assert answer.status_code == 400, answer.content
    assert where in [place for place, _ in faults(answer.json())]
    assert not Interaction.objects.exists()


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param(
            suggestion(
                [
                    {"clientKey": "a", "title": "x", "parentClientKey": "b"},
                    {"clientKey": "b", "title": "x", "parentClientKey": "a"},
                ]
            ),
            "Suggested tasks cannot form a circle of parents",
            id="IW-2",
        ),
        pytest.param(
            suggestion([{"clientKey": "a", "title": "x", "parentClientKey": "zz"}]),
            "Unknown parent of a suggested task",
            id="I-119",
        ),
        pytest.param(
            {**questions(), "sourceCommentId": factories.NO_SUCH_ID},
            "Source comment must belong to the same issue",
            id="I-116 unknown comment",
        ),
        pytest.param(
            {**questions(), "sourceRunId": factories.NO_SUCH_ID},
            "Source run must belong to the same company",
            id="I-116 unknown run",
        ),
        pytest.param(
            confirmation(
                target={"type": "issue_document", "key": "plan", "revisionId": factories.NO_SUCH_ID}
            ),
            "Confirmation target document not found",
            id="I-115 no document",
        ),
    ],
)
def test_rules_are_checked_when_it_is_put(cast, issue, body, error):
    answer = cast.as_owner.post(path(issue), body)

    assert (answer.status_code, answer.json()["error"]) == (422, error)
    assert not Interaction.objects.exists()


def test_sources_must_be_near(cast, issue):
    """I-116."""
    comment = factories.comment(issue)
    elsewhere = factories.comment(factories.issue(cast.company))
    ours, theirs = factories.run(cast.peer), factories.run(cast.foreign_agent)

    row = put(
        cast.as_owner, issue, {**questions(), "sourceCommentId": str(comment.pk), "sourceRunId": str(ours.pk)}
    )

    assert (row["sourceCommentId"], row["sourceRunId"]) == (str(comment.pk), str(ours.pk))
    put(cast.as_owner, issue, {**questions(), "sourceCommentId": str(elsewhere.pk)}, 422)
    put(cast.as_owner, issue, {**questions(), "sourceRunId": str(theirs.pk)}, 422)


def test_who_may_put(cast, issue):
    """I-116."""
    run = factories.run(cast.peer)
    in_progress = factories.issue(cast.company, assignee_agent=cast.engineer, status="in_progress")

    assert cast.as_agent(cast.engineer).post(path(issue), questions()).status_code == 401, "no run"
    peer = cast.as_agent(cast.peer, run_id=run.pk)
    assert peer.post(path(issue), questions()).status_code == 403, "another agent's issue"
    assert peer.post(path(in_progress), questions()).status_code == 409, "checked out by another"
    assert cast.as_viewer.post(path(issue), questions()).status_code == 403
    assert cast.as_outsider.post(path(issue), questions()).status_code == 404
    assert cast.as_nobody.post(path(issue), questions()).status_code == 401
    assert cast.as_owner.post(path(issue).replace(str(issue.pk), "nothing"), questions()).status_code == 404
    assert not Interaction.objects.exists()


# --- Keys ------------------------------------------------------------------------------------------------


def test_same_key_answers_the_same_row(cast, issue):
    """IC-91, IW-32."""
    body = {**suggestion(), "idempotencyKey": "once"}

    rows = [put(cast.as_owner, issue, body) for _ in range(2)]
    say(cast.as_owner, issue, rows[0], "reject")
    later = put(cast.as_owner, issue, body)

    assert rows[0] == rows[1]
    assert (later["id"], later["status"]) == (rows[0]["id"], "rejected"), "I-117: in any status"
    assert log.actions(issue).count("issue.thread_interaction_created") == 1


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"title": "Other"}, id="IC-91 title"),
        pytest.param({"payload": {"version": 1, "tasks": TASKS[:1]}}, id="IC-91 payload"),
        pytest.param({"continuationPolicy": "none"}, id="I-117 policy"),
    ],
)
def test_same_key_for_something_else_is_refused(cast, issue, change):
    body = {**suggestion(), "idempotencyKey": "once"}
    put(cast.as_owner, issue, body)

    answer = cast.as_owner.post(path(issue), {**body, **change})

    assert (answer.status_code, answer.json()["details"]) == (409, {"idempotencyKey": "once"})
    assert Interaction.objects.count() == 1


def test_key_belongs_to_its_maker_and_issue(cast, issue):
    body = {**suggestion(), "idempotencyKey": "once"}
    put(cast.as_owner, issue, body)

    assert cast.as_operator.post(path(issue), body).status_code == 409
    put(cast.as_owner, factories.issue(cast.company), body)


# --- Tasks -----------------------------------------------------------------------------------------------


def test_accepted_tasks_are_made_below_the_issue(cast, calls):
    """IC-92."""
    project, goal = factories.project(cast.company), factories.goal(cast.company)
    issue = factories.issue(
        cast.company, assignee_agent=cast.engineer, project=project, goal=goal, request_depth=3
    )
    first = {**TASKS[0], "assigneeAgentId": str(cast.peer.pk), "description": "Do it", "priority": "high"}
    tasks = [TASKS[1], first, TASKS[2]]
    row = put(cast.as_owner, issue, suggestion(tasks))

    done = say(cast.as_owner, issue, row, "accept", selectedClientKeys=["b", "a"])

    assert done["status"] == "accepted"
    assert done["resolvedByUserId"] == str(cast.owner.pk)
    assert done["resolvedAt"] is not None
    first, below = (Issue.objects.get(pk=each["issueId"]) for each in done["result"]["createdTasks"])
    assert done["result"] == {
        "createdTasks": [
            {
                "clientKey": "a",
                "issueId": str(first.pk),
                "identifier": first.identifier,
                "title": "First",
                "parentIssueId": str(issue.pk),
                "parentIdentifier": issue.identifier,
            },
            {
                "clientKey": "b",
                "issueId": str(below.pk),
                "identifier": below.identifier,
                "title": "Below",
                "parentIssueId": str(first.pk),
                "parentIdentifier": first.identifier,
            },
        ],
        "skippedClientKeys": ["c"],
    }
    assert (first.status, first.parent_id, first.project_id, first.goal_id, first.request_depth) == (
        "todo",
        issue.pk,
        project.pk,
        goal.pk,
        4,
    )
    assert (first.description, first.priority, first.assignee_agent_id) == ("Do it", "high", cast.peer.pk)
    assert (below.parent_id, below.request_depth, below.status) == (first.pk, 5, "todo")
    assert log.actions(first) == ["issue.child_created"], "IW-31"
    assert log.details(issue, "issue.thread_interaction_accepted") == {
        "interactionId": row["id"],
        "interactionKind": "suggest_tasks",
        "interactionStatus": "accepted",
        "createdTaskCount": 2,
        "skippedTaskCount": 1,
    }
    task, answer = calls
    assert (task.agent_id, task.reason, task.payload["mutation"], task.context["source"]) == (
        cast.peer.pk,
        "issue_assigned",
        "interaction_accept",
        "issue.interaction.accept",
    )
    assert (answer.agent_id, answer.reason, answer.source) == (
        cast.engineer.pk,
        "issue_commented",
        "automation",
    )
    assert answer.payload == {
        "issueId": str(issue.pk),
        "interactionId": row["id"],
        "interactionKind": "suggest_tasks",
        "interactionStatus": "accepted",
        "sourceCommentId": None,
        "sourceRunId": None,
        "mutation": "interaction",
    }
    assert answer.context == {name: value for name, value in answer.payload.items() if name != "mutation"} | {
        "taskId": str(issue.pk),
        "wakeReason": "issue_commented",
        "source": "issue.interaction.accept",
    }, "H-58: no comment id"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"selectedClientKeys": ["b"]}, 422, id="IC-92 without its parent"),
        pytest.param({"selectedClientKeys": ["zz"]}, 422, id="IC-92 unknown"),
        pytest.param({"selectedClientKeys": []}, 400, id="I-119 none"),
        pytest.param({"selectedClientKeys": ["a", "a"]}, 400, id="I-119 twice"),
        pytest.param({"selectedClientKeys": "a"}, 400, id="I-119 no list"),
    ],
)
def test_selection_that_does_not_fit_makes_nothing(cast, issue, body, status):
    row = put(cast.as_owner, issue, suggestion())

    say(cast.as_owner, issue, row, "accept", status, **body)

    assert not issue.children.exists()
    assert Interaction.objects.get().status == "pending"


def test_all_or_none_of_the_tasks_are_made(cast, issue, calls):
    tasks = [*TASKS, {"clientKey": "d", "title": "x", "assigneeAgentId": factories.NO_SUCH_ID}]
    row = put(cast.as_owner, issue, suggestion(tasks))

    say(cast.as_owner, issue, row, "accept", 404)

    assert Issue.objects.count() == 1
    assert Interaction.objects.get().status == "pending"
    assert not calls


def test_parents_are_chosen_from_near_to_far(cast, issue):
    """I-119."""
    default, own = factories.issue(cast.company), factories.issue(cast.company)
    tasks = [{"clientKey": "a", "title": "A"}, {"clientKey": "b", "title": "B", "parentId": str(own.pk)}]
    row = put(cast.as_owner, issue, suggestion(tasks, defaultParentId=str(default.pk)))

    made = say(cast.as_owner, issue, row, "accept")["result"]["createdTasks"]

    assert [each["parentIssueId"] for each in made] == [str(default.pk), str(own.pk)]
    whole = put(cast.as_owner, issue, suggestion())
    assert "skippedClientKeys" not in say(cast.as_owner, issue, whole, "accept")["result"]


@pytest.mark.parametrize("where", ["parentId", "defaultParentId"])
def test_parents_of_another_company_are_refused(cast, issue, where):
    """I-119."""
    foreign = str(factories.issue(cast.elsewhere).pk)
    body = (
        suggestion([{**TASKS[0], "parentId": foreign}])
        if where == "parentId"
        else suggestion(TASKS, defaultParentId=foreign)
    )
    row = put(cast.as_owner, issue, body)

    say(cast.as_owner, issue, row, "accept", 422)

    assert Issue.objects.filter(company=cast.company).count() == 1


def test_more_than_fits_is_said_before_anything_is_made(cast, issue):
    """IW-33."""
    for _ in range(23):
        factories.issue(cast.company, parent=issue)
    row = put(cast.as_owner, issue, suggestion([{"clientKey": str(n), "title": "x"} for n in range(3)]))

    answer = say(cast.as_owner, issue, row, "accept", 422)

    assert answer["details"]["full"] == [
        {"parentIssueId": str(issue.pk), "parentIdentifier": issue.identifier, "wanted": 3, "room": 2}
    ]
    assert issue.children.count() == 23
    assert (
        len(say(cast.as_owner, issue, row, "accept", selectedClientKeys=["0", "1"])["result"]["createdTasks"])
        == 2
    )


def test_labels_of_a_suggestion_arrive(cast, issue):
    """IW-31."""
    Label.objects.create(company=cast.company, name="Bug", color="#ff0000")
    row = put(cast.as_owner, issue, suggestion([{**TASKS[0], "labels": ["bug", "fresh"]}]))

    (made,) = say(cast.as_owner, issue, row, "accept")["result"]["createdTasks"]

    names = Issue.objects.get(pk=made["issueId"]).label_links.values_list("label__name", flat=True)
    assert sorted(names) == ["Bug", "fresh"]


def test_whoever_may_not_assign_may_not_accept_assigned_tasks(cast, issue):
    """IW-31."""
    Grant.objects.filter(principal_id=cast.operator.pk, permission_key="tasks:assign").delete()
    row = put(cast.as_owner, issue, suggestion([{**TASKS[0], "assigneeAgentId": str(cast.peer.pk)}]))

    say(cast.as_operator, issue, row, "accept", 403)

    assert not issue.children.exists()


# --- Questions -------------------------------------------------------------------------------------------


def test_answers_are_kept_and_call_the_agent(cast, issue, calls):
    """IC-97."""
    row = put(cast.as_owner, issue, questions())
    answers = [{"questionId": "q", "optionIds": ["there", "there"]}]

    say(cast.as_owner, issue, row, "respond", 422, answers=[])
    say(
        cast.as_owner,
        issue,
        row,
        "respond",
        422,
        answers=[{"questionId": "q", "optionIds": ["here", "there"]}],
    )
    done = say(cast.as_owner, issue, row, "respond", answers=answers, summaryMarkdown="There, then.")

    assert done["status"] == "answered"
    assert done["result"] == {
        "answers": [{"questionId": "q", "optionIds": ["there"]}],
        "summaryMarkdown": "There, then.",
    }
    assert log.details(issue, "issue.thread_interaction_answered")["answeredQuestionCount"] == 1
    (wake,) = calls
    assert (wake.context["source"], wake.payload["interactionStatus"]) == (
        "issue.interaction.respond",
        "answered",
    )


def test_questions_are_put_away(cast, issue, calls):
    """I-123."""
    row = put(cast.as_owner, issue, questions())

    done = say(cast.as_owner, issue, row, "cancel", reason="  not now ")

    assert (done["status"], done["result"]) == (
        "cancelled",
        {"answers": [], "cancelled": True, "cancellationReason": "not now", "summaryMarkdown": None},
    )
    assert log.details(issue, "issue.thread_interaction_cancelled")["cancellationReason"] == "not now"
    assert [wake.context["source"] for wake in calls] == ["issue.interaction.cancel"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="I-177 no answers"),
        pytest.param({"answers": [{"questionId": "q"}]}, id="I-177 no options"),
        pytest.param({"answers": [{"questionId": "q", "optionIds": ["x"] * 21}]}, id="I-177 21 options"),
        pytest.param(
            {"answers": [{"questionId": str(n), "optionIds": []} for n in range(21)]}, id="I-177 21 answers"
        ),
        pytest.param({"answers": [], "summaryMarkdown": "x" * 20_001}, id="I-177 long summary"),
    ],
)
def test_answers_have_a_shape(cast, issue, body):
    row = put(cast.as_owner, issue, questions())

    say(cast.as_owner, issue, row, "respond", 400, **body)


# --- Confirmations ---------------------------------------------------------------------------------------


def test_confirmation_is_accepted(cast, issue, calls):
    row = put(cast.as_owner, issue, confirmation())
    assert row["payload"]["allowDeclineReason"] is True

    done = say(cast.as_owner, issue, row, "accept")

    assert (done["status"], done["result"]) == ("accepted", {"outcome": "accepted"})
    assert [wake.payload["interactionKind"] for wake in calls] == ["request_confirmation"]


def test_confirmation_is_rejected(cast, issue, calls):
    row = put(cast.as_owner, issue, confirmation())

    done = say(cast.as_owner, issue, row, "reject", reason="too early")

    assert (done["status"], done["result"]) == ("rejected", {"outcome": "rejected", "reason": "too early"})
    assert log.details(issue, "issue.thread_interaction_rejected")["rejectionReason"] == "too early"
    assert [wake.context["source"] for wake in calls] == ["issue.interaction.reject"]


def test_suggestion_is_rejected(cast, issue):
    row = put(cast.as_owner, issue, suggestion())

    done = say(cast.as_owner, issue, row, "reject")

    assert (done["status"], done["result"]) == ("rejected", {"rejectionReason": None})


@pytest.mark.parametrize("reason", [None, "", "  "])
def test_reason_may_be_required(cast, issue, reason):
    """I-121."""
    row = put(cast.as_owner, issue, confirmation(rejectRequiresReason=True))

    say(cast.as_owner, issue, row, "reject", 422, reason=reason)

    assert say(cast.as_owner, issue, row, "reject", reason="because")["status"] == "rejected"


def test_long_reasons_are_refused(cast, issue):
    row = put(cast.as_owner, issue, confirmation())

    say(cast.as_owner, issue, row, "reject", 400, reason="x" * 4001)


@pytest.mark.parametrize(
    ("policy", "verb", "is_called"),
    [
        pytest.param("wake_assignee_on_accept", "reject", False, id="IC-95"),
        pytest.param("wake_assignee_on_accept", "accept", True, id="I-125 on accept"),
        pytest.param("none", "accept", False, id="I-125 none"),
        pytest.param("wake_assignee", "reject", True, id="I-125 always"),
    ],
)
def test_policy_says_whom_the_answer_calls(cast, issue, calls, policy, verb, is_called):
    row = put(cast.as_owner, issue, confirmation(policy))

    say(cast.as_owner, issue, row, verb)

    assert bool(calls) == is_called


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"status": "done"}, id="I-125 closed"),
        pytest.param({"assignee_agent": None}, id="I-125 nobody's"),
    ],
)
def test_nobody_is_called_for_closed_or_unassigned_work(cast, calls, fields):
    issue = factories.issue(cast.company, **{"assignee_agent": cast.engineer, **fields})
    row = put(cast.as_owner, issue, confirmation())

    say(cast.as_owner, issue, row, "accept")

    assert not calls


@pytest.mark.parametrize(
    ("start", "after"),
    [
        pytest.param("in_review", "todo", id="IC-94"),
        pytest.param("blocked", "blocked", id="I-120 blocked stays"),
    ],
)
@pytest.mark.parametrize("policy", ["wake_assignee", "none"])
def test_accepted_work_goes_back_to_the_agent_that_asked(cast, calls, start, after, policy):
    issue = factories.issue(
        cast.company, assignee_user=cast.owner, status=start, created_by_agent=cast.engineer
    )
    run = factories.run(cast.engineer)
    row = put(cast.as_agent(cast.engineer, run_id=run.pk), issue, confirmation(policy))

    say(cast.as_owner, issue, row, "accept")

    issue.refresh_from_db()
    assert (issue.status, issue.assignee_agent_id, issue.assignee_user_id) == (after, cast.engineer.pk, None)
    told = log.details(issue, "issue.updated")
    assert (told["source"], told["status"]) == ("request_confirmation_accept", after)
    assert told["_previous"]["status"] == start
    assert [(wake.agent_id, wake.reason) for wake in calls] == [(cast.engineer.pk, "issue_commented")]


@pytest.mark.parametrize(
    ("fields", "by_agent"),
    [
        pytest.param({"status": "done"}, True, id="I-120 closed"),
        pytest.param({}, False, id="I-120 a person asked"),
    ],
)
def test_other_work_stays_where_it_is(cast, fields, by_agent):
    issue = factories.issue(
        cast.company,
        **{"assignee_user": cast.owner, "status": "in_review", "created_by_agent": cast.engineer} | fields,
    )
    run = factories.run(cast.engineer)
    caller = cast.as_agent(cast.engineer, run_id=run.pk) if by_agent else cast.as_owner
    row = put(caller, issue, confirmation())

    say(cast.as_owner, issue, row, "accept")

    issue.refresh_from_db()
    assert issue.assignee_user_id == cast.owner.pk


def test_agents_issue_is_not_handed_on(cast):
    """I-120: only what waits in a person's hands."""
    issue = factories.issue(
        cast.company, assignee_agent=cast.peer, status="in_review", created_by_agent=cast.engineer
    )
    row = put(cast.as_owner, issue, confirmation())
    Interaction.objects.update(created_by_agent=cast.engineer, created_by_user=None)

    say(cast.as_owner, issue, row, "accept")

    issue.refresh_from_db()
    assert (issue.assignee_agent_id, issue.status) == (cast.peer.pk, "in_review")


def test_work_under_review_stays_with_its_reviewer(cast):
    """IW-20: a yes to a question is no approval."""
    issue = factories.issue(
        cast.company, assignee_user=cast.owner, status="in_review", created_by_agent=cast.engineer
    )
    who = {"type": "user", "agentId": None, "userId": str(cast.owner.pk)}
    Issue.objects.filter(pk=issue.pk).update(
        execution_state={
            "status": "pending",
            "currentStageId": factories.NO_SUCH_ID,
            "currentParticipant": who,
        }
    )
    run = factories.run(cast.engineer)
    row = put(cast.as_agent(cast.engineer, run_id=run.pk), issue, confirmation())

    say(cast.as_owner, issue, row, "accept")

    issue.refresh_from_db()
    assert (issue.assignee_user_id, issue.status) == (cast.owner.pk, "in_review")


# --- Targets ---------------------------------------------------------------------------------------------


def write(cast, issue, body, key="plan"):
    """Write a document as the board and return the target a confirmation of it has."""
    link = issue.document_links.filter(key=key).select_related("document").first()
    base = link.document.latest_revision_id if link else None
    documents.put(
        issue_id=issue.pk,
        key=key,
        body=body,
        actor=actors.for_user(cast.owner),
        now=clock.now(),
        base_revision_id=base,
    )
    document = issue.document_links.select_related("document").get(key=key).document
    return {
        "type": "issue_document",
        "issueId": str(issue.pk),
        "documentId": str(document.pk),
        "key": key,
        "revisionId": str(document.latest_revision_id),
        "revisionNumber": document.latest_revision_number,
    }


def test_target_must_be_the_current_revision(cast, issue):
    """I-115."""
    old = write(cast, issue, "one")
    new = write(cast, issue, "two")

    answer = cast.as_owner.post(path(issue), confirmation(target=old))

    assert answer.status_code == 422
    assert answer.json()["details"] == {"key": "plan", "currentRevisionId": new["revisionId"]}
    assert put(cast.as_owner, issue, confirmation(target=new))["payload"]["target"] == new
    short = {
        "type": "issue_document",
        "key": "PLAN",
        "revisionId": new["revisionId"].upper(),
        "label": "The plan",
    }
    put(cast.as_owner, issue, confirmation(target=short))
    foreign = factories.issue(cast.elsewhere)
    put(cast.as_owner, issue, confirmation(target={**new, "issueId": str(foreign.pk)}), 422)


@pytest.mark.parametrize("verb", [pytest.param("accept", id="IC-93"), pytest.param("reject", id="I-121")])
def test_answer_to_an_older_revision_does_not_count(cast, issue, calls, verb):
    old = write(cast, issue, "one")
    row = put(cast.as_owner, issue, confirmation(target=old, rejectRequiresReason=True))
    # A plan revised behind the back of every door.
    new = write(cast, issue, "two")
    Interaction.objects.update(status="pending", result=None, resolved_at=None, payload=row["payload"])

    done = say(cast.as_owner, issue, row, verb)

    assert (done["status"], done["result"]) == ("expired", {"outcome": "stale_target", "staleTarget": old})
    assert done["payload"]["target"] == new
    assert not calls
    assert log.actions(issue)[-1] == "issue.thread_interaction_expired"


def test_new_revision_expires_what_asks_about_the_old_one(cast, issue, calls):
    """I-124."""
    old = write(cast, issue, "one")
    other = write(cast, issue, "x", key="notes")
    elsewhere = factories.issue(cast.company)
    rows = [
        put(cast.as_owner, issue, confirmation(target=old)),
        put(cast.as_owner, issue, confirmation(target={k: v for k, v in old.items() if k != "issueId"})),
        put(cast.as_owner, elsewhere, confirmation(target=old)),
    ]
    kept = [
        put(cast.as_owner, issue, confirmation(target=other)),
        put(cast.as_owner, issue, confirmation(target={"type": "custom", "key": "plan", "revisionId": "1"})),
        put(cast.as_owner, issue, confirmation()),
        put(cast.as_owner, issue, questions()),
    ]

    new = write(cast, issue, "two")

    stored = {str(row.pk): row for row in Interaction.objects.all()}
    for row in rows:
        assert (stored[row["id"]].status, stored[row["id"]].result["outcome"]) == ("expired", "stale_target")
        assert stored[row["id"]].payload["target"]["revisionId"] == new["revisionId"]
    assert {stored[row["id"]].status for row in kept} == {"pending"}
    told = log.details(elsewhere, "issue.thread_interaction_expired")
    assert (told["source"], told["interactionStatus"]) == ("document", "expired")
    assert told["identifier"] == elsewhere.identifier
    assert told["result"]["outcome"] == "stale_target"
    assert not calls


def test_deleted_document_expires_too_and_keeps_its_target(cast, issue):
    """I-124, I-120."""
    target = write(cast, issue, "one")
    row = put(cast.as_owner, issue, confirmation(target=target))

    assert cast.as_owner.delete(f"/api/issues/{issue.pk}/documents/plan").status_code == 200

    (stored,) = cast.as_owner.get(path(issue)).json()
    assert (stored["id"], stored["status"], stored["payload"]["target"]) == (row["id"], "expired", target)


def test_restored_document_expires_too(cast, issue):
    """I-124."""
    old = write(cast, issue, "one")
    put(cast.as_owner, issue, confirmation(target=write(cast, issue, "two")))

    restore = f"/api/issues/{issue.pk}/documents/plan/revisions/{old['revisionId']}/restore"
    assert cast.as_owner.post(restore).status_code == 200

    assert Interaction.objects.get().status == "expired"


def test_key_of_an_expired_confirmation_still_answers(cast, issue):
    """I-117: its target moved on, what was put did not."""
    body = {**confirmation(target=write(cast, issue, "one")), "idempotencyKey": "once"}
    row = put(cast.as_owner, issue, body)
    write(cast, issue, "two")

    assert put(cast.as_owner, issue, body)["id"] == row["id"]


# --- Superseded ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", ["comment", "patch"])
def test_word_of_a_person_settles_a_confirmation(cast, issue, door):
    """IC-96."""
    row = put(cast.as_owner, issue, confirmation(supersedeOnUserComment=True))
    plain = put(cast.as_owner, issue, confirmation())

    if door == "comment":
        said = cast.as_operator.post(f"/api/issues/{issue.pk}/comments", {"body": "Not yet"}).json()["id"]
    else:
        said = cast.as_operator.patch(f"/api/issues/{issue.pk}", {"comment": "Not yet"}).json()["comment"][
            "id"
        ]

    rows = {each["id"]: each for each in cast.as_owner.get(path(issue)).json()}
    assert (rows[row["id"]]["status"], rows[row["id"]]["result"]) == (
        "expired",
        {"outcome": "superseded_by_comment", "commentId": said},
    )
    assert rows[row["id"]]["resolvedByUserId"] == str(cast.operator.pk)
    assert rows[plain["id"]]["status"] == "pending"
    assert log.details(issue, "issue.thread_interaction_expired")["source"] == "comment"


def test_word_of_an_agent_settles_nothing(cast, issue):
    """IC-96."""
    put(cast.as_owner, issue, confirmation(supersedeOnUserComment=True))

    assert (
        cast.as_agent(cast.engineer).post(f"/api/issues/{issue.pk}/comments", {"body": "x"}).status_code
        == 201
    )

    assert Interaction.objects.get().status == "pending"


# --- Answering -------------------------------------------------------------------------------------------

VERBS = {
    "accept": (suggestion, {}),
    "reject": (suggestion, {}),
    "respond": (questions, {"answers": [{"questionId": "q", "optionIds": ["here"]}]}),
    "cancel": (questions, {}),
}


@pytest.mark.parametrize("verb", VERBS)
def test_only_one_answer_counts(cast, issue, verb):
    """IC-98."""
    make, body = VERBS[verb]
    row = put(cast.as_owner, issue, make())
    say(cast.as_owner, issue, row, verb, **body)

    answer = say(cast.as_owner, issue, row, verb, 409, **body)

    assert answer["error"] == "Interaction has already been resolved"


@pytest.mark.parametrize("verb", VERBS)
def test_only_the_board_answers(cast, issue, verb):
    """IC-99."""
    make, body = VERBS[verb]
    row = put(cast.as_owner, issue, make())
    run = factories.run(cast.engineer, issue=issue)

    for agent in (cast.as_agent(cast.engineer, run_id=run.pk), cast.as_agent(cast.ceo)):
        answer = agent.post(path(issue, row, verb), body)
        assert (answer.status_code, answer.json()["error"]) == (403, "Board access required")
    assert cast.as_viewer.post(path(issue, row, verb), body).status_code == 403
    assert cast.as_outsider.post(path(issue, row, verb), body).status_code == 404
    assert Interaction.objects.get().status == "pending"


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        pytest.param("accept", questions(), id="I-118 accept questions"),
        pytest.param("reject", questions(), id="I-121 reject questions"),
        pytest.param("respond", suggestion(), id="I-122 respond to tasks"),
        pytest.param("cancel", confirmation(), id="I-123 cancel a confirmation"),
    ],
)
def test_verbs_belong_to_kinds(cast, issue, verb, body):
    row = put(cast.as_owner, issue, body)

    say(cast.as_owner, issue, row, verb, 422, **VERBS[verb][1])

    assert Interaction.objects.get().status == "pending"


@pytest.mark.parametrize("verb", VERBS)
def test_unknown_interactions_answer_404(cast, issue, verb):
    """I-118, IW-3."""
    elsewhere = put(cast.as_owner, factories.issue(cast.company), VERBS[verb][0]())

    for unknown in (elsewhere, {"id": factories.NO_SUCH_ID}, {"id": "not-a-uuid"}):
        answer = say(cast.as_owner, issue, unknown, verb, 404, **VERBS[verb][1])
        assert answer["error"] == "Interaction not found"


def test_issue_can_be_deleted_with_them(cast, issue):
    """IW-1."""
    factories.comment(issue, at=clock.now() - timedelta(hours=1))
    put(cast.as_owner, issue, questions())

    assert cast.as_owner.delete(f"/api/issues/{issue.pk}").status_code == 200
    assert not Interaction.objects.exists()
