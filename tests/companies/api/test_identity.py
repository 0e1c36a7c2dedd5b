"""C-16, C-18, C-21, C-22: who am I, and is the server well."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from django.conf import settings
from django.test import Client

from paperclip.companies.models import BoardApiToken, User
from tests import factories
from tests.cast import Caller


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


class TestMe:
    def test_board_key(self, cast):
        """C-21"""
        me = cast.as_owner.get("/api/cli-auth/me").json()
        assert me["user"] == {
            "id": str(cast.owner.id),
            "email": cast.owner.email,
            "name": cast.owner.username,
            "image": None,
        }
        assert (me["userId"], me["isInstanceAdmin"], me["source"]) == (str(cast.owner.id), True, "board_key")
        assert me["companyIds"] == [str(cast.company.id)]
        assert me["memberships"] == [
            {"companyId": str(cast.company.id), "membershipRole": "owner", "status": "active"}
        ]
        assert me["keyId"] == str(BoardApiToken.objects.get(user=cast.owner).id)

    def test_session(self, cast):
        found = signed_in(cast.operator).get("/api/auth/get-session").json()
        assert found["session"] == {
            "id": f"paperclip:session:{cast.operator.id}",
            "userId": str(cast.operator.id),
        }
        assert found["user"]["email"] == cast.operator.email

    @pytest.mark.parametrize("path", ["cli-auth/me", "auth/get-session", "auth/profile"])
    def test_people_only(self, cast, path):
        """C-16"""
        for caller in (cast.as_nobody, cast.as_agent(cast.peer)):
            assert caller.get(f"/api/{path}").status_code == 401
        answer = cast.as_agent(cast.peer).get(f"/api/{path}")
        assert answer.json() == {"error": "Board authentication required"}

    def test_revoke_current(self, cast):
        """B-110"""
        caller = Caller(factories.board_token(cast.operator))
        assert caller.post("/api/cli-auth/revoke-current").json()["revoked"] is True
        assert caller.get("/api/cli-auth/me").status_code == 401
        session = signed_in(cast.operator).post(
            "/api/cli-auth/revoke-current",
            "{}",
            content_type="application/json",
            headers={"origin": "http://testserver"},
        )
        assert session.status_code == 400


class TestProfile:
    def test_name_is_trimmed_and_picture_set_and_removed(self, cast):
        """C-16"""
        body = {"name": "  Ada Lovelace ", "image": "https://example.com/a.png"}
        assert cast.as_owner.patch("/api/auth/profile", body).json()["name"] == "Ada Lovelace"
        assert cast.as_owner.get("/api/auth/profile").json()["image"] == "https://example.com/a.png"
        assert cast.as_owner.patch("/api/auth/profile", {"name": "Ada", "image": ""}).json()["image"] is None
        assert User.objects.get(pk=cast.owner.pk).get_full_name() == "Ada"

    def test_asset_of_this_server_is_a_picture(self, cast):
        image = "/api/assets/7f1c2f0e-5f0a-4a52-9d5b-0f6f3c0a1b2c/content"
        assert (
            cast.as_owner.patch("/api/auth/profile", {"name": "Ada", "image": image}).json()["image"] == image
        )

    @pytest.mark.parametrize(
        ("body", "where"),
        [
            pytest.param({}, ["name"], id="C-16 name required"),
            pytest.param({"name": "   "}, ["name"], id="C-16 blank"),
            pytest.param({"name": "x" * 121}, ["name"], id="C-16 long"),
            pytest.param({"name": "x", "image": "javascript:alert(1)"}, ["image"], id="C-16 script"),
            pytest.param({"name": "x", "image": "ftp://a/b"}, ["image"], id="C-16 ftp"),
            pytest.param(
                {"name": "x", "image": "https://e.com/" + "a" * 4_000}, ["image"], id="C-16 long picture"
            ),
        ],
    )
    def test_bad_profile_is_refused(self, cast, body, where):
        answer = cast.as_owner.patch("/api/auth/profile", body)
        assert answer.status_code == 400
        assert answer.json()["details"][0]["path"] == where


class TestBrowserOrigin:
    """C-18: what a session may do depends on the page it comes from."""

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            pytest.param({"origin": "https://evil.example"}, 403, id="B-25"),
            pytest.param({}, 403, id="C-18 no origin"),
            pytest.param({"referer": "http://localhost:3199/admin/"}, 200, id="B-26"),
            pytest.param({"origin": "http://testserver"}, 200, id="C-18 own host"),
            pytest.param(
                {"origin": "http://evil.example", "x-forwarded-host": "evil.example"}, 403, id="CW-33"
            ),
            pytest.param({"origin": "http://testserver.evil.example"}, 403, id="C-18 look-alike"),
            pytest.param({"origin": "null"}, 403, id="C-18 null origin"),
        ],
    )
    def test_post(self, cast, headers, status):
        client = signed_in(cast.operator)
        answer = client.post(
            f"/api/companies/{cast.company.id}/archive",
            "{}",
            content_type="application/json",
            headers=headers,
        )
        assert answer.status_code == status, answer.content
        if status == 403:
            assert answer.json()["error"] == "Board mutation requires trusted browser origin"

    def test_keys_need_no_origin(self, cast):
        """B-27"""
        assert (
            cast.as_operator.post(f"/api/companies/{cast.company.id}/goals", {"title": "x"}).status_code
            == 201
        )


class TestHealth:
    def test_strangers_see_four_fields(self, cast):
        """B-112"""
        wanted = {"status": "ok", "deploymentMode": "authenticated", "bootstrapStatus": "ready"}
        assert cast.as_nobody.get("/api/health").json() == wanted | {"bootstrapInviteActive": False}
        assert set(Caller("pcp_" + "0" * 48).get("/api/health").json()) == {*wanted, "bootstrapInviteActive"}

    def test_known_callers_see_more(self, cast):
        for caller in (cast.as_viewer, cast.as_agent(cast.peer)):
            found = caller.get("/api/health").json()
            assert found["version"] == settings.VERSION
            assert found["features"] == {"companyDeletionEnabled": False}

    def test_before_anybody_rules(self, db):
        assert Caller().get("/api/health").json()["bootstrapStatus"] == "bootstrap_pending"

    def test_dead_database(self, tmp_path):
        """B-113, C-22: whoever asks, with whatever credential; other routes say 503 too."""
        program = """
import django, json, sys
django.setup()
from django.test import Client
client = Client(raise_request_exception=False)
for path in ("/api/health", "/api/agents/me"):
    for headers in ({}, {"authorization": "Bearer pcp_" + "0" * 48}, {"authorization": "Bearer x"}):
        answer = client.get(path, headers=headers)
        print(json.dumps([path, answer.status_code, json.loads(answer.content)]))
"""
        environment = {
            "DJANGO_SETTINGS_MODULE": "paperclip.settings",
            "PAPERCLIP_HOME": str(tmp_path),
            "PATH": "/usr/bin",
            "DATABASE_URL": "postgres://nobody@127.0.0.1:9/nothing",
            "PAPERCLIP_ALLOWED_HOSTNAMES": "testserver",
        }
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=environment,
            cwd=settings.BASE_DIR,
            capture_output=True,
            text=True,
        )
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(answers) == 6, done.stderr[-2_000:]
        for path, status, body in answers:
            if path == "/api/health":
                assert (status, body) == (
                    503,
                    {"status": "unhealthy", "version": settings.VERSION, "error": "database_unreachable"},
                )
            else:
                assert status in (401, 503)
                assert set(body) == {"error"}
