"""The list of issues, and how many there are."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection

from issues import listing
from issues.api.listing import IssueRowOut
from issues.listing import Filters
from issues.models import Issue
from paperclip.core import clock, naming
from paperclip.core.redaction import MARKER
from tests import factories

MOMENT = clock.now()
OPTIONAL = {"blockedBy", "myLastTouchAt", "lastExternalCommentAt", "isUnreadForMe"}


@pytest.fixture
def path(cast):
    return f"/api/companies/{cast.company.id}/issues"


def titles(caller, path, **query):
    answer = caller.get(path, query)
    assert answer.status_code == 200, answer.content
    return [row["title"] for row in answer.json()]


def test_row_has_the_contracts_shape(cast, path):
    issue = factories.issue(
        cast.company, status="in_progress", assignee_agent=cast.engineer, execution_state={"a": 1}
    )
    run = factories.run(cast.engineer, issue=issue, invocation_source="assignment", trigger_detail="system")
    Issue.objects.filter(pk=issue.pk).update(execution_run=run)

    (row,) = cast.as_owner.get(path).json()

    assert set(row) == set(IssueRowOut().fields) - OPTIONAL
    assert (row["executionPolicy"], row["executionState"], row["executionWorkspaceSettings"]) == (
        None,
        None,
        None,
    )
    assert row["blockerAttention"]["state"] == "none"
    assert row["activeRun"] == {
        "id": str(run.pk), "status": "running", "agentId": str(cast.engineer.id),
        "invocationSource": "assignment", "triggerDetail": "system", "startedAt": clock.iso(run.started_at),
        "finishedAt": None, "createdAt": clock.iso(run.created_at),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "shown"), [("queued", True), ("scheduled_retry", False), ("failed", False)]
)
def test_active_run_is_queued_or_running(cast, path, status, shown):
    """I-147."""
    due = {"scheduled_retry_at": clock.now()} if status == "scheduled_retry" else {}
    factories.issue(cast.company, execution_run=factories.run(cast.engineer, status=status, **due))

    assert (cast.as_owner.get(path).json()[0]["activeRun"] is not None) == shown


def test_description_is_cut_at_1200_characters(cast, path):
    """IC-109: characters, not bytes."""
    factories.issue(cast.company, description="x" * 1199 + "\u2014" + "more")

    shown = cast.as_owner.get(path).json()[0]["description"]

    assert (len(shown), shown[-1]) == (1200, "\u2014")


def test_order_is_priority_then_activity(cast, path):
    """I-146."""
    now = clock.now()
    for title, priority, minutes in (
        ("low", "low", 0), ("old high", "high", 9), ("new high", "high", 1), ("medium", "medium", 0),
        ("critical", "critical", 99),
    ):  # fmt: skip
        at = now - timedelta(minutes=minutes)
        factories.issue(cast.company, title=title, priority=priority, last_activity_at=at, updated_at=at)

    assert titles(cast.as_owner, path) == ["critical", "new high", "old high", "medium", "low"]


def test_last_activity_moves_with_comments_and_not_with_reading(cast, path):
    """IC-111, I-148."""
    issue = factories.issue(cast.company)

    def last():
        return cast.as_owner.get(path).json()[0]["lastActivityAt"]

    before = last()
    cast.as_owner.post(f"/api/issues/{issue.pk}/read")
    cast.as_owner.post(f"/api/issues/{issue.pk}/inbox-archive")
    assert last() == before
    cast.as_owner.post(f"/api/issues/{issue.pk}/comments", {"body": "x"})
    commented = last()
    assert commented > before
    cast.as_owner.put(f"/api/issues/{issue.pk}/documents/plan", {"format": "markdown", "body": "x"})
    assert last() > commented


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param({}, "abcdefg", id="I-144 all"),
        pytest.param({"status": "todo"}, "abcdf", id="I-144 status"),
        pytest.param({"status": "done, blocked"}, "eg", id="I-144 statuses"),
        pytest.param({"status": "todo,unheard-of"}, "abcdf", id="I-144 unknown words match nothing"),
        pytest.param({"assigneeAgentId": "engineer"}, "ae", id="I-144 assignee"),
        pytest.param({"assigneeAgentId": "null"}, "bcdfg", id="IL-6 without an agent"),
        pytest.param({"assigneeUserId": "owner"}, "b", id="I-144 person"),
        pytest.param({"assigneeUserId": "me"}, "b", id="I-144 me"),
        pytest.param({"projectId": "project"}, "c", id="I-144 project"),
        pytest.param({"workspaceId": "workspace"}, "c", id="I-144 workspace"),
        pytest.param({"parentId": "a"}, "d", id="I-144 parent"),
        pytest.param({"descendantOf": "a"}, "de", id="I-144 all depths, without the root"),
        pytest.param({"labelId": "label"}, "f", id="I-144 label"),
        pytest.param({"originKind": "routine_execution"}, "g", id="I-144 origin"),
        pytest.param({"originKindPrefix": "routine_"}, "g", id="I-144 origin prefix"),
        pytest.param({"originId": "r1"}, "g", id="I-144 origin id"),
        pytest.param({"excludeRoutineExecutions": "true"}, "abcdef", id="I-144 without routines"),
        pytest.param(
            {"excludeRoutineExecutions": "true", "originKind": "routine_execution"},
            "g",
            id="I-144 asked for wins",
        ),
        pytest.param({"status": "todo", "assigneeAgentId": "engineer"}, "a", id="I-144 all must hold"),
        pytest.param({"projectId": str(uuid4())}, "", id="I-144 unknown id"),
        pytest.param({"assigneeUserId": "nobody"}, "", id="I-144 unknown person"),
        pytest.param({"limit": "2", "offset": "0"}, None, id="I-145 page"),
    ],
)
def test_filters(cast, path, query, expected):
    project = factories.project(cast.company)
    workspace = project.workspaces.create(company=cast.company, name="code")
    a = factories.issue(cast.company, title="a", assignee_agent=cast.engineer)
    factories.issue(cast.company, title="b", assignee_user=cast.owner)
    factories.issue(cast.company, title="c", project=project, project_workspace=workspace)
    d = factories.issue(cast.company, title="d", parent=a)
    factories.issue(cast.company, title="e", parent=d, status="done", assignee_agent=cast.engineer)
    f = factories.issue(cast.company, title="f")
    factories.issue(
        cast.company, title="g", status="blocked", origin_kind="routine_execution", origin_id="r1"
    )
    factories.issue(cast.company, title="hidden", hidden_at=clock.now())
    factories.issue(cast.elsewhere, title="foreign")
    label = cast.company.labels.create(name="label", color="#000000")
    f.label_links.create(label=label, company=cast.company)
    known = {
        "engineer": cast.engineer.id, "owner": cast.owner.id, "project": project.id,
        "workspace": workspace.id, "a": a.id, "label": label.id,
    }  # fmt: skip
    sent = {name: str(known.get(value, value)) for name, value in query.items()}

    found = titles(cast.as_owner, path, **sent)

    if expected is None:
        assert len(found) == 2
    else:
        assert "".join(sorted(found)) == expected


def test_participants(cast, path):
    """I-144: maker, assignee, commenter, or named in the log."""
    factories.issue(cast.company, title="made", created_by_agent=cast.engineer)
    factories.issue(cast.company, title="has", assignee_agent=cast.engineer)
    factories.comment(factories.issue(cast.company, title="said"), author_agent=cast.engineer)
    edited = factories.issue(cast.company, title="edited")
    cast.as_agent(cast.engineer).patch(f"/api/issues/{edited.pk}", {"priority": "high"})
    factories.issue(cast.company, title="foreign to it")

    found = titles(cast.as_owner, path, participantAgentId=str(cast.engineer.id))

    assert sorted(found) == ["edited", "has", "made", "said"]


def test_plugin_operations_are_shown_on_request(cast, path):
    """IC-110."""
    project = factories.project(cast.company)
    factories.issue(
        cast.company, title="op", origin_kind="plugin:x:operation", origin_id="1", project=project
    )
    factories.issue(cast.company, title="sub", origin_kind="plugin:x:operation:sync")
    factories.issue(cast.company, title="note", origin_kind="plugin:x:operations")

    assert titles(cast.as_owner, path) == ["note"]
    assert sorted(titles(cast.as_owner, path, includePluginOperations="1")) == ["note", "op", "sub"]
    assert titles(cast.as_owner, path, projectId=str(project.pk)) == ["op"]
    assert titles(cast.as_owner, path, originKind="plugin:x:operation:sync") == ["sub"]
    assert titles(cast.as_owner, path, originId="1") == ["op"]


def test_words_are_ranked(cast, path):
    """I-146, IC-108."""
    prefix = cast.company.issue_prefix
    texts = {
        "in description": {"description": "about Widget things"},
        "in comment": {},
        "the widget": {},
        "Widget first": {},
    }
    for title, fields in texts.items():
        issue = factories.issue(cast.company, title=title, **fields)
        if title == "in comment":
            factories.comment(issue, "see the wIDGet")
    factories.issue(cast.company, title="unrelated", priority="critical")

    assert titles(cast.as_owner, path, q="widget") == [
        "Widget first",
        "the widget",
        "in comment",
        "in description",
    ]
    number = Issue.objects.get(title="unrelated").issue_number
    assert titles(cast.as_owner, path, q=f"{prefix.lower()}-{number}") == ["unrelated"]


@pytest.mark.parametrize("term", ["100%", "a_b", "c:\\d", "'; --", '"'])
def test_wildcards_are_letters(cast, path, term):
    """IC-112."""
    factories.issue(cast.company, title=f"has {term} in it")
    factories.issue(cast.company, title="has 100 a-b cd in it")

    assert titles(cast.as_owner, path, q=term) == [f"has {term} in it"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        pytest.param({"limit": "0"}, 400, id="I-145 zero"),
        pytest.param({"limit": "-1"}, 400, id="I-145 negative"),
        pytest.param({"limit": "1.5"}, 400, id="I-145 fraction"),
        pytest.param({"limit": "ten"}, 400, id="I-145 words"),
        pytest.param({"limit": ""}, 400, id="I-145 empty"),
        pytest.param({"limit": "\u0663"}, 400, id="I-145 foreign digits"),
        pytest.param({"limit": "9" * 30}, 200, id="I-145 larger clamps"),
        pytest.param({"limit": "1001"}, 200, id="I-145 clamps"),
        pytest.param({"offset": "-1"}, 400, id="I-145 offset"),
        pytest.param({"offset": "9" * 30}, 200, id="I-145 far offset"),
        pytest.param({"status": "open"}, 400, id="I-144 no known status"),
        pytest.param({"projectId": "x"}, 400, id="IW-3 malformed project"),
        pytest.param({"labelId": "x"}, 400, id="IW-3 malformed label"),
        pytest.param({"descendantOf": "x"}, 400, id="IW-3 malformed root"),
        pytest.param({"assigneeAgentId": "x"}, 422, id="IL-6 malformed agent"),
        pytest.param({"unknown": "x"}, 200, id="I-2 unknown keys"),
    ],
)
def test_malformed_queries(cast, path, query, status):
    assert cast.as_owner.get(path, query).status_code == status


def test_pages_follow_each_other(cast, path):
    for number in range(7):
        factories.issue(cast.company, title=str(number))

    everything = titles(cast.as_owner, path)
    paged = [title for offset in (0, 3, 6) for title in titles(cast.as_owner, path, limit=3, offset=offset)]

    assert paged == everything
    assert len(everything) == 7


@pytest.mark.parametrize(
    "name", ["assigneeUserId", "touchedByUserId", "inboxArchivedByUserId", "unreadForUserId"]
)
def test_me_is_a_person(cast, path, name):
    """I-144."""
    assert cast.as_agent(cast.engineer).get(path, {name: "me"}).status_code == 403
    assert cast.as_owner.get(path, {name: "me"}).status_code == 200


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("as_owner", 200),
        ("as_viewer", 200),
        ("as_outsider", 403),
        ("as_foreign_agent", 403),
        ("as_nobody", 401),
    ],
)
def test_who_may_list(cast, path, who, status):
    assert getattr(cast, who).get(path).status_code == status


def test_company_is_needed(cast):
    """I-158."""
    assert cast.as_owner.get("/api/issues").status_code == 400
    assert cast.as_owner.get("/api/companies/nonsense/issues").status_code == 403


# --- What a person has seen ------------------------------------------------------------------------------


def test_touched_and_unread(cast, path):
    """IC-107, I-149."""
    made = factories.issue(cast.company, title="made", created_by_user=cast.operator)
    factories.issue(cast.company, title="foreign")
    caller = cast.as_operator

    assert titles(caller, path, touchedByUserId="me") == ["made"]
    assert titles(caller, path, unreadForUserId="me") == []
    cast.as_owner.post(f"/api/issues/{made.pk}/comments", {"body": "news"})
    assert titles(caller, path, unreadForUserId="me") == ["made"]
    (row,) = caller.get(path, {"touchedByUserId": "me"}).json()
    assert (row["isUnreadForMe"], row["lastExternalCommentAt"] is None, row["myLastTouchAt"] is None) == (
        True, False, False
    )  # fmt: skip

    caller.post(f"/api/issues/{made.pk}/read")
    assert titles(caller, path, unreadForUserId="me") == []
    cast.as_owner.post(f"/api/issues/{made.pk}/comments", {"body": "more"})
    assert titles(caller, path, unreadForUserId="me") == ["made"]
    caller.delete(f"/api/issues/{made.pk}/read")
    caller.post(f"/api/issues/{made.pk}/comments", {"body": "seen"})
    assert titles(caller, path, unreadForUserId="me") == []


def test_assignee_sees_what_is_new(cast, path):
    """IW-37."""
    issue = factories.issue(cast.company, title="mine", assignee_user=cast.operator)
    cast.as_owner.post(f"/api/issues/{issue.pk}/comments", {"body": "please"})

    assert titles(cast.as_operator, path, unreadForUserId="me") == ["mine"]


def test_archived_issues_come_back_with_news(cast, path):
    """IC-106, I-150."""
    issue = factories.issue(cast.company, title="mine", created_by_user=cast.operator)
    caller = cast.as_operator

    def inbox():
        return titles(caller, path, inboxArchivedByUserId="me")

    assert inbox() == ["mine"]
    caller.post(f"/api/issues/{issue.pk}/inbox-archive")
    assert inbox() == []
    cast.as_owner.post(f"/api/issues/{issue.pk}/comments", {"body": "news"})
    assert inbox() == ["mine"]
    caller.post(f"/api/issues/{issue.pk}/inbox-archive")
    assert inbox() == []
    cast.as_owner.patch(f"/api/issues/{issue.pk}", {"priority": "high"})
    assert inbox() == ["mine"]
    caller.post(f"/api/issues/{issue.pk}/inbox-archive")
    caller.delete(f"/api/issues/{issue.pk}/inbox-archive")
    assert inbox() == ["mine"]


# --- What few rows have ---


SELDOM = {
    "assignee_adapter_overrides": ({"apiKey": "hunter2", "n": [1, None]}, {"apiKey": MARKER, "n": [1, None]}),
    "billing_code": ('"a"\n\u2603', '"a"\n\u2603'),
    "cancelled_at": (MOMENT, clock.iso(MOMENT)),
    "execution_agent_name_key": ("engineer", "engineer"),
    "execution_locked_at": (MOMENT, clock.iso(MOMENT)),
    "execution_workspace_preference": ("inherit", "inherit"),
    "monitor_last_triggered_at": (MOMENT, clock.iso(MOMENT)),
    "monitor_next_check_at": (MOMENT, clock.iso(MOMENT)),
    "monitor_notes": ("--token x", "--token x"),
    "monitor_scheduled_by": ("board", "board"),
    "monitor_wake_requested_at": (MOMENT, clock.iso(MOMENT)),
    "origin_id": ("o", "o"),
    "origin_run_id": ("r", "r"),
}


@pytest.mark.parametrize("column", SELDOM)
def test_what_is_seldom_set_is_shown_where_it_is(cast, path, column):
    """I-8, I-147: each alone, beside a row that has none of them."""
    stored, shown = SELDOM[column]
    plain, special = factories.issue(cast.company), factories.issue(cast.company, **{column: stored})

    rows = {row["id"]: row for row in cast.as_owner.get(path).json()}

    name = naming.camel(column)
    assert rows[str(special.pk)][name] == shown
    assert rows[str(plain.pk)][name] is None
    assert {key for key, value in rows[str(special.pk)].items() if value != rows[str(plain.pk)][key]} <= {
        name, "id", "identifier", "issueNumber", "title", "createdAt", "updatedAt", "lastActivityAt",
    }  # fmt: skip


def test_what_a_list_never_shows_is_null(cast, path):
    """I-147."""
    factories.issue(
        cast.company,
        execution_policy={"a": 1},
        execution_state={"a": 1},
        execution_workspace_settings={"a": 1},
    )

    (row,) = cast.as_owner.get(path).json()

    assert [row[name] for name in ("executionPolicy", "executionState", "executionWorkspaceSettings")] == [
        None
    ] * 3


# --- Cost ------------------------------------------------------------------------------------------------


def test_order_of_lists_is_kept_by_an_index(cast):
    """IW-38: else the time of a page would grow with the company."""
    page = listing._ordered(listing._filtered(cast.company.pk, Filters()), "")[:50]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        plan = page.explain()

    assert "issue_in_list_order" in plan
    assert "Sort" not in plan


def test_queries_do_not_grow_with_rows(cast, path, django_assert_num_queries):
    """IW-38."""
    label = cast.company.labels.create(name="label", color="#000000")
    caller = cast.as_owner

    def fill(count):
        for _ in range(count):
            issue = factories.issue(
                cast.company, status="blocked", execution_run=factories.run(cast.engineer)
            )
            issue.label_links.create(label=label, company=cast.company)
            factories.comment(issue)
            factories.blocks(factories.issue(cast.company), issue)

    query = {"includeBlockedBy": "1", "touchedByUserId": str(cast.owner.id)}
    caller.get(path, query)
    for count in (1, 12):
        fill(count)
        Issue.objects.update(created_by_user=cast.owner)
        with django_assert_num_queries(9):  # and the page itself, whose rows come one by one
            caller.get(path, query)


def test_blockers_are_listed_on_request(cast, path):
    issue = factories.issue(cast.company, title="waits")
    factories.blocks(factories.issue(cast.company, title="first"), issue)

    rows = {row["title"]: row for row in cast.as_owner.get(path, {"includeBlockedBy": "true"}).json()}

    assert [entry["title"] for entry in rows["waits"]["blockedBy"]] == ["first"]
    assert rows["first"]["blockedBy"] == []
    assert "terminalBlockers" not in rows["waits"]["blockedBy"][0]


def test_hidden_issues_are_listed_on_request(cast, path):
    """IW-47: elsewhere they are in no list."""
    factories.issue(cast.company, title="seen")
    factories.issue(cast.company, title="hidden", hidden_at=clock.now())

    assert titles(cast.as_owner, path) == ["seen"]
    assert titles(cast.as_owner, path, hidden="true") == ["hidden"]
    assert titles(cast.as_owner, path, hidden="true", status="done") == []


def test_review_stage_is_shown_in_the_row(cast, path):
    """IW-40: who judges, without a question for each issue."""
    asked = {"type": "agent", "agentId": str(cast.peer.pk), "userId": None}
    maker = {"type": "user", "agentId": None, "userId": str(cast.owner.pk)}
    shown = {
        "currentStageId": factories.NO_SUCH_ID,
        "currentStageType": "review",
        "currentParticipant": asked,
        "returnAssignee": maker,
    }
    for status in ("pending", "changes_requested", "idle", "completed"):
        state = {"status": status, "reviewRequest": {"instructions": "look"}, **shown}
        factories.issue(cast.company, title=status, execution_state=state)
    factories.issue(cast.company, title="none")

    stages = {row["title"]: row["executionStage"] for row in cast.as_owner.get(path).json()}

    assert stages == {
        "pending": {"status": "pending", **shown},
        "changes_requested": {"status": "changes_requested", **shown},
        "idle": None,
        "completed": None,
        "none": None,
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param({}, 5, id="IW-39 all"),
        pytest.param({"status": "todo"}, 3, id="IW-39 of a status"),
        pytest.param({"q": "Needle"}, 2, id="IW-39 with a word"),
        pytest.param({"q": "needle", "status": "todo"}, 1, id="IW-39 both"),
        pytest.param({"excludeRoutineExecutions": "true"}, 4, id="IW-39 without routines"),
        pytest.param({"includeRoutineExecutions": "false"}, 5, id="IW-39 what says nothing has no effect"),
        pytest.param({"hidden": "1"}, 1, id="IW-47 hidden"),
        pytest.param({"limit": "1", "offset": "1"}, 5, id="IW-38 over all pages"),
    ],
)
def test_issues_are_counted(cast, path, query, expected):
    """I-151, IL-5: as many as the list has, over all its pages."""
    factories.issue(cast.company, title="needle")
    factories.issue(cast.company, description="a needle", status="done")
    factories.issue(cast.company, status="todo")
    factories.issue(cast.company, status="done", hidden_at=clock.now())
    factories.issue(cast.company, status="blocked")
    factories.issue(cast.company, origin_kind="routine_execution")
    factories.issue(cast.elsewhere)

    answer = cast.as_agent(cast.peer).get(f"{path}/count", query)

    assert (answer.status_code, answer.json()) == (200, {"count": expected})
    listed = cast.as_owner.get(path, {name: query[name] for name in query if name not in ("limit", "offset")})
    assert len(listed.json()) == expected


@pytest.mark.parametrize(
    ("query", "status"),
    [({"status": "unheard-of"}, 400), ({"projectId": "x"}, 400), ({"assigneeAgentId": "x"}, 422)],
)
def test_malformed_filters_count_nothing(cast, path, query, status):
    """IW-3."""
    assert cast.as_owner.get(f"{path}/count", query).status_code == status
