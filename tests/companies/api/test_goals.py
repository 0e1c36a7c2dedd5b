"""C-69, C-70: goals."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection

from paperclip.companies import goals
from paperclip.companies.models import Activity, Goal
from paperclip.core import clock
from tests import cast as standing
from tests import factories


def path(cast) -> str:
    return f"/api/companies/{cast.company.id}/goals"


def test_create_change_delete(cast):
    made = cast.as_agent(cast.peer).post(path(cast), {"title": "Grow"})
    assert made.status_code == 201
    goal = made.json()
    assert set(goal) == {
        "id",
        "companyId",
        "title",
        "description",
        "level",
        "status",
        "parentId",
        "ownerAgentId",
        "createdAt",
        "updatedAt",
    }
    assert (goal["level"], goal["status"]) == ("task", "planned")
    body = {"status": "active", "description": "first\\nsecond", "ownerAgentId": str(cast.peer.id)}
    changed = cast.as_owner.patch(f"/api/goals/{goal['id']}", body).json()
    assert (changed["status"], changed["description"]) == ("active", "first\nsecond")
    assert cast.as_owner.get(f"/api/goals/{goal['id']}").json() == changed
    assert cast.as_owner.delete(f"/api/goals/{goal['id']}").json() == changed
    gone = cast.as_owner.get(f"/api/goals/{goal['id']}")
    assert (gone.status_code, gone.json()["error"]) == (404, "Goal not found")
    log = list(Activity.objects.order_by("created_at").values_list("action", "details"))
    assert log == [
        ("goal.created", {"title": "Grow"}),
        ("goal.updated", body | {"description": "first\nsecond"}),
        ("goal.deleted", None),
    ]


def test_deleting_a_goal_frees_what_served_it(cast):
    """CW-16"""
    goal = factories.goal(cast.company)
    child = factories.goal(cast.company, parent=goal)
    issue = factories.issue(cast.company, goal=goal)
    project = cast.as_owner.post(
        f"/api/companies/{cast.company.id}/projects", {"name": "A", "goalIds": [str(goal.id)]}
    ).json()
    assert cast.as_owner.delete(f"/api/goals/{goal.id}").status_code == 200
    child.refresh_from_db()
    issue.refresh_from_db()
    assert (child.parent_id, issue.goal_id) == (None, None)
    assert cast.as_owner.get(f"/api/projects/{project['id']}").json()["goalIds"] == []


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param({"parentId": "foreign"}, "Parent goal not found in this company", id="CW-16 parent"),
        pytest.param({"ownerAgentId": "agent"}, "Owner agent not found in this company", id="CW-16 owner"),
        pytest.param({"parentId": "itself"}, "Goal hierarchy would create cycle", id="CW-16 itself"),
        pytest.param({"parentId": "grandchild"}, "Goal hierarchy would create cycle", id="CW-16 circle"),
    ],
)
def test_reference_that_does_not_hold_is_refused(cast, body, error):
    goal = factories.goal(cast.company)
    child = factories.goal(cast.company, parent=goal)
    ids = {
        "foreign": factories.goal(cast.elsewhere).id,
        "agent": cast.foreign_agent.id,
        "itself": goal.id,
        "grandchild": factories.goal(cast.company, parent=child).id,
    }
    body = {key: str(ids[value]) for key, value in body.items()}
    answer = cast.as_owner.patch(f"/api/goals/{goal.id}", body)
    assert (answer.status_code, answer.json()["error"]) == (422, error)
    assert Goal.objects.get(pk=goal.pk).parent_id is None


@pytest.mark.django_db(transaction=True)
def test_two_moves_at_once_make_no_circle():
    cast = standing.make()
    for _ in range(5):
        one, two = factories.goal(cast.company), factories.goal(cast.company)
        statuses = []
        start = threading.Barrier(2)

        def move(goal, under, start=start, statuses=statuses):
            start.wait()
            answer = cast.as_owner.patch(f"/api/goals/{goal.id}", {"parentId": str(under.id)})
            statuses.append(answer.status_code)
            connection.close()

        threads = [threading.Thread(target=move, args=pair) for pair in ((one, two), (two, one))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [200, 422]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        pytest.param({"title": ""}, ["title"], id="C-69 title"),
        pytest.param({"title": None}, ["title"], id="C-69 null title"),
        pytest.param({"level": "x"}, ["level"], id="C-69 level"),
        pytest.param({"status": "x"}, ["status"], id="C-69 status"),
        pytest.param({"parentId": 1}, ["parentId"], id="C-7"),
    ],
)
def test_bad_goal_is_refused(cast, body, where):
    answer = cast.as_owner.post(path(cast), {"title": "x"} | body)
    assert answer.status_code == 400
    assert answer.json()["details"][0]["path"] == where


@pytest.mark.parametrize(
    ("existing", "wanted"),
    [
        pytest.param([], None, id="C-70 none"),
        pytest.param([("task", "active", None)], None, id="C-70 no company goal"),
        pytest.param(
            [("company", "planned", None), ("company", "active", None)], 1, id="C-70 active before planned"
        ),
        pytest.param([("company", "active", None), ("company", "active", None)], 0, id="C-70 oldest"),
        pytest.param(
            [("company", "planned", None), ("company", "active", 0)], 0, id="C-70 parentless before active"
        ),
        pytest.param([("team", "active", None), ("company", "planned", 0)], 1, id="C-70 any company goal"),
    ],
)
def test_default_goal(cast, existing, wanted):
    made: list[Goal] = []
    for age, (level, status, parent) in enumerate(existing):
        goal = factories.goal(
            cast.company,
            level=level,
            status=status,
            parent=made[parent] if parent is not None else None,
            created_at=clock.now() + timedelta(seconds=age),
        )
        made.append(goal)
    found = goals.default_goal(cast.company.id)
    assert found == (made[wanted] if wanted is not None else None)
