"""Members, invites, join requests, keys and the installation, on the board; and roles over every page there is."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from paperclip.companies import actors, invites
from paperclip.companies.models import (
    Activity,
    BoardApiToken,
    Grant,
    InstanceSettings,
    Invite,
    JoinRequest,
    Member,
    User,
)
from paperclip.core import clock
from tests import factories
from tests.board.conftest import browse
from tests.cast import Caller

PAGES = "/admin/companies"


@pytest.fixture
def operator(scene) -> User:
    return factories.user(member_of=scene.company, role="operator", first_name="Ola")


def place(scene, user) -> Member:
    return Member.objects.get(company=scene.company, principal_id=user.pk)


def asked(scene, **fields) -> JoinRequest:
    by = actors.for_user(scene.owner)
    made, _ = invites.create(company=scene.company, fields={}, actor=by, now=clock.now())
    return JoinRequest.objects.create(
        company=scene.company, invite=made, **({"request_type": "agent", "agent_name": "Newcomer"} | fields)
    )


def test_invite_is_shown_once_and_leads_in(scene):
    values = {"allowed_join_types": "human", "human_role": "viewer", "agent_message": ""}
    page = browse(scene.owner).post(f"{PAGES}/invite/add/", values)
    assert "no-store" in page["Cache-Control"]
    link = re.search(r"/invite/pcp_invite_[a-z0-9]{26}", page.content.decode())
    assert link is not None
    assert Client().get(link[0]).status_code == 200
    assert link[0] not in browse(scene.owner).get(f"{PAGES}/invite/").content.decode()


def test_invite_is_revoked(scene):
    made = Invite.objects.get(pk=asked(scene).invite_id)
    browse(scene.owner).post(f"{PAGES}/invite/{made.pk}/do/revoke/")
    assert Invite.objects.get(pk=made.pk).revoked_at is not None


def test_request_is_decided_in_place(scene):
    first, second = asked(scene), asked(scene, agent_name="Second")
    client = browse(scene.owner)
    html = client.get(f"{PAGES}/joinrequest/").content.decode()
    assert "Newcomer" in html
    assert "to be let in" in client.get(f"{PAGES}/member/").content.decode()
    back = {"next": f"{PAGES}/joinrequest/"}
    assert client.post(f"{PAGES}/joinrequest/{first.pk}/do/approve/", back)["Location"] == back["next"]
    client.post(f"{PAGES}/joinrequest/{second.pk}/do/reject/", back)
    assert [JoinRequest.objects.get(pk=row.pk).status for row in (first, second)] == ["approved", "rejected"]
    assert client.get(f"{PAGES}/joinrequest/{first.pk}/change/").status_code == 200


def test_role_and_permissions_are_changed_and_scopes_kept(scene, operator):
    Grant.objects.filter(company=scene.company, principal_id=operator.pk).update(scope={"projectIds": ["1"]})
    values = {
        "membership_role": "admin",
        "status": "active",
        "grants": ["tasks:assign", "users:invite"],
    }
    browse(scene.owner).post(f"{PAGES}/member/{place(scene, operator).pk}/edit/", values)
    held = dict(
        Grant.objects.filter(company=scene.company, principal_id=operator.pk).values_list(
            "permission_key", "scope"
        )
    )
    assert held == {"tasks:assign": {"projectIds": ["1"]}, "users:invite": None}
    assert place(scene, operator).membership_role == "admin"


def test_member_is_suspended_and_removed_with_their_work(scene, operator):
    """B-106"""
    issue = factories.issue(scene.company, assignee_user=operator)
    row, client = place(scene, operator), browse(scene.owner)
    client.post(f"{PAGES}/member/{row.pk}/do/suspend/")
    assert place(scene, operator).status == "suspended"
    client.post(f"{PAGES}/member/{row.pk}/do/archive/", {"taker": f"user:{scene.owner.pk}"})
    issue.refresh_from_db()
    assert (place(scene, operator).status, issue.assignee_user) == ("archived", scene.owner)
    assert client.get(f"{PAGES}/member/{row.pk}/change/").status_code == 404


def test_operator_sees_members_and_changes_none(scene, operator):
    client, row = browse(operator), place(scene, scene.owner)
    assert client.get(f"{PAGES}/member/").status_code == 200
    assert "/do/" not in client.get(f"{PAGES}/member/{row.pk}/change/").content.decode()
    assert client.post(f"{PAGES}/member/{row.pk}/do/suspend/").status_code == 403
    for page in ("invite/", "invite/add/", "joinrequest/"):
        assert client.get(f"{PAGES}/{page}").status_code == 403
    assert client.post(f"{PAGES}/joinrequest/{asked(scene).pk}/do/approve/").status_code == 404


def test_only_who_runs_the_installation_makes_sign_in_links(scene, operator):
    owner = factories.user(member_of=scene.company)
    address = f"{PAGES}/member/{place(scene, operator).pk}/do/link/"
    assert "/sign-in/" not in browse(owner).post(address, follow=True).content.decode()
    page = browse(scene.owner).post(address)
    link = re.search(r"/sign-in/[\w-]+", page.content.decode())
    assert link is not None
    browser = Client()
    browser.post(link[0])
    assert browser.session["_auth_user_id"] == str(operator.pk)


def test_keys_are_each_persons_own(scene, viewer):
    page = browse(viewer).post(f"{PAGES}/boardapitoken/add/", {"name": "Laptop", "days": "7"})
    token = re.search(r"pcp_board_[0-9a-f]{48}", page.content.decode())
    assert token is not None
    assert Caller(token[0]).get("/api/cli-auth/me").json()["userId"] == str(viewer.pk)
    row = BoardApiToken.objects.get(user=viewer)
    assert "Laptop" not in browse(scene.owner).get(f"{PAGES}/boardapitoken/").content.decode()
    assert browse(scene.owner).post(f"{PAGES}/boardapitoken/{row.pk}/do/revoke/").status_code == 404
    browse(viewer).post(f"{PAGES}/boardapitoken/{row.pk}/do/revoke/")
    assert Caller(token[0]).get("/api/cli-auth/me").status_code == 401


def test_installation_is_set_by_who_runs_it(scene, viewer):
    values = {
        "censor_username_in_logs": "on",
        "issue_graph_liveness_auto_recovery_lookback_hours": "24",
    }
    assert browse(viewer).post(f"{PAGES}/instancesettings/", values).status_code == 403
    browse(scene.owner).post(f"{PAGES}/instancesettings/", values)
    assert InstanceSettings.objects.get().censor_username_in_logs is True
    assert Activity.objects.filter(action="instance.settings.general_updated").exists()


def test_accounts_are_promoted_and_let_in(scene, operator):
    other = factories.company(name="Second")
    client = browse(scene.owner)
    client.post(f"{PAGES}/user/{operator.pk}/do/promote/")
    assert User.objects.get(pk=operator.pk).is_superuser
    client.post(f"{PAGES}/user/{operator.pk}/edit/", {"companies": [str(other.pk)]})
    assert Member.objects.get(company=other, principal_id=operator.pk).membership_role == "operator"
    assert place(scene, operator).status == "archived"


def test_only_who_runs_the_installation_founds_companies(scene, operator):
    """C-28"""
    assert browse(operator).post(f"{PAGES}/company/add/", {"name": "Mine"}).status_code == 403
    assert "New company" not in browse(operator).get("/admin/").content.decode()


# --- Roles hold on every address of the board ------------------------------------------------------------

# A person's own account, and looking: neither changes anything of a company.
OWN = ("boardapitoken", "password_change", "logout", "login", "company/$", "jsi18n", "autocomplete", "search")
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


def addresses_of_the_board() -> list[str]:
    return sorted({_PARAMETER.sub(r"{\1}", found) for found in _walk(get_resolver().url_patterns, "")})


def _walk(patterns, prefix):
    for pattern in patterns:
        where = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, where)
        elif isinstance(pattern, URLPattern) and where.startswith("admin/"):
            yield where


def rows_of(scene, template: str) -> str:
    """Return a row of the company for an address, going by the model in it."""
    return {
        "issue": scene.issue.pk, "agent": scene.backend.pk, "run": scene.running.pk, "goal": scene.goal.pk,
        "project": scene.project.pk, "approval": scene.approval.pk, "company": scene.company.pk,
        "member": place(scene, scene.owner).pk,
    }.get(template.split("/")[2], factories.NO_SUCH_ID)  # fmt: skip


@pytest.mark.parametrize("who", ["viewer", "suspended"])
def test_who_only_reads_changes_nothing_at_any_address(scene, viewer, who):
    if who == "suspended":
        place(scene, viewer).delete()
        factories.member(scene.company, viewer, role="owner")
        Member.objects.filter(company=scene.company, principal_id=viewer.pk).update(status="suspended")
    found, before, client = addresses_of_the_board(), Activity.objects.count(), browse(viewer)
    assert len(found) > 60
    for template in found:
        if any(re.search(part, template + "$") for part in OWN) or "^" in template or "/" not in template:
            continue
        row = rows_of(scene, template) if template.count("/") > 2 else ""
        deeds = ("approve", "pause", "update", "comment", "suspend") if "{deed}" in template else ("",)
        for deed in deeds:
            values = dict.fromkeys(re.findall(r"\{(\w+)\}", template), row) | {"deed": deed}
            answer = client.post("/" + template.format(**values), {"name": "x", "title": "x", "body": "x"})
            assert answer.status_code in (200, 302, 400, 403, 404, 405), f"{template}: {answer.status_code}"
    assert Activity.objects.count() == before
