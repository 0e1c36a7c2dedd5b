"""C-32 to C-35: people of a company."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from paperclip.companies.models import Activity, Grant, Member
from tests import cast as standing
from tests import factories
from tests.cast import Caller


def member_of(cast, user) -> Member:
    return Member.objects.get(company=cast.company, principal_id=user.id)


def path(cast, user, tail="") -> str:
    return f"/api/companies/{cast.company.id}/members/{member_of(cast, user).id}{tail}"


def test_list_shows_people_last_changed_first_with_grants(cast):
    """C-34: agents and archived people are left out."""
    gone = factories.user(member_of=cast.company)
    Member.objects.filter(principal_id=gone.id).update(status="archived")
    answer = cast.as_owner.get(f"/api/companies/{cast.company.id}/members").json()
    assert [one["membershipRole"] for one in answer["members"]] == ["viewer", "operator", "owner"]
    operator = answer["members"][1]
    assert operator["user"] == {
        "id": str(cast.operator.id),
        "email": cast.operator.email,
        "name": cast.operator.username,
        "image": None,
    }
    assert [grant["permissionKey"] for grant in operator["grants"]] == ["tasks:assign"]
    assert operator["removal"] == {"canArchive": True, "reason": None}
    assert answer["members"][2]["removal"]["canArchive"] is False
    assert answer["access"] == {
        "currentUserRole": "owner",
        "canManageMembers": True,
        "canInviteUsers": True,
        "canApproveJoinRequests": True,
    }


def test_directory_shows_active_people(cast):
    """C-34"""
    Member.objects.filter(principal_id=cast.viewer.id).update(status="suspended")
    users = cast.as_agent(cast.peer).get(f"/api/companies/{cast.company.id}/user-directory").json()["users"]
    assert {entry["principalId"] for entry in users} == {str(cast.owner.id), str(cast.operator.id)}
    assert {entry["status"] for entry in users} == {"active"}


def test_agent_with_the_grant_manages_members(cast):
    """C-28: by grant."""
    cast.company.grants.create(
        principal_type="agent", principal_id=cast.peer.id, permission_key="users:manage_permissions"
    )
    answer = cast.as_agent(cast.peer).patch(path(cast, cast.operator), {"membershipRole": "viewer"})
    assert (answer.status_code, answer.json()["membershipRole"]) == (200, "viewer")


def test_patch_changes_role_and_status_and_keeps_grants(cast):
    """C-34"""
    answer = cast.as_owner.patch(
        path(cast, cast.operator), {"membershipRole": "viewer", "status": "suspended"}
    )
    assert (answer.json()["membershipRole"], answer.json()["status"]) == ("viewer", "suspended")
    assert [grant["permissionKey"] for grant in answer.json()["grants"]] == ["tasks:assign"]
    entry = Activity.objects.get(action="company_member.updated")
    assert entry.details == {"membershipRole": "viewer", "status": "suspended"}
    assert cast.as_operator.post(f"/api/companies/{cast.company.id}/goals", {"title": "x"}).status_code == 403


@pytest.mark.parametrize("tail", ["/role-and-grants", "/permissions"])
def test_grants_are_replaced(cast, tail):
    """C-34"""
    body = {
        "grants": [{"permissionKey": "agents:create"}, {"permissionKey": "joins:approve", "scope": {"a": 1}}]
    }
    answer = cast.as_owner.patch(path(cast, cast.operator, tail), body)
    found = {grant["permissionKey"]: grant["scope"] for grant in answer.json()["grants"]}
    assert found == {"agents:create": None, "joins:approve": {"a": 1}}
    assert Grant.objects.filter(principal_id=cast.operator.id).count() == 2
    assert cast.as_operator.post(f"/api/companies/{cast.company.id}/agents", {"name": "x"}).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"membershipRole": "viewer"}, id="B-105 demote"),
        pytest.param({"membershipRole": None}, id="B-105 no role"),
        pytest.param({"status": "suspended"}, id="B-105 suspend"),
    ],
)
def test_last_active_owner_stays(cast, body):
    answer = cast.as_owner.patch(path(cast, cast.owner), body)
    assert (answer.status_code, answer.json()["error"]) == (409, "Cannot remove the last active owner")
    assert member_of(cast, cast.owner).membership_role == "owner"
    assert not Activity.objects.exists()


def test_owner_may_go_when_another_stays(cast):
    factories.user(member_of=cast.company)
    assert cast.as_owner.patch(path(cast, cast.owner), {"membershipRole": "operator"}).status_code == 200


def test_suspended_owner_does_not_count(cast):
    other = factories.user(member_of=cast.company)
    Member.objects.filter(principal_id=other.id).update(status="suspended")
    assert cast.as_owner.patch(path(cast, cast.owner), {"membershipRole": "operator"}).status_code == 409


@pytest.mark.django_db(transaction=True)
def test_two_owners_demoting_each_other_leave_one():
    """B-105 under a race: exactly one demotion goes through."""
    cast = standing.make()
    other = factories.user(member_of=cast.company)
    targets = [
        (Caller(factories.board_token(cast.owner)), other),
        (Caller(factories.board_token(other)), cast.owner),
    ]
    statuses = []
    start = threading.Barrier(2)

    def demote(caller, target):
        start.wait()
        statuses.append(caller.patch(path(cast, target), {"membershipRole": "operator"}).status_code)
        connection.close()

    threads = [threading.Thread(target=demote, args=pair) for pair in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 409]


@pytest.mark.parametrize(
    ("tail", "body", "where"),
    [
        pytest.param("", {}, [], id="C-34 nothing to change"),
        pytest.param("", {"status": "archived"}, ["status"], id="C-34 archive has its own endpoint"),
        pytest.param("", {"membershipRole": "king"}, ["membershipRole"], id="C-32 unknown role"),
        pytest.param("/role-and-grants", {}, ["grants"], id="C-34 grants required"),
        pytest.param(
            "/permissions", {"grants": [{"permissionKey": "x"}]}, ["grants", 0, "permissionKey"], id="C-23"
        ),
        pytest.param("/permissions", {"grants": ["x"]}, ["grants", 0], id="C-34 grant is no object"),
    ],
)
def test_bad_body_is_refused(cast, tail, body, where):
    answer = cast.as_owner.patch(path(cast, cast.operator, tail), body)
    assert answer.status_code == 400
    assert answer.json()["details"][0]["path"] == where


def test_member_of_another_company_is_unknown(cast):
    foreign = Member.objects.get(principal_id=cast.outsider.id)
    answer = cast.as_owner.patch(
        f"/api/companies/{cast.company.id}/members/{foreign.id}", {"status": "suspended"}
    )
    assert (answer.status_code, answer.json()["error"]) == (404, "Member not found")


def test_agents_membership_is_no_person(cast):
    agents = Member.objects.get(principal_id=cast.peer.id)
    answer = cast.as_owner.patch(
        f"/api/companies/{cast.company.id}/members/{agents.id}", {"status": "suspended"}
    )
    assert answer.status_code == 404
