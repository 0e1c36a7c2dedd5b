"""What came of the work on an issue."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from issues.models import Issue, WorkProduct
from paperclip.companies.models import Activity
from tests import factories
from tests.cast import Caller
from tests.issues import log, race
from workspaces.models import ExecutionWorkspace

KEYS = {
    "id", "companyId", "projectId", "issueId", "executionWorkspaceId", "runtimeServiceId", "type", "provider",
    "externalId", "title", "url", "status", "reviewState", "isPrimary", "healthStatus", "summary", "metadata",
    "createdByRunId", "createdAt", "updatedAt",
}  # fmt: skip
PULL = {"type": "pull_request", "provider": "github", "title": "Split the largest file"}


@pytest.fixture
def issue(cast):
    return factories.issue(cast.company)


def path(issue):
    return f"/api/issues/{issue.pk}/work-products"


def one(product):
    return f"/api/work-products/{product['id']}"


def add(caller, issue, **fields):
    return caller.post(path(issue), PULL | fields)


def test_least_that_is_needed(cast, issue):
    before = issue.last_activity_at
    answer = add(cast.as_owner, issue)

    assert answer.status_code == 201
    row = answer.json()
    assert set(row) == KEYS
    assert {name: row[name] for name in PULL} == PULL
    defaults = {"status": "active", "reviewState": "none", "isPrimary": False, "healthStatus": "unknown"}
    assert {name: row[name] for name in defaults} == defaults
    assert row["projectId"] is None
    assert log.details(issue, "issue.work_product_created") == {
        "workProductId": row["id"],
        "type": "pull_request",
        "provider": "github",
    }
    issue.refresh_from_db()
    assert issue.last_activity_at > before


def test_everything_that_can_be_said(cast):
    project = factories.project(cast.company)
    issue = factories.issue(cast.company, project=project)
    workspace = ExecutionWorkspace.objects.create(company=cast.company, mode="isolated_workspace", name="w")
    run = factories.run(cast.engineer)
    said = {
        "executionWorkspaceId": str(workspace.pk),
        "runtimeServiceId": str(uuid4()),
        "externalId": "42",
        "url": "https://example.com/pull/42?x=1#top",
        "status": "ready_for_review",
        "reviewState": "needs_board_review",
        "isPrimary": True,
        "healthStatus": "healthy",
        "summary": "Three files",
        "metadata": {"branch": "split", "files": [1, 2, 3]},
        "createdByRunId": str(run.pk),
    }

    row = add(cast.as_owner, issue, **said).json()

    assert {name: row[name] for name in said} == said
    assert row["projectId"] == str(project.pk)
    other = factories.project(cast.company)
    assert add(cast.as_owner, issue, projectId=str(other.pk)).json()["projectId"] == str(other.pk)
    assert add(cast.as_owner, issue, projectId=None).json()["projectId"] is None


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        pytest.param({"type": "novel"}, "type", id="I-21 unknown type"),
        pytest.param({"type": None}, "type", id="I-21 no type"),
        pytest.param({"provider": ""}, "provider", id="I-21 empty provider"),
        pytest.param({"title": ""}, "title", id="I-21 empty title"),
        pytest.param({"url": "no address"}, "url", id="I-21 no URL"),
        pytest.param({"url": ""}, "url", id="I-21 empty URL"),
        pytest.param({"url": "/relative"}, "url", id="I-21 relative URL"),
        pytest.param({"url": "javascript:alert(1)"}, "url", id="I-21 script as URL"),
        pytest.param({"url": " JavaScript:alert(1)"}, "url", id="I-21 script in disguise"),
        pytest.param({"url": "java\nscript:alert(1)"}, "url", id="I-21 script over two lines"),
        pytest.param({"url": "data:text/html,x"}, "url", id="I-21 data as URL"),
        pytest.param({"url": "https://[x"}, "url", id="I-21 broken URL"),
        pytest.param({"status": "todo"}, "status", id="I-21 unknown status"),
        pytest.param({"reviewState": "pending"}, "reviewState", id="I-21 unknown review state"),
        pytest.param({"healthStatus": "ill"}, "healthStatus", id="I-21 unknown health"),
        pytest.param({"isPrimary": "yes"}, "isPrimary", id="I-21 primary is a flag"),
        pytest.param({"metadata": []}, "metadata", id="I-21 metadata is an object"),
        pytest.param({"projectId": "x"}, "projectId", id="I-21 project is an id"),
    ],
)
def test_bad_fields_are_named(cast, issue, wrong, field):
    made = add(cast.as_owner, issue).json()

    for answer in (add(cast.as_owner, issue, **wrong), cast.as_owner.patch(one(made), wrong)):
        assert answer.status_code == 400
        assert [fault["path"] for fault in answer.json()["details"]] == [[field]]
    assert WorkProduct.objects.count() == 1


@pytest.mark.parametrize("missing", ["type", "provider", "title"])
def test_required_fields(cast, issue, missing):
    body = {name: value for name, value in PULL.items() if name != missing}
    answer = cast.as_owner.post(path(issue), body)

    assert (answer.status_code, answer.json()["details"][0]["path"]) == (400, [missing])


def test_links_stay_within_the_company(cast, issue):
    foreign_space = ExecutionWorkspace.objects.create(
        company=cast.elsewhere, mode="isolated_workspace", name="w"
    )
    links = {
        "projectId": (factories.project(cast.elsewhere).pk, 404),
        "executionWorkspaceId": (foreign_space.pk, 422),
        "createdByRunId": (factories.run(cast.foreign_agent).pk, 422),
    }
    for name, (foreign_id, status) in links.items():
        assert add(cast.as_owner, issue, **{name: str(foreign_id)}).status_code == status
        assert add(cast.as_owner, issue, **{name: factories.NO_SUCH_ID}).status_code == status
    assert not WorkProduct.objects.exists()


# --- Primary ---------------------------------------------------------------------------------------------


def primaries(issue):
    return {(row.type, row.title) for row in WorkProduct.objects.filter(issue=issue, is_primary=True)}


def test_one_of_a_type_is_primary(cast, issue):
    """I-139."""
    add(cast.as_owner, issue, title="a", isPrimary=True)
    add(cast.as_owner, issue, title="b", type="branch", isPrimary=True)
    other = factories.issue(cast.company)
    add(cast.as_owner, other, title="other", isPrimary=True)

    add(cast.as_owner, issue, title="c", isPrimary=True)

    assert primaries(issue) == {("pull_request", "c"), ("branch", "b")}
    assert primaries(other) == {("pull_request", "other")}


def test_type_and_primary_change_together(cast, issue):
    """IW-46: the type a product will have counts, also when it was the primary one before."""
    add(cast.as_owner, issue, title="a", isPrimary=True)
    branch = add(cast.as_owner, issue, title="b", type="branch", isPrimary=True).json()
    commit = add(cast.as_owner, issue, title="c", type="commit").json()

    assert cast.as_owner.patch(one(branch), {"type": "pull_request"}).json()["isPrimary"] is True
    assert primaries(issue) == {("pull_request", "b")}
    cast.as_owner.patch(one(commit), {"type": "pull_request", "isPrimary": True})
    assert primaries(issue) == {("pull_request", "c")}
    cast.as_owner.patch(one(commit), {"isPrimary": False})
    assert primaries(issue) == set()


def test_many_at_once_leave_one_primary(crowd):
    issue = factories.issue(crowd.company)
    token = factories.board_token(crowd.owner)

    answers = race.together([lambda: add(Caller(token), issue, isPrimary=True).status_code for _ in range(6)])

    assert answers == [201] * 6
    assert WorkProduct.objects.filter(is_primary=True).count() == 1


# --- Changing and deleting -------------------------------------------------------------------------------


def test_patch_changes_what_is_sent(cast, issue):
    made = add(cast.as_owner, issue, summary="old", url="https://example.com").json()

    answer = cast.as_owner.patch(one(made), {"status": "merged", "summary": None, "unknown": 1})

    assert answer.status_code == 200
    assert answer.json() == made | {
        "status": "merged",
        "summary": None,
        "updatedAt": answer.json()["updatedAt"],
    }
    assert answer.json()["updatedAt"] > made["updatedAt"]
    assert log.details(issue, "issue.work_product_updated") == {
        "workProductId": made["id"],
        "changedKeys": ["status", "summary"],
    }


def test_review_state_is_kept(cast, issue):
    made = add(cast.as_owner, issue, reviewState="needs_board_review").json()

    for state in ("approved", "changes_requested", "none"):
        assert cast.as_owner.patch(one(made), {"reviewState": state}).json()["reviewState"] == state


def test_delete_returns_the_row(cast, issue):
    made = add(cast.as_owner, issue).json()

    answer = cast.as_owner.delete(one(made))

    assert (answer.status_code, answer.json()) == (200, made)
    assert log.details(issue, "issue.work_product_deleted") == {
        "workProductId": made["id"],
        "type": "pull_request",
    }
    assert cast.as_owner.delete(one(made)).status_code == 404


@pytest.mark.parametrize("reference", ["nonsense", factories.NO_SUCH_ID])
def test_unknown_product(cast, reference):
    """IW-3."""
    for answer in (
        cast.as_owner.patch(f"/api/work-products/{reference}", {"title": "x"}),
        cast.as_owner.delete(f"/api/work-products/{reference}"),
    ):
        assert (answer.status_code, answer.json()["error"]) == (404, "Work product not found")


# --- Who may ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "read", "write"),
    [
        ("as_operator", 200, 201),
        ("as_viewer", 200, 403),
        ("as_outsider", 404, 404),
        ("as_foreign_agent", 404, 404),
        ("as_nobody", 401, 401),
    ],
)
def test_who_may(cast, issue, who, read, write):
    made = add(cast.as_owner, issue).json()
    caller, changed = getattr(cast, who), 200 if write == 201 else write

    assert caller.get(path(issue)).status_code == read
    assert add(caller, issue).status_code == write
    assert caller.patch(one(made), {"title": "x"}).status_code == changed
    assert caller.delete(one(made)).status_code == changed


def test_agents_write_to_what_is_theirs(cast):
    """IC-22, IC-23, W-119: the run of an agent's product is its own, whatever it says (IW-46)."""
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="in_progress")
    run = factories.run(cast.engineer, issue=issue)
    Issue.objects.filter(pk=issue.pk).update(checkout_run=run)
    mine, peer = cast.as_agent(cast.engineer, run_id=run.pk), cast.as_agent(cast.peer)

    assert add(peer, issue).status_code == 409
    assert add(cast.as_agent(cast.engineer), issue).status_code == 401
    made = add(mine, issue, createdByRunId=str(factories.run(cast.peer).pk)).json()
    assert made["createdByRunId"] == str(run.pk)
    assert peer.patch(one(made), {"title": "x"}).status_code == 409
    assert peer.delete(one(made)).status_code == 409
    assert mine.patch(one(made), {"createdByRunId": None}).json()["createdByRunId"] == str(run.pk)
    Issue.objects.filter(pk=issue.pk).update(status="todo", checkout_run=None)
    assert peer.patch(one(made), {"title": "x"}).status_code == 403
    assert set(Activity.objects.filter(entity_id=str(issue.pk)).values_list("run_id", flat=True)) == {run.pk}


# --- Reading ---------------------------------------------------------------------------------------------


def test_primary_ones_come_first_then_the_last_changed(cast, issue):
    rows = {title: add(cast.as_owner, issue, title=title).json() for title in "abcd"}
    cast.as_owner.patch(one(rows["b"]), {"isPrimary": True})
    cast.as_owner.patch(one(rows["a"]), {"summary": "x"})

    listed = cast.as_owner.get(path(issue)).json()

    assert [row["title"] for row in listed] == ["b", "a", "d", "c"]
    shown = cast.as_owner.get(f"/api/issues/{issue.identifier}").json()["workProducts"]
    assert shown == listed  # I-141


def test_issue_without_products(cast, issue):
    assert cast.as_owner.get(path(issue)).json() == []
    assert cast.as_owner.get(f"/api/issues/{issue.pk}").json()["workProducts"] == []


def test_list_asks_as_often_for_thirty_as_for_three(cast, issue):
    def questions(number):
        for _ in range(number):
            add(cast.as_owner, issue)
        with CaptureQueriesContext(connection) as seen:
            cast.as_owner.get(path(issue))
        return len(seen)

    assert questions(3) == questions(27)
