"""C-59, K-13: keys of agents and tokens of people."""

from __future__ import annotations

from datetime import timedelta

import pytest

from paperclip.companies import tokens
from paperclip.companies.models import Activity, AgentApiKey, BoardApiToken
from paperclip.core import clock
from tests import factories
from tests.cast import Caller


def path(agent, tail="") -> str:
    return f"/api/agents/{agent.id}/keys{tail}"


class TestAgentKeys:
    def test_token_is_shown_once_and_kept_as_a_hash(self, cast):
        made = cast.as_owner.post(path(cast.peer), {"name": "local-cli"})
        assert made.status_code == 201
        body = made.json()
        assert set(body) == {"id", "name", "token", "createdAt"}
        assert body["token"].startswith("pcp_")
        assert Caller(body["token"]).get("/api/agents/me").json()["id"] == str(cast.peer.id)
        row = AgentApiKey.objects.get(pk=body["id"])
        assert row.key_hash == tokens.digest(body["token"])
        (listed,) = cast.as_owner.get(path(cast.peer)).json()
        assert set(listed) == {"id", "name", "createdAt", "revokedAt"}
        entry = Activity.objects.get(action="agent.key_created")
        assert entry.details == {"keyId": body["id"], "name": "local-cli"}
        assert body["token"] not in str(Activity.objects.values_list("details"))

    def test_name_is_default_unless_given(self, cast):
        """C-59, K-54: an empty body will do."""
        assert cast.as_owner.post(path(cast.peer)).json()["name"] == "default"
        empty = cast.as_owner.generic("POST", path(cast.peer), b"", content_type="application/json")
        assert (empty.status_code, empty.json()["name"]) == (201, "default")

    @pytest.mark.parametrize(
        ("status", "error"),
        [
            pytest.param(
                "pending_approval", "Cannot create keys for pending approval agents", id="C-59 pending"
            ),
            pytest.param("terminated", "Cannot create keys for terminated agents", id="B-53"),
        ],
    )
    def test_no_key_for_those_who_may_not_act(self, cast, status, error):
        agent = factories.agent(cast.company, status=status)
        answer = cast.as_owner.post(path(agent))
        assert (answer.status_code, answer.json()["error"]) == (409, error)
        assert not AgentApiKey.objects.exists()

    def test_revoked_key_is_dead_and_stays_listed(self, cast):
        """B-8"""
        made = cast.as_owner.post(path(cast.peer)).json()
        for _ in range(2):
            assert cast.as_owner.delete(path(cast.peer, f"/{made['id']}")).json() == {"ok": True}
        assert Caller(made["token"]).get("/api/agents/me").status_code == 401
        assert cast.as_owner.get(path(cast.peer)).json()[0]["revokedAt"] is not None
        assert Activity.objects.filter(action="agent.key_revoked").count() == 1

    @pytest.mark.parametrize("reference", ["other", "not-a-uuid", "7f1c2f0e-5f0a-4a52-9d5b-0f6f3c0a1b2c"])
    def test_key_of_another_agent_is_unknown(self, cast, reference):
        """B-14"""
        made = cast.as_owner.post(path(cast.engineer)).json()
        key_id = made["id"] if reference == "other" else reference
        answer = cast.as_owner.delete(path(cast.peer, f"/{key_id}"))
        assert (answer.status_code, answer.json()["error"]) == (404, "Key not found")
        assert Caller(made["token"]).get("/api/agents/me").status_code == 200

    def test_outsider_reaches_no_key(self, cast):
        """B-11, B-12, B-13: a foreign agent answers as one that does not exist."""
        made = cast.as_owner.post(path(cast.peer)).json()
        assert cast.as_outsider.get(path(cast.peer)).status_code == 404
        assert cast.as_outsider.post(path(cast.peer)).status_code == 404
        assert cast.as_outsider.delete(path(cast.peer, f"/{made['id']}")).status_code == 404
        assert AgentApiKey.objects.filter(revoked_at__isnull=True).count() == 1

    def test_use_is_noted(self, cast):
        made = cast.as_owner.post(path(cast.peer)).json()
        Caller(made["token"]).get("/api/agents/me")
        assert AgentApiKey.objects.get(pk=made["id"]).last_used_at is not None


class TestBoardTokens:
    def test_create_list_revoke(self, cast):
        made = cast.as_owner.post("/api/board-api-keys", {"name": "ci"})
        assert made.status_code == 201
        body = made.json()
        assert body["token"].startswith("pcp_board_")
        assert BoardApiToken.objects.get(pk=body["id"]).key_hash == tokens.digest(body["token"])
        caller = Caller(body["token"])
        assert caller.get("/api/cli-auth/me").json()["keyId"] == body["id"]
        listed = caller.get("/api/board-api-keys").json()
        assert body["id"] in [one["id"] for one in listed]
        assert all("token" not in one for one in listed)
        assert caller.delete(f"/api/board-api-keys/{body['id']}").json() == {"ok": True}
        assert caller.get("/api/cli-auth/me").status_code == 401
        actions = Activity.objects.filter(company=cast.company, entity_type="user").values_list(
            "action", flat=True
        )
        assert sorted(actions) == ["board_api_key.created", "board_api_key.revoked"]

    def test_lasts_thirty_days_unless_said_otherwise(self, cast):
        """C-10"""
        made = cast.as_owner.post("/api/board-api-keys", {"name": "ci"}).json()
        life = BoardApiToken.objects.get(pk=made["id"]).expires_at - clock.now()
        assert timedelta(days=29, hours=23) < life < timedelta(days=30)
        until = clock.iso(clock.now() + timedelta(days=400))
        made = cast.as_owner.post("/api/board-api-keys", {"name": "ci", "expiresAt": until}).json()
        assert made["expiresAt"] == until

    def test_expired_token_is_nobody(self, cast):
        made = cast.as_owner.post("/api/board-api-keys", {"name": "ci"}).json()
        BoardApiToken.objects.filter(pk=made["id"]).update(expires_at=clock.now())
        assert Caller(made["token"]).get("/api/cli-auth/me").status_code == 401

    @pytest.mark.parametrize(
        ("body", "where"),
        [
            pytest.param({}, ["name"], id="K-13 name"),
            pytest.param({"name": "x", "expiresAt": "2020-01-01T00:00:00Z"}, ["expiresAt"], id="K-13 past"),
            pytest.param(
                {"name": "x", "expiresAt": "2030-01-01T00:00:00+02:00"}, ["expiresAt"], id="C-7 offset"
            ),
        ],
    )
    def test_bad_body_is_refused(self, cast, body, where):
        answer = cast.as_owner.post("/api/board-api-keys", body)
        assert answer.status_code == 400
        assert answer.json()["details"][0]["path"] == where

    def test_foreign_company_cannot_be_asked_for(self, cast):
        body = {"name": "x", "requestedCompanyId": str(cast.elsewhere.id)}
        assert cast.as_owner.post("/api/board-api-keys", body).status_code == 403

    def test_token_of_another_person_is_unknown(self, cast):
        made = cast.as_owner.post("/api/board-api-keys", {"name": "ci"}).json()
        assert cast.as_operator.delete(f"/api/board-api-keys/{made['id']}").status_code == 404
        assert Caller(made["token"]).get("/api/cli-auth/me").status_code == 200

    def test_agents_have_none(self, cast):
        assert cast.as_agent(cast.peer).post("/api/board-api-keys", {"name": "x"}).status_code == 403
        assert cast.as_nobody.get("/api/board-api-keys").status_code == 403
