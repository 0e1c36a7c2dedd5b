"""C-36 to C-38: invites, those who follow them, and the key an agent claims."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client

from paperclip.companies import actors, invites, tokens
from paperclip.companies.models import Activity, Agent, Grant, Invite, JoinRequest, Member, User
from paperclip.core import clock
from tests import cast as standing
from tests import factories
from tests.cast import Caller

PASSWORD = "correct horse battery"


def invite(cast, **fields):
    """An invite by the owner, and its token."""
    by = actors.for_user(cast.owner)
    return invites.create(company=cast.company, fields=fields, actor=by, now=clock.now())


def ask_as_agent(token, **body):
    return Caller().post(
        f"/api/invites/{token}/accept", {"requestType": "agent", "agentName": "Newcomer", **body}
    )


class TestInvites:
    def test_token_has_128_bits_and_is_kept_as_a_hash(self, cast):
        """C-36, CW-32"""
        made = cast.as_owner.post(f"/api/companies/{cast.company.id}/invites", {"humanRole": "operator"})
        body = made.json()
        assert made.status_code == 201
        assert len(body["token"].removeprefix("pcp_invite_")) == 26
        assert body["invitePath"] == f"/invite/{body['token']}"
        assert not [name for name in body if "hash" in name.lower()]
        row = Invite.objects.get(pk=body["id"])
        assert row.token_hash == tokens.digest(body["token"])
        assert timedelta(hours=71) < row.expires_at - clock.now() <= timedelta(hours=72)
        assert body["token"] not in str(Activity.objects.get(action="invite.created").details)

    def test_owner_of_a_new_company_may_invite(self, cast):
        """CW-19"""
        made = cast.as_owner.post("/api/companies", {"name": "Fresh"}).json()
        User.objects.filter(pk=cast.owner.pk).update(is_superuser=False)
        assert cast.as_owner.post(f"/api/companies/{made['id']}/invites", {}).status_code == 201

    def test_nobody_invites_above_themselves(self, cast):
        admin = factories.user(member_of=cast.company, role="admin")
        answer = Caller(factories.board_token(admin)).post(
            f"/api/companies/{cast.company.id}/invites", {"humanRole": "owner"}
        )
        assert (answer.status_code, answer.json()["error"]) == (403, "You cannot give a role above your own")

    def test_list_pages_by_state(self, cast):
        """C-36"""
        kept, _ = invite(cast)
        gone, _ = invite(cast)
        cast.as_owner.post(f"/api/invites/{gone.id}/revoke")
        path = f"/api/companies/{cast.company.id}/invites"
        active = cast.as_owner.get(f"{path}?state=active").json()
        assert [row["id"] for row in active["invites"]] == [str(kept.id)]
        assert cast.as_owner.get(f"{path}?limit=1").json()["nextOffset"] == 1
        assert cast.as_owner.get(f"{path}?limit=1&offset=1").json()["nextOffset"] is None
        assert cast.as_owner.get(f"{path}?state=x").status_code == 400

    @pytest.mark.parametrize("end", ["revoked", "expired"])
    def test_dead_invite_is_unknown(self, cast, end):
        """B-108"""
        made, token = invite(cast)
        past = clock.now() - timedelta(minutes=1)
        Invite.objects.filter(pk=made.pk).update(**{"revoked_at" if end == "revoked" else "expires_at": past})
        assert Caller().get(f"/api/invites/{token}").json() == {"error": "Invite not found"}
        assert ask_as_agent(token).status_code == 404
        assert Client().get(f"/invite/{token}").status_code == 404
        assert not JoinRequest.objects.exists()

    def test_followed_invite_cannot_be_revoked(self, cast):
        """C-36"""
        made, token = invite(cast)
        ask_as_agent(token)
        answer = cast.as_owner.post(f"/api/invites/{made.id}/revoke")
        assert (answer.status_code, answer.json()["error"]) == (409, "Invite already consumed")

    def test_guessing_tokens_is_slowed_down(self, cast):
        """CW-32"""
        answers = [Caller().get(f"/api/invites/pcp_invite_{number}") for number in range(61)]
        assert {answer.status_code for answer in answers[:60]} == {404}
        assert answers[60].status_code == 429
        assert int(answers[60].headers["Retry-After"]) <= 60

    def test_onboarding_tells_an_agent_what_to_do(self, cast):
        """C-37"""
        _, token = invite(cast, agent_message="Mind the gap.")
        text = Caller().get(f"/api/invites/{token}/onboarding.txt").content.decode()
        assert "Mind the gap." in text
        assert f"/api/invites/{token}/accept" in text
        assert Caller().get(f"/api/invites/{token}/onboarding").json()["onboarding"]["acceptPath"]
        assert Caller().get(f"/api/invites/{token}/skills/index").json()["skills"]

    def test_this_server_is_not_lent_to_reach_private_networks(self, cast):
        """C-37"""
        _, token = invite(cast)
        found = Caller().get(f"/api/invites/{token}/test-resolution?url=http://127.0.0.1:1/").json()
        assert found["status"] == "refused"

    def test_ceo_invites_agents_and_others_do_not(self, cast):
        """C-36"""
        path = f"/api/companies/{cast.company.id}/openclaw/invite-prompt"
        assert cast.as_agent(cast.ceo).post(path).json()["allowedJoinTypes"] == "agent"
        assert cast.as_agent(cast.peer).post(path).status_code == 403


class TestPeople:
    def test_person_asks_is_let_in_and_works(self, cast):
        """C-37, C-38"""
        _, token = invite(cast, human_role="admin")
        caller = Caller(factories.board_token(cast.outsider))
        asked = caller.post(f"/api/invites/{token}/accept", {"requestType": "human"})
        assert (asked.status_code, asked.json()["status"]) == (202, "pending_approval")
        company = f"/api/companies/{cast.company.id}"
        assert caller.get(company).status_code == 403
        assert cast.as_owner.get(f"{company}/sidebar-badges").json()["joinRequests"] == 1
        assert cast.as_operator.get(f"{company}/sidebar-badges").json()["joinRequests"] == 0
        done = cast.as_owner.post(f"{company}/join-requests/{asked.json()['id']}/approve")
        assert (done.status_code, done.json()["approvedByUserId"]) == (200, str(cast.owner.id))
        assert caller.get(company).status_code == 200
        held = Grant.objects.filter(company=cast.company, principal_id=cast.outsider.id)
        assert set(held.values_list("permission_key", flat=True)) == {
            "agents:create", "users:invite", "tasks:assign", "joins:approve",
        }  # fmt: skip
        actions = list(Activity.objects.filter(entity_type="join_request").values_list("action", flat=True))
        assert sorted(actions) == ["join.approved", "join.requested"]

    def test_asking_again_changes_nothing(self, cast):
        """C-38: `join.request_replayed`."""
        _, token = invite(cast)
        body = {"requestType": "human"}
        first, second = (cast.as_outsider.post(f"/api/invites/{token}/accept", body).json() for _ in "12")
        assert first["id"] == second["id"]
        assert Activity.objects.filter(action="join.request_replayed").count() == 1

    def test_member_belongs_already(self, cast):
        """B-109"""
        _, token = invite(cast)
        answer = cast.as_viewer.post(f"/api/invites/{token}/accept", {"requestType": "human"})
        assert (answer.status_code, answer.json()["error"]) == (409, "You already belong to this company")
        assert Invite.objects.get().accepted_at is None

    def test_stranger_signs_in_first(self, cast):
        _, token = invite(cast)
        assert Caller().post(f"/api/invites/{token}/accept", {"requestType": "human"}).status_code == 401

    def test_settled_request_stays_settled(self, cast):
        """C-38"""
        _, token = invite(cast)
        asked = ask_as_agent(token).json()
        path = f"/api/companies/{cast.company.id}/join-requests/{asked['id']}"
        assert cast.as_owner.post(f"{path}/reject").json()["status"] == "rejected"
        answer = cast.as_owner.post(f"{path}/approve")
        assert (answer.status_code, answer.json()["error"]) == (409, "Join request is not pending")

    def test_approver_gives_no_role_above_their_own(self, cast):
        _, token = invite(cast, human_role="owner")
        asked = cast.as_outsider.post(f"/api/invites/{token}/accept", {"requestType": "human"}).json()
        admin = factories.user(member_of=cast.company, role="admin")
        path = f"/api/companies/{cast.company.id}/join-requests/{asked['id']}/approve"
        assert Caller(factories.board_token(admin)).post(path).status_code == 403
        assert not Member.objects.filter(company=cast.company, principal_id=cast.outsider.id).exists()

    def test_new_person_makes_an_account_on_the_page_and_signs_in_later(self, cast):
        """C-16, C-37"""
        _, token = invite(cast)
        browser = Client()
        assert "Ask to join" in browser.get(f"/invite/{token}").content.decode()
        typed = {"name": "Grace", "email": "Grace@Example.com", "password": PASSWORD}
        assert browser.post(f"/invite/{token}", typed).status_code == 302
        assert "has to let you in" in browser.get(f"/invite/{token}").content.decode()
        assert "You are not in a company yet" in browser.get("/admin/").content.decode()
        asked = JoinRequest.objects.get()
        cast.as_owner.post(f"/api/companies/{cast.company.id}/join-requests/{asked.id}/approve")
        assert browser.get("/admin/issues/issue/").status_code == 200
        later = Client().post(
            "/api/auth/sign-in/email",
            {"email": "grace@example.com", "password": PASSWORD},
            content_type="application/json",
        )
        assert later.json()["user"]["name"] == "Grace"

    @pytest.mark.parametrize(
        ("typed", "said"),
        [
            pytest.param({"password": "short"}, "too short", id="C-16 short password"),
            pytest.param({"email": "nobody"}, "Expected an e-mail address", id="C-16 no address"),
            pytest.param({"name": " "}, "Say your name", id="C-16 no name"),
        ],
    )
    def test_page_says_what_will_not_do_and_keeps_the_invite(self, cast, typed, said):
        _, token = invite(cast)
        whole = {"name": "Grace", "email": "grace@example.com", "password": PASSWORD} | typed
        answer = Client().post(f"/invite/{token}", whole)
        assert answer.status_code == 400
        assert said in answer.content.decode()
        assert Invite.objects.get().accepted_at is None
        assert not User.objects.filter(email="grace@example.com").exists()

    def test_page_needs_the_token_of_our_form(self, cast):
        _, token = invite(cast)
        assert Client(enforce_csrf_checks=True).post(f"/invite/{token}", {}).status_code == 403


class TestAgents:
    def test_agent_asks_is_hired_under_the_ceo_and_claims_its_key_once(self, cast):
        """C-37, C-38"""
        _, token = invite(cast)
        asked = ask_as_agent(token, capabilities="Cooks", adapterType="openclaw_gateway")
        body = asked.json()
        assert asked.status_code == 202
        assert body["claimSecret"].startswith("pcp_claim_")
        claim = body["claimApiKeyPath"]
        early = Caller().post(claim, {"claimSecret": body["claimSecret"]})
        assert early.status_code == 409
        cast.as_owner.post(f"/api/companies/{cast.company.id}/join-requests/{body['id']}/approve")
        agent = Agent.objects.get(name="Newcomer")
        assert (agent.role, agent.reports_to, agent.status) == ("general", cast.ceo, "idle")
        assert Grant.objects.get(principal_id=agent.id).permission_key == "tasks:assign"
        assert Caller().post(claim, {"claimSecret": "pcp_claim_" + "0" * 48}).status_code == 403
        claimed = Caller().post(claim, {"claimSecret": body["claimSecret"]})
        assert (claimed.status_code, claimed.json()["agentId"]) == (201, str(agent.id))
        assert Caller(claimed.json()["token"]).get("/api/agents/me").json()["id"] == str(agent.id)
        assert Caller().post(claim, {"claimSecret": body["claimSecret"]}).status_code == 409
        told = Activity.objects.get(action="agent_api_key.claimed")
        assert (told.actor_type, told.actor_id) == ("system", "join-claim")

    def test_secret_lasts_seven_days(self, cast):
        """C-38"""
        _, token = invite(cast)
        body = ask_as_agent(token).json()
        cast.as_owner.post(f"/api/companies/{cast.company.id}/join-requests/{body['id']}/approve")
        JoinRequest.objects.update(claim_secret_expires_at=clock.now() - timedelta(seconds=1))
        answer = Caller().post(body["claimApiKeyPath"], {"claimSecret": body["claimSecret"]})
        assert (answer.status_code, answer.json()["error"]) == (409, "Claim secret has expired")

    def test_guessing_the_secret_is_slowed_down(self, cast):
        """CW-32"""
        _, token = invite(cast)
        path = ask_as_agent(token).json()["claimApiKeyPath"]
        answers = [Caller().post(path, {"claimSecret": "x" * 20}).status_code for _ in range(11)]
        assert answers == [403] * 10 + [429]

    def test_company_without_a_ceo_takes_no_agents(self, cast):
        """C-38"""
        _, token = invite(cast)
        body = ask_as_agent(token).json()
        Agent.objects.filter(company=cast.company, role="ceo").update(status="terminated")
        answer = cast.as_owner.post(f"/api/companies/{cast.company.id}/join-requests/{body['id']}/approve")
        assert answer.status_code == 409
        assert JoinRequest.objects.get().status == "pending_approval"

    def test_what_the_invite_says_beforehand_is_applied(self, cast):
        """C-36: how it is run and what it may do; what it says of itself comes first."""
        said = {
            "adapterType": "claude_local",
            "adapterConfig": {"model": "opus", "timeoutSec": 60},
            "capabilities": "Cooks",
            "grants": [{"permissionKey": "agents:create"}],
        }
        _, token = invite(cast, defaults_payload={"agent": said, "note": "kept"})
        body = ask_as_agent(token, agentDefaultsPayload={"timeoutSec": 30}).json()
        path = f"/api/companies/{cast.company.id}/join-requests/{body['id']}/approve"
        manager = factories.user(member_of=cast.company, role="viewer")
        for key in ("joins:approve", "tasks:assign"):
            cast.company.grants.create(principal_type="user", principal_id=manager.pk, permission_key=key)
        Member.objects.filter(principal_id=manager.pk).update(membership_role="operator")
        refused = Caller(factories.board_token(manager)).post(path)
        assert refused.json() == {"error": "You cannot grant what you do not hold: agents:create"}
        assert not Agent.objects.filter(name="Newcomer").exists()
        assert cast.as_owner.post(path).status_code == 200
        agent = Agent.objects.get(name="Newcomer")
        assert (agent.adapter_type, agent.capabilities) == ("claude_local", "Cooks")
        assert {key: agent.adapter_config[key] for key in ("model", "timeoutSec")} == {
            "model": "opus",
            "timeoutSec": 30,
        }
        held = Grant.objects.filter(principal_id=agent.id).values_list("permission_key", flat=True)
        assert set(held) == {"tasks:assign", "agents:create"}

    def test_another_adapter_takes_no_configuration_over(self, cast):
        """C-36"""
        said = {"adapterType": "claude_local", "adapterConfig": {"model": "opus"}}
        _, token = invite(cast, defaults_payload={"agent": said})
        body = ask_as_agent(token, adapterType="codex_local").json()
        cast.as_owner.post(f"/api/companies/{cast.company.id}/join-requests/{body['id']}/approve")
        agent = Agent.objects.get(name="Newcomer")
        assert agent.adapter_type == "codex_local"
        assert "model" not in agent.adapter_config

    def test_a_person_gets_what_the_invite_says(self, cast):
        """C-36"""
        _, token = invite(cast, defaults_payload={"human": {"grants": ["users:invite"]}})
        person = factories.user()
        asked = Caller(factories.board_token(person)).post(
            f"/api/invites/{token}/accept", {"requestType": "human"}
        )
        cast.as_owner.post(f"/api/companies/{cast.company.id}/join-requests/{asked.json()['id']}/approve")
        held = Grant.objects.filter(principal_id=person.pk).values_list("permission_key", flat=True)
        assert set(held) == {"tasks:assign", "users:invite"}

    @pytest.mark.parametrize(
        ("payload", "path"),
        [
            pytest.param({"agent": 1}, ["defaultsPayload", "agent"], id="C-36 no object"),
            pytest.param(
                {"agent": {"adapterType": "ufo"}},
                ["defaultsPayload", "agent", "adapterType"],
                id="C-36 adapter",
            ),
            pytest.param(
                {"agent": {"adapterConfig": []}},
                ["defaultsPayload", "agent", "adapterConfig"],
                id="C-36 config",
            ),
            pytest.param(
                {"human": {"grants": ["everything"]}}, ["defaultsPayload", "human", "grants"], id="C-36 grant"
            ),
            pytest.param(
                {"human": {"grants": "all"}}, ["defaultsPayload", "human", "grants"], id="C-36 grants"
            ),
            pytest.param(
                {"agent": {"capabilities": 3}}, ["defaultsPayload", "agent", "capabilities"], id="C-36 words"
            ),
        ],
    )
    def test_defaults_that_cannot_be_meant_are_refused(self, cast, payload, path):
        answer = cast.as_owner.post(f"/api/companies/{cast.company.id}/invites", {"defaultsPayload": payload})
        assert answer.status_code == 400
        assert answer.json()["details"][0]["path"] == path

    @pytest.mark.parametrize(
        ("kind", "body"),
        [
            pytest.param(
                "human", {"requestType": "agent", "agentName": "x"}, id="C-37 agent on a human invite"
            ),
            pytest.param("both", {"requestType": "agent"}, id="C-37 agent without a name"),
            pytest.param("both", {"requestType": "robot"}, id="C-37 unknown kind"),
        ],
    )
    def test_bad_request_uses_nothing_up(self, cast, kind, body):
        _, token = invite(cast, allowed_join_types=kind)
        assert Caller().post(f"/api/invites/{token}/accept", body).status_code == 400
        assert Invite.objects.get().accepted_at is None


@pytest.mark.django_db(transaction=True)
def test_invite_is_good_for_one():
    """C-36 under a race: of two at once, one gets in."""
    cast = standing.make()
    _, token = invite(cast)
    start, statuses = threading.Barrier(2), []

    def ask():
        start.wait()
        statuses.append(ask_as_agent(token).status_code)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [202, 404]
    assert JoinRequest.objects.count() == 1


def test_bootstrap_invite_makes_an_instance_admin(db):
    """C-21, C-22, C-37, K-13"""
    _, token = invites.create_bootstrap(now=clock.now())
    assert Caller().get("/api/health").json()["bootstrapInviteActive"] is True
    assert Caller().get(f"/api/board-claim/{token}").json()["status"] == "available"
    assert Caller().get("/api/board-claim/nonsense").json()["status"] == "invalid"
    person = factories.user()
    browser = Client()
    browser.force_login(person)
    own = {"origin": "http://testserver"}
    taken = browser.post(f"/api/board-claim/{token}/claim", "{}", "application/json", headers=own)
    assert taken.json() == {"claimed": True, "userId": str(person.id)}
    assert User.objects.get(pk=person.pk).is_superuser
    assert Caller().get(f"/api/board-claim/{token}").json()["status"] == "claimed"
    again = browser.post(f"/api/board-claim/{token}/claim", "{}", "application/json", headers=own)
    assert again.status_code == 409


def test_bootstrap_invite_is_followed_by_the_interface_too(db):
    """C-37"""
    made, token = invites.create_bootstrap(now=clock.now())
    person = factories.user()
    caller = Caller(factories.board_token(person))
    answer = caller.post(f"/api/invites/{token}/accept", {"requestType": "human"})
    assert (answer.status_code, answer.json()) == (
        202,
        {
            "inviteId": str(made.id),
            "inviteType": "bootstrap_ceo",
            "bootstrapAccepted": True,
            "userId": str(person.id),
        },
    )
    assert caller.get("/api/admin/users").status_code == 200
    assert caller.post(f"/api/invites/{token}/accept", {"requestType": "human"}).status_code == 404
