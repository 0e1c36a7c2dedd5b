from __future__ import annotations

import pytest

from tests import factories
from tests.board.conftest import browse


@pytest.fixture
def second(scene):
    place = factories.company(name="Second Company")
    factories.member(place, scene.owner)
    return place


def test_choice_is_kept_in_the_session(scene, second):
    client = browse(scene.owner)
    assert "Northwind Audits" in client.get("/admin/companies/agent/").content.decode()
    assert client.post("/admin/company/", {"company": str(second.pk)}).status_code == 302
    html = client.get("/admin/companies/agent/").content.decode()
    assert "Backend" not in html
    assert "Nobody works here yet" in html


def test_choosing_is_a_post(scene, second):
    assert browse(scene.owner).get(f"/admin/company/?company={second.pk}").status_code == 405


@pytest.mark.parametrize("wanted", ["foreign", "nonsense", ""])
def test_company_of_others_cannot_be_chosen(scene, wanted):
    company = str(factories.company(name="Foreign").pk) if wanted == "foreign" else wanted
    client = browse(scene.owner)
    assert client.post("/admin/company/", {"company": company}).status_code == 404
    assert "Foreign" not in client.get("/admin/companies/company/").content.decode()


def test_link_to_another_own_company_chooses_it(scene, second):
    client = browse(scene.owner)
    client.post("/admin/company/", {"company": str(second.pk)})
    response = client.get(f"/admin/issues/issue/{scene.issue.pk}/change/", follow=True)
    assert response.status_code == 200
    assert "Northwind Audits" in response.content.decode()


def test_deed_on_another_own_company_is_done_there(scene, second):
    client = browse(scene.owner)
    client.post("/admin/company/", {"company": str(second.pk)})
    client.post(f"/admin/issues/issue/{scene.issue.pk}/do/comment/", {"body": "From the other tab"})
    assert scene.issue.comments.filter(body="From the other tab").exists()


def test_choice_of_a_company_one_has_left_falls_back(scene, second):
    client = browse(scene.owner)
    client.post("/admin/company/", {"company": str(second.pk)})
    second.members.all().delete()
    assert "Northwind Audits" in client.get("/admin/").content.decode()


def test_archived_membership_shows_nothing(scene, viewer):
    scene.company.members.filter(principal_id=viewer.pk).update(status="archived")
    assert "You are not in a company yet" in browse(viewer).get("/admin/").content.decode()


def test_suspended_member_may_look_and_not_write(scene):
    person = factories.user(member_of=scene.company, role="operator")
    scene.company.members.filter(principal_id=person.pk).update(status="suspended")
    client = browse(person)
    assert client.get(f"/admin/issues/issue/{scene.issue.pk}/change/").status_code == 200
    assert client.post(f"/admin/issues/issue/{scene.issue.pk}/do/comment/", {"body": "x"}).status_code == 403
