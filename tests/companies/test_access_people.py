"""C-34, C-35, C-39: ranks, letting people go, and those who run the installation."""

from __future__ import annotations

import pytest
from django.test import Client

from issues.models import Issue
from paperclip.companies.models import Activity, Grant, Member, User
from tests import factories
from tests.cast import Caller


def place(cast, user) -> Member:
    return Member.objects.get(company=cast.company, principal_id=user.id)


def path(cast, user, tail="") -> str:
    return f"/api/companies/{cast.company.id}/members/{place(cast, user).id}{tail}"


@pytest.fixture
def owner(cast):
    """An owner who does not run the installation."""
    return factories.user(member_of=cast.company)


@pytest.fixture
def manager(cast):
    """An admin who was given the right to manage members."""
    person = factories.user(member_of=cast.company, role="admin")
    Grant.objects.create(
        company=cast.company,
        principal_type="user",
        principal_id=person.id,
        permission_key="users:manage_permissions",
    )
    return person


class TestRanks:
    @pytest.mark.parametrize(
        ("target", "tail", "body", "said"),
        [
            pytest.param("self", "", {"membershipRole": "owner"}, "role above your own", id="C-35 climbs"),
            pytest.param("operator", "", {"membershipRole": "owner"}, "role above your own", id="C-35 lifts"),
            pytest.param("owner", "", {"status": "suspended"}, "above your own role", id="C-35 topples"),
            pytest.param(
                "operator",
                "/permissions",
                {"grants": [{"permissionKey": "environments:manage"}]},
                "what you do not hold",
                id="C-35 gives what they lack",
            ),
        ],
    )
    def test_permission_to_manage_is_no_ladder(self, cast, owner, manager, target, tail, body, said):
        who = {"self": manager, "operator": cast.operator, "owner": owner}[target]
        answer = Caller(factories.board_token(manager)).patch(path(cast, who, tail), body)
        assert answer.status_code == 403
        assert said in answer.json()["error"]
        assert not Activity.objects.filter(entity_type="company_membership").exists()

    def test_what_somebody_has_already_stays(self, cast, manager):
        Grant.objects.create(
            company=cast.company,
            principal_type="user",
            principal_id=cast.operator.id,
            permission_key="environments:manage",
        )
        body = {"grants": [{"permissionKey": "environments:manage"}, {"permissionKey": "agents:create"}]}
        answer = Caller(factories.board_token(manager)).patch(path(cast, cast.operator, "/permissions"), body)
        assert answer.status_code == 200

    def test_agent_with_the_grant_makes_nobody_admin(self, cast):
        cast.company.grants.create(
            principal_type="agent", principal_id=cast.peer.id, permission_key="users:manage_permissions"
        )
        answer = cast.as_agent(cast.peer).patch(path(cast, cast.operator), {"membershipRole": "admin"})
        assert answer.status_code == 403


class TestArchive:
    def test_open_issues_pass_to_the_one_named(self, cast):
        """B-106"""
        mine = [
            factories.issue(cast.company, assignee_user=cast.operator, status=status)
            for status in ("todo", "in_progress", "blocked", "done")
        ]
        answer = cast.as_owner.post(
            path(cast, cast.operator, "/archive"),
            {"reassignment": {"assigneeAgentId": str(cast.engineer.id)}},
        )
        assert answer.status_code == 200, answer.content
        assert answer.json()["reassignedIssueCount"] == 3
        assert answer.json()["member"]["status"] == "archived"
        states = [Issue.objects.get(pk=issue.pk) for issue in mine]
        assert [issue.status for issue in states] == ["todo", "todo", "blocked", "done"]
        assert [issue.assignee_agent for issue in states] == [cast.engineer] * 3 + [None]
        assert states[3].assignee_user == cast.operator
        assert not Grant.objects.filter(company=cast.company, principal_id=cast.operator.id).exists()
        assert cast.as_operator.get(f"/api/companies/{cast.company.id}").status_code == 403
        told = Activity.objects.get(action="company_member.archived")
        assert told.details["reassignedIssueCount"] == 3

    def test_open_issues_pass_to_nobody(self, cast):
        """C-34"""
        issue = factories.issue(cast.company, assignee_user=cast.operator, status="in_progress")
        cast.as_owner.post(path(cast, cast.operator, "/archive"))
        left = Issue.objects.get(pk=issue.pk)
        assert (left.status, left.assignee_user, left.checkout_run_id) == ("todo", None, None)

    def test_two_takers_are_refused(self, cast):
        both = {"assigneeAgentId": str(cast.peer.id), "assigneeUserId": str(cast.viewer.id)}
        answer = cast.as_owner.post(path(cast, cast.operator, "/archive"), {"reassignment": both})
        assert answer.status_code == 400
        assert place(cast, cast.operator).status == "active"

    def test_taker_of_another_company_is_refused_and_nothing_changes(self, cast):
        factories.issue(cast.company, assignee_user=cast.operator)
        foreign = {"reassignment": {"assigneeAgentId": str(cast.foreign_agent.id)}}
        assert cast.as_owner.post(path(cast, cast.operator, "/archive"), foreign).status_code == 422
        assert place(cast, cast.operator).status == "active"
        assert Grant.objects.filter(principal_id=cast.operator.id).exists()

    @pytest.mark.parametrize(
        ("who", "status"),
        [
            pytest.param("self", 403, id="B-107 oneself"),
            pytest.param("admin", 403, id="C-35 an admin"),
            pytest.param("owner", 403, id="C-35 an owner"),
            pytest.param("runs", 403, id="C-35 an instance admin"),
        ],
    )
    def test_some_stay(self, cast, owner, manager, who, status):
        runs = factories.user(member_of=cast.company, role="operator", is_superuser=True)
        target = {"self": manager, "admin": factories.user(member_of=cast.company, role="admin"),
                  "owner": owner, "runs": runs}[who]  # fmt: skip
        answer = Caller(factories.board_token(manager)).post(path(cast, target, "/archive"))
        assert answer.status_code == status
        assert place(cast, target).status == "active"

    def test_last_active_owner_stays(self, cast):
        """B-105"""
        answer = cast.as_owner.post(path(cast, cast.owner, "/archive"))
        assert (answer.status_code, answer.json()["error"]) == (409, "Cannot remove the last active owner")

    def test_who_was_archived_may_come_back(self, cast):
        cast.as_owner.post(path(cast, cast.operator, "/archive"))
        body = {"companyIds": [str(cast.company.id)]}
        cast.as_owner.put(f"/api/admin/users/{cast.operator.id}/company-access", body)
        assert place(cast, cast.operator).status == "active"
        assert cast.as_operator.get(f"/api/companies/{cast.company.id}").status_code == 200


class TestInstanceAdmins:
    def test_people_are_found_by_name_and_address(self, cast):
        """C-39"""
        User.objects.filter(pk=cast.operator.pk).update(first_name="Ada", last_name="Lovelace")
        found = cast.as_owner.get("/api/admin/users?query=love%20ada").json()
        assert [row["id"] for row in found] == [str(cast.operator.id)]
        assert found[0]["companies"][0]["companyId"] == str(cast.company.id)

    def test_access_is_set_to_exactly_the_companies_named(self, cast):
        """C-39"""
        body = {"companyIds": [str(cast.elsewhere.id)]}
        answer = cast.as_owner.put(f"/api/admin/users/{cast.operator.id}/company-access", body)
        assert [row["companyId"] for row in answer.json()["companyAccess"]] == [str(cast.elsewhere.id)]
        assert place(cast, cast.operator).status == "archived"

    def test_no_company_loses_its_last_owner(self, cast):
        answer = cast.as_owner.put(
            f"/api/admin/users/{cast.outsider.id}/company-access", {"companyIds": [str(cast.company.id)]}
        )
        assert answer.status_code == 409
        assert not Member.objects.filter(company=cast.company, principal_id=cast.outsider.id).exists()

    def test_unknown_company_is_refused(self, cast):
        answer = cast.as_owner.put(
            f"/api/admin/users/{cast.operator.id}/company-access", {"companyIds": [factories.NO_SUCH_ID]}
        )
        assert answer.status_code == 422

    def test_promotion_and_demotion(self, cast):
        """C-39"""
        user = f"/api/admin/users/{cast.operator.id}"
        assert cast.as_owner.post(f"{user}/promote-instance-admin").status_code == 201
        assert cast.as_operator.get("/api/admin/users").status_code == 200
        assert cast.as_owner.post(f"{user}/demote-instance-admin").json()["isInstanceAdmin"] is False

    def test_last_instance_admin_stays(self, cast):
        answer = cast.as_owner.post(f"/api/admin/users/{cast.owner.id}/demote-instance-admin")
        assert answer.status_code == 409
        assert User.objects.get(pk=cast.owner.pk).is_superuser


class TestSettings:
    def test_settings_are_kept_and_strict(self, cast):
        """C-105"""
        general = "/api/instance/settings/general"
        assert cast.as_viewer.get(general).json() == {"censorUsernameInLogs": False}
        assert cast.as_owner.patch(general, {"censorUsernameInLogs": True}).json() == {
            "censorUsernameInLogs": True
        }
        assert cast.as_viewer.get(general).json() == {"censorUsernameInLogs": True}
        refused = cast.as_owner.patch(general, {"nonsense": 1})
        assert refused.json()["details"][0]["code"] == "unrecognized_keys"

    def test_environment_decides_until_somebody_does(self, cast, settings):
        """C-105, H-151"""
        settings.GRAPH_AUTO_RECOVERY, settings.GRAPH_LOOKBACK_HOURS = True, 48
        path = "/api/instance/settings/experimental"
        before = cast.as_owner.get(path).json()
        assert before == {
            "enableIssueGraphLivenessAutoRecovery": True,
            "issueGraphLivenessAutoRecoveryLookbackHours": 48,
        }
        after = cast.as_owner.patch(path, {"enableIssueGraphLivenessAutoRecovery": False}).json()
        assert after == before | {"enableIssueGraphLivenessAutoRecovery": False}

    def test_user_name_is_hidden_in_comments(self, cast, monkeypatch):
        """C-105"""
        monkeypatch.setattr("getpass.getuser", lambda: "grace")
        cast.as_owner.patch("/api/instance/settings/general", {"censorUsernameInLogs": True})
        issue = factories.issue(cast.company)
        body = {"body": "See /home/grace/x, says grace; disgraceful."}
        said = cast.as_owner.post(f"/api/issues/{issue.id}/comments", body).json()["body"]
        assert said == "See /home/[user]/x, says [user]; disgraceful."


class TestInbox:
    def test_dismissed_items_do_not_count_until_they_change(self, cast):
        """C-99"""
        approval = cast.company.approvals.create(type="request_board_approval", payload={})
        failed = factories.run(cast.engineer, status="failed", runner=None)
        company = f"/api/companies/{cast.company.id}"
        badges = lambda: cast.as_owner.get(f"{company}/sidebar-badges").json()  # noqa: E731  asked four times
        assert (badges()["approvals"], badges()["failedRuns"]) == (1, 1)
        for key in (f"approval:{approval.id}", f"run:{failed.id}"):
            assert cast.as_owner.post(f"{company}/inbox-dismissals", {"itemKey": key}).status_code == 201
        assert badges() == {"inbox": 0, "approvals": 0, "failedRuns": 0, "joinRequests": 0}
        assert cast.as_operator.get(f"{company}/sidebar-badges").json()["approvals"] == 1
        cast.as_agent(cast.ceo).post(f"/api/approvals/{approval.id}/comments", {"body": "Well?"})
        type(approval).objects.filter(pk=approval.pk).update(updated_at="2099-01-01T00:00:00Z")
        assert badges()["approvals"] == 1
        assert len(cast.as_owner.get(f"{company}/inbox-dismissals").json()) == 2

    @pytest.mark.parametrize("key", ["", "issue:1", "run:", "run:" + "-" * 36, "approval:x"])
    def test_nonsense_is_no_item(self, cast, key):
        path = f"/api/companies/{cast.company.id}/inbox-dismissals"
        answer = cast.as_owner.post(path, {"itemKey": key})
        assert (answer.status_code, answer.json()["details"][0]["path"]) == (400, ["itemKey"])

    def test_order_of_the_sidebar_is_each_persons_own(self, cast):
        """C-99"""
        for path in (
            "/api/sidebar-preferences/me",
            f"/api/companies/{cast.company.id}/sidebar-preferences/me",
        ):
            assert cast.as_owner.get(path).json() == {"orderedIds": [], "updatedAt": None}
            assert cast.as_owner.put(path, {"orderedIds": ["b", "a", "b"]}).json()["orderedIds"] == ["b", "a"]
            assert cast.as_operator.get(path).json()["orderedIds"] == []


def test_profile_of_a_colleague(cast):
    """C-39"""
    User.objects.filter(pk=cast.operator.pk).update(first_name="Ada", last_name="Lovelace")
    company = f"/api/companies/{cast.company.id}/users"
    found = cast.as_agent(cast.peer).get(f"{company}/ada-lovelace/profile").json()
    assert (found["user"]["id"], found["membershipRole"]) == (str(cast.operator.id), "operator")
    assert cast.as_viewer.get(f"{company}/{cast.outsider.id}/profile").status_code == 404


def test_sign_in_is_slowed_down(db):
    """C-16: on the page and by the API, counted together."""
    person = factories.user(email="ada@example.com")
    person.username = "ada@example.com"
    person.set_password("correct horse battery")
    person.save()
    browser = Client()
    for _ in range(5):
        wrong = browser.post("/admin/login/", {"username": "ada@example.com", "password": "wrong"})
        assert "_auth_user_id" not in browser.session
    for _ in range(5):
        wrong = browser.post(
            "/api/auth/sign-in/email",
            {"email": "Ada@example.com", "password": "wrong"},
            content_type="application/json",
        )
        assert (wrong.status_code, wrong.json()["error"]) == (401, "Invalid email or password")
    right = {"email": "ada@example.com", "password": "correct horse battery"}
    late = browser.post("/api/auth/sign-in/email", right, content_type="application/json")
    assert late.status_code == 429
    page = browser.post("/admin/login/", {"username": right["email"], "password": right["password"]})
    assert "Too many tries" in page.content.decode()
    assert "_auth_user_id" not in browser.session


def test_sign_in_from_a_foreign_page_is_refused(db):
    """C-18"""
    answer = Client().post(
        "/api/auth/sign-in/email",
        {"email": "a@b.c", "password": "x"},
        content_type="application/json",
        headers={"origin": "https://evil.example"},
    )
    assert answer.status_code == 403


def test_sign_up_is_closed_unless_opened(db, settings):
    """C-16"""
    body = {"name": "Ada", "email": "ada@example.com", "password": "correct horse battery"}
    shut = Client().post("/api/auth/sign-up/email", body, content_type="application/json")
    assert (shut.status_code, User.objects.count()) == (403, 0)
    settings.SIGN_UP_CLOSED = False
    browser = Client()
    assert browser.post("/api/auth/sign-up/email", body, content_type="application/json").status_code == 200
    assert browser.get("/api/auth/get-session").json()["user"]["email"] == "ada@example.com"
    assert browser.get("/api/companies").json() == []
    assert browser.post("/api/auth/sign-out", headers={"origin": "http://testserver"}).status_code == 200
    assert browser.get("/api/auth/get-session").status_code == 401
    again = Client().post("/api/auth/sign-up/email", body, content_type="application/json")
    assert again.status_code == 409
