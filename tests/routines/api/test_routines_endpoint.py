"""`/companies/:c/routines` and `/routines/:id` (R-115 to R-118)."""

from __future__ import annotations

import pytest

from heartbeat.models import Run
from paperclip.companies.models import Activity, Grant
from paperclip.core import clock
from tests import factories
from tests.routines import recipes

pytestmark = pytest.mark.django_db
UNKNOWN = "7f1c2f0e-5f0a-4a52-9d5b-0f6f3c0a1b2c"


@pytest.fixture
def path(cast) -> str:
    return f"/api/companies/{cast.company.pk}/routines"


def test_a_routine_is_created_changed_and_read(cast, path):
    made = cast.as_owner.post(
        path, {"title": "  Sweep  ", "assigneeAgentId": str(cast.engineer.pk), "unknown": 1}
    )
    assert made.status_code == 201, made.json()
    routine = made.json()
    assert (routine["title"], routine["status"], routine["createdByUserId"]) == (
        "Sweep",
        "active",
        str(cast.owner.pk),
    )

    changed = cast.as_owner.patch(f"/api/routines/{routine['id']}", {"priority": "high", "status": "paused"})
    assert changed.status_code == 200
    assert (changed.json()["priority"], changed.json()["status"]) == ("high", "paused")

    read = cast.as_viewer.get(f"/api/routines/{routine['id']}").json()
    assert read["assignee"] == {
        "id": str(cast.engineer.pk),
        "name": "Engineer",
        "role": "engineer",
        "title": None,
        "urlKey": "engineer",
    }
    assert (read["triggers"], read["recentRuns"], read["activeIssue"], read["project"]) == (
        [],
        [],
        None,
        None,
    )
    actions = (
        Activity.objects.filter(entity_type="routine").order_by("created_at").values_list("action", flat=True)
    )
    assert list(actions) == [
        "routine.created", "routine.revision_created", "routine.updated", "routine.revision_created",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param({}, "title", id="R-20 no title"),
        pytest.param({"title": "  "}, "title", id="R-11 blank title"),
        pytest.param({"title": "x" * 201}, "title", id="R-11 long title"),
        pytest.param({"title": "x", "priority": "urgent"}, "priority", id="R-12"),
        pytest.param({"title": "x", "status": "on"}, "status", id="R-1"),
        pytest.param({"title": "x", "concurrencyPolicy": "x"}, "concurrencyPolicy", id="R-2"),
        pytest.param({"title": "x", "catchUpPolicy": "x"}, "catchUpPolicy", id="R-3"),
        pytest.param({"title": "x", "assigneeAgentId": "me"}, "assigneeAgentId", id="R-19 uuid"),
        pytest.param({"title": "x", "variables": {}}, "variables", id="R-13 variables are an array"),
    ],
)
def test_a_malformed_routine_is_refused_by_field(cast, path, body, field):
    answer = cast.as_owner.post(path, body)
    assert answer.status_code == 400
    assert answer.json()["error"] == "Validation error"
    assert answer.json()["details"][0]["path"] == [field]


@pytest.mark.parametrize(
    ("variable", "path"),
    [
        pytest.param({"name": "1x"}, ["name"], id="R-21 name begins with a digit"),
        pytest.param({"name": "a-b"}, ["name"], id="R-21 dash"),
        pytest.param({}, ["name"], id="R-21 no name"),
        pytest.param({"name": "x", "type": "date"}, ["type"], id="R-6 unknown type"),
        pytest.param({"name": "x", "type": "select"}, ["options"], id="R-21 select without options"),
        pytest.param({"name": "x", "options": ["a"]}, ["options"], id="R-21 options of a text"),
        pytest.param(
            {"name": "x", "type": "select", "options": ["a"], "defaultValue": "b"},
            ["defaultValue"],
            id="R-21 default is no option",
        ),
        pytest.param(
            {"name": "x", "type": "select", "options": ["a"] * 51}, ["options"], id="R-11 51 options"
        ),
        pytest.param(
            {"name": "x", "type": "select", "options": ["a" * 121]}, ["options", 0], id="R-11 long option"
        ),
        pytest.param({"name": "x", "label": "l" * 121}, ["label"], id="R-11 long label"),
        pytest.param({"name": "x", "required": "yes"}, ["required"], id="R-19 not a boolean"),
        pytest.param({"name": "x", "defaultValue": []}, ["defaultValue"], id="R-19 default is an array"),
    ],
)
def test_a_malformed_variable_is_refused_by_field(cast, path, variable):
    address = f"/api/companies/{cast.company.pk}/routines"
    answer = cast.as_owner.post(address, {"title": "{{x}}", "variables": [variable]})
    assert answer.status_code == 400, answer.json()
    assert answer.json()["details"][0]["path"] == ["variables", 0, *path]


def test_variables_are_those_the_texts_ask_for(cast, path):  # R-24, RC-46
    body = {
        "title": "{{date}} {{ repo }}",
        "description": "{{timestamp}} {{priority}} {{repo}}",
        "variables": [
            {"name": "priority", "type": "select", "options": ["high", "low"], "defaultValue": "high"},
            {"name": "gone", "defaultValue": "x"},
        ],
        "assigneeAgentId": str(cast.engineer.pk),
    }
    made = cast.as_owner.post(path, body).json()
    assert [each["name"] for each in made["variables"]] == ["repo", "priority"]
    assert made["variables"][0] == {
        "name": "repo", "label": None, "type": "text", "defaultValue": None, "required": True, "options": [],
    }  # fmt: skip
    kept = cast.as_owner.patch(f"/api/routines/{made['id']}", {"title": "{{priority}}"}).json()
    assert [(each["name"], each["defaultValue"]) for each in kept["variables"]] == [
        ("priority", "high"), ("repo", None),
    ]  # fmt: skip
    body = {"title": "{{n}}", "variables": [{"name": "n", "type": "number", "defaultValue": "abc"}]}
    answer = cast.as_owner.post(path, body)
    assert (answer.status_code, answer.json()["error"]) == (422, 'Variable "n" must be a number')


def test_a_change_that_others_made_meanwhile_is_not_overwritten(cast, path):  # RC-5, RC-6, R-27
    made = cast.as_owner.post(path, {"title": "Sweep"}).json()
    address = f"/api/routines/{made['id']}"
    first = made["latestRevisionId"]
    second = cast.as_owner.patch(address, {"description": "x", "baseRevisionId": first}).json()
    assert second["latestRevisionNumber"] == 2
    same = {"description": "x", "baseRevisionId": second["latestRevisionId"]}
    again = cast.as_owner.patch(address, same).json()
    assert (again["latestRevisionNumber"], again["updatedAt"]) == (2, second["updatedAt"])
    answer = cast.as_owner.patch(address, {"title": "y", "baseRevisionId": first})
    assert answer.status_code == 409
    assert answer.json() == {
        "error": "Routine was updated by someone else",
        "details": {"currentRevisionId": second["latestRevisionId"]},
    }
    assert cast.as_owner.patch(address, {"title": "y", "baseRevisionId": None}).status_code == 200


def test_the_list_is_paged(cast, path):  # RW-20
    for number in range(3):
        recipes.routine(cast, title=f"Routine {number}")
    titles = [row["title"] for row in cast.as_owner.get(path).json()]
    assert len(titles) == 3
    page = cast.as_owner.get(f"{path}?limit=2&offset=1").json()
    assert [row["title"] for row in page] == titles[1:]


def test_the_list_shows_times_last_run_and_work_in_hand(cast, path):  # RC-1, RC-44, RC-45, R-128
    project = factories.project(cast.company)
    here, there = recipes.routine(cast, project=project, title="Here"), recipes.routine(cast, title="There")
    trigger = recipes.schedule(here, due=clock.now(), cron="0 9 * * 1", timezone="Europe/Berlin")
    run = recipes.start(here)

    rows = cast.as_owner.get(path).json()

    assert [row["title"] for row in rows] == ["Here", "There"], "the one changed last comes first"
    (row,) = cast.as_owner.get(f"{path}?projectId={project.pk}").json()
    assert row["triggers"][0]["id"] == str(trigger.pk)
    assert (row["triggers"][0]["cronExpression"], row["triggers"][0]["timezone"]) == (
        "0 9 * * 1",
        "Europe/Berlin",
    )
    assert (row["lastRun"]["id"], row["lastRun"]["status"]) == (str(run.pk), "issue_created")
    assert row["lastRun"]["linkedIssue"]["identifier"] == run.linked_issue.identifier
    assert row["activeIssue"]["id"] == str(run.linked_issue_id)
    assert (rows[1]["lastRun"], rows[1]["activeIssue"], rows[1]["managedByPlugin"]) == (None, None, None)
    detail = cast.as_owner.get(f"/api/routines/{here.pk}").json()
    assert detail["recentRuns"][0]["id"] == str(run.pk)
    assert detail["activeIssue"]["id"] == str(run.linked_issue_id)
    assert all(row["managedByPlugin"] is None for row in rows), "RC-48: there are no plugins"
    Run.objects.update(status="succeeded")
    assert cast.as_owner.get(f"/api/routines/{here.pk}").json()["activeIssue"] is None  # RC-2
    assert cast.as_owner.get(f"{path}?projectId=x").status_code == 400
    assert there.pk != here.pk


def test_the_list_costs_the_same_whatever_is_on_it(cast, path, django_assert_num_queries):
    def fill(count):
        for _ in range(count):
            routine = recipes.routine(cast)
            recipes.schedule(routine, due=None)
            recipes.start(routine)

    fill(1)
    cast.as_owner.get(path)
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as few:
        cast.as_owner.get(path)
    fill(4)
    with django_assert_num_queries(len(few)):
        assert len(cast.as_owner.get(path).json()) == 5


@pytest.mark.parametrize(
    ("who", "status", "text"),
    [
        pytest.param("nobody", 401, "Unauthorized", id="R-110 nobody"),
        pytest.param("viewer", 403, None, id="R-110 viewer"),
        pytest.param("outsider", 403, None, id="R-110 other company"),
        pytest.param("foreign_agent", 403, None, id="R-110 foreign agent"),
        pytest.param(
            "unentitled", 403, "Missing permission: tasks:assign", id="RC-42 board without the grant"
        ),
        pytest.param(
            "peer", 403, "Agents can only assign routines to themselves", id="R-105 for another agent"
        ),
        pytest.param("engineer", 201, None, id="R-105 for itself"),
        pytest.param("operator", 201, None, id="R-105 board"),
    ],
)
def test_who_may_create(cast, path, who, status, text):
    answer = caller(cast, who).post(path, {"title": "Sweep", "assigneeAgentId": str(cast.engineer.pk)})
    assert answer.status_code == status, answer.json()
    if text:
        assert answer.json()["error"] == text


@pytest.mark.parametrize(
    ("who", "change", "status", "text"),
    [
        pytest.param("unentitled", {"description": "x"}, 200, None, id="R-106 text needs no grant"),
        pytest.param("unentitled", {"assigneeAgentId": None}, 403, "tasks:assign", id="RC-42 retarget"),
        pytest.param("unentitled", {"status": "active"}, 403, "tasks:assign", id="RC-42 activate"),
        pytest.param("viewer", {"description": "x"}, 403, None, id="R-110 viewer"),
        pytest.param("outsider", {"description": "x"}, 404, "Routine not found", id="R-110 other company"),
        pytest.param(
            "peer", {"description": "x"}, 403, "only manage routines assigned", id="R-106 not its own"
        ),
        pytest.param("engineer", {"description": "x"}, 200, None, id="R-106 its own"),
        pytest.param(
            "engineer", {"assigneeAgentId": None}, 403, "only assign routines", id="R-106 gives it away"
        ),
        pytest.param("engineer", {"status": "active"}, 200, None, id="R-106 activates its own"),
    ],
)
def test_who_may_change_what(cast, who, change, status, text):
    routine = recipes.routine(cast, status="paused")
    answer = caller(cast, who).patch(f"/api/routines/{routine.pk}", change)
    assert answer.status_code == status, answer.json()
    if text:
        assert text in answer.json()["error"]


def test_existence_comes_before_permission(cast):  # R-110, RW-16
    for reference in (UNKNOWN, "x", "00000000-0000-0000-0000-000000000000"):
        for call in (cast.as_owner.get, cast.as_owner.patch):
            answer = call(f"/api/routines/{reference}")
            assert (answer.status_code, answer.json()["error"]) == (404, "Routine not found")


def caller(cast, who: str):
    if who == "unentitled":
        Grant.objects.filter(principal_id=cast.operator.pk).delete()
        return cast.as_operator
    if who in ("peer", "engineer"):
        return cast.as_agent(getattr(cast, who))
    return getattr(cast, f"as_{who}")
