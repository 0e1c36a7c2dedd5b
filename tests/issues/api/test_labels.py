"""Labels of a company."""

from __future__ import annotations

import pytest

from issues.models import Label
from tests import factories
from tests.issues import log


@pytest.fixture
def path(cast):
    return f"/api/companies/{cast.company.id}/labels"


def test_create_list_delete(cast, path):
    made = cast.as_owner.post(path, {"name": "  bug ", "color": "#A1b2C3"})
    assert made.status_code == 201
    assert (made.json()["name"], made.json()["color"]) == ("bug", "#A1b2C3")
    cast.as_owner.post(path, {"name": "api", "color": "#000000"})

    assert [label["name"] for label in cast.as_owner.get(path).json()] == ["api", "bug"]

    gone = cast.as_owner.delete(f"/api/labels/{made.json()['id']}")
    assert (gone.status_code, gone.json()) == (200, made.json())
    assert [label["name"] for label in cast.as_owner.get(path).json()] == ["api"]
    assert log.actions(made.json()["id"]) == ["label.created", "label.deleted"]


def test_deleted_label_leaves_its_issues(cast, path):
    label = cast.company.labels.create(name="bug", color="#000000")
    issue = factories.issue(cast.company)
    issue.label_links.create(label=label, company=cast.company)

    cast.as_owner.delete(f"/api/labels/{label.pk}")

    assert cast.as_owner.get(f"/api/issues/{issue.pk}").json()["labels"] == []


def test_name_is_taken_once(cast, path):
    """IW-5."""
    body = {"name": "bug", "color": "#000000"}
    cast.as_owner.post(path, body)

    assert cast.as_owner.post(path, body).status_code == 409
    assert cast.as_outsider.post(f"/api/companies/{cast.elsewhere.id}/labels", body).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"name": ""}, id="I-16 empty"),
        pytest.param({"name": "   "}, id="I-16 blank"),
        pytest.param({"name": "x" * 49}, id="I-16 long"),
        pytest.param({"color": "red"}, id="I-16 word"),
        pytest.param({"color": "#12345"}, id="I-16 short colour"),
        pytest.param({"color": "#12345g"}, id="I-16 no hex"),
        pytest.param({"color": "#123456\n"}, id="I-16 line feed"),
        pytest.param({"color": None}, id="I-16 null"),
    ],
)
def test_bad_bodies(cast, path, body):
    answer = cast.as_owner.post(path, {"name": "bug", "color": "#000000"} | body)

    assert answer.status_code == 400
    assert answer.json()["details"][0]["path"] == list(body)


@pytest.mark.parametrize(
    ("who", "read", "write", "delete"),
    [
        ("as_operator", 200, 201, 200),
        ("as_viewer", 200, 403, 403),
        ("as_outsider", 403, 403, 404),
        ("as_foreign_agent", 403, 403, 404),
        ("as_nobody", 401, 401, 401),
    ],
)
def test_who_may(cast, path, who, read, write, delete):
    label = cast.company.labels.create(name="old", color="#000000")
    caller = getattr(cast, who)

    assert caller.get(path).status_code == read
    assert caller.post(path, {"name": "new", "color": "#000000"}).status_code == write
    assert caller.delete(f"/api/labels/{label.pk}").status_code == delete
    assert Label.objects.filter(pk=label.pk).exists() == (delete != 200)


def test_agents_make_and_delete_labels(cast, path):
    caller = cast.as_agent(cast.peer)
    made = caller.post(path, {"name": "new", "color": "#000000"})

    assert made.status_code == 201
    assert caller.delete(f"/api/labels/{made.json()['id']}").status_code == 200


@pytest.mark.parametrize(("who", "status"), [("peer", 403), ("ceo", 200), ("owner", 200)])
def test_label_in_use_is_not_any_agents_to_delete(cast, who, status):
    """IW-15."""
    label = cast.company.labels.create(name="bug", color="#000000")
    factories.issue(cast.company).label_links.create(label=label, company=cast.company)
    caller = cast.as_owner if who == "owner" else cast.as_agent(getattr(cast, who))

    assert caller.delete(f"/api/labels/{label.pk}").status_code == status
    assert Label.objects.filter(pk=label.pk).exists() == (status == 403)


@pytest.mark.parametrize("reference", [factories.NO_SUCH_ID, "nonsense"])
def test_unknown_label(cast, reference):
    answer = cast.as_owner.delete(f"/api/labels/{reference}")

    assert (answer.status_code, answer.json()["error"]) == (404, "Label not found")
