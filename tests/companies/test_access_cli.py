"""C-19, C-21, K-12: a command line that asks to be let in; host names and where requests come from."""

from __future__ import annotations

import ipaddress
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from paperclip.companies.models import Activity, BoardApiToken, CliChallenge
from paperclip.core import clock, hostnames
from tests import factories
from tests.cast import Caller


def ask(**body):
    return Caller().post("/api/cli-auth/challenges", {"command": "issue list", **body})


def status(asked) -> str:
    return Caller().get(f"/api{asked['pollPath']}?token={asked['token']}").json()["status"]


class TestChallenge:
    def test_flow_of_the_command_line(self, cast):
        """B-110, K-12"""
        asked = ask(clientName="paperclipai cli", requestedAccess="board").json()
        assert asked["approvalPath"] == f"/cli-auth/{asked['id']}?token={asked['token']}"
        assert asked["suggestedPollIntervalMs"] == 1000
        assert asked["pollPath"] == f"/cli-auth/challenges/{asked['id']}"
        board = Caller(asked["boardApiToken"])
        assert board.get("/api/cli-auth/me").status_code == 401
        assert status(asked) == "pending"
        said = cast.as_operator.post(f"/api{asked['pollPath']}/approve", {"token": asked["token"]}).json()
        assert (said["approved"], said["userId"]) == (True, str(cast.operator.id))
        assert status(asked) == "approved"
        me = board.get("/api/cli-auth/me").json()
        assert (me["userId"], me["companyIds"]) == (str(cast.operator.id), [str(cast.company.id)])
        assert Activity.objects.filter(action="board_api_key.created").count() == 1
        assert board.post("/api/cli-auth/revoke-current").json() == {"revoked": True, "keyId": said["keyId"]}
        assert board.get("/api/cli-auth/me").status_code == 401

    def test_nothing_secret_is_stored(self, cast):
        asked = ask().json()
        stored = str(CliChallenge.objects.values().get())
        assert asked["token"] not in stored
        assert asked["boardApiToken"] not in stored

    def test_wrong_token_sees_nothing(self, cast):
        """B-111"""
        asked = ask().json()
        assert Caller().get(f"/api{asked['pollPath']}?token=pcp_cli_auth_{'0' * 48}").status_code == 404
        wrong = {"token": "x" * 20}
        assert cast.as_owner.post(f"/api{asked['pollPath']}/approve", wrong).status_code == 404
        assert Caller().post(f"/api{asked['pollPath']}/cancel", wrong).status_code == 404

    def test_stranger_and_agent_cannot_agree(self, cast):
        """C-21"""
        asked = ask().json()
        for caller in (cast.as_nobody, cast.as_agent(cast.ceo)):
            answer = caller.post(f"/api{asked['pollPath']}/approve", {"token": asked["token"]})
            assert (answer.status_code, answer.json()["error"]) == (
                401,
                "Sign in before approving CLI access",
            )

    def test_admin_access_needs_an_admin(self, cast):
        """C-21"""
        asked = ask(requestedAccess="instance_admin_required").json()
        body = {"token": asked["token"]}
        answer = cast.as_operator.post(f"/api{asked['pollPath']}/approve", body)
        assert (answer.status_code, answer.json()["error"]) == (403, "Instance admin required")
        assert cast.as_owner.post(f"/api{asked['pollPath']}/approve", body).status_code == 200

    def test_company_of_others_is_not_named_nor_opened(self, cast):
        asked = ask(requestedCompanyId=str(cast.company.id)).json()
        seen = cast.as_outsider.get(f"/api{asked['pollPath']}?token={asked['token']}").json()
        assert (seen["requestedCompanyName"], seen["canApprove"]) == (None, False)
        answer = cast.as_outsider.post(f"/api{asked['pollPath']}/approve", {"token": asked["token"]})
        assert answer.status_code == 403

    @pytest.mark.parametrize("end", ["cancelled", "expired"])
    def test_what_has_ended_cannot_be_agreed_to(self, cast, end):
        asked = ask().json()
        if end == "cancelled":
            gone = Caller().post(f"/api{asked['pollPath']}/cancel", {"token": asked["token"]})
            assert gone.json() == {"status": "cancelled", "cancelled": True}
        else:
            CliChallenge.objects.update(expires_at=clock.now() - timedelta(seconds=1))
        assert status(asked) == end
        answer = cast.as_owner.post(f"/api{asked['pollPath']}/approve", {"token": asked["token"]})
        assert answer.status_code == 409
        assert not BoardApiToken.objects.filter(name__contains="issue list").exists()

    def test_asking_is_slowed_down(self, db):
        """CW-32"""
        assert [ask().status_code for _ in range(21)] == [201] * 20 + [429]

    def test_stale_credential_does_not_keep_from_asking(self, cast):
        """K-12: the client may still send the token that has just failed."""
        stale = Caller("pcp_board_" + "0" * 48)
        assert stale.post("/api/cli-auth/challenges", {"command": "x"}).status_code == 201


class TestPage:
    def test_person_signs_in_looks_and_agrees(self, cast):
        asked = ask(clientName="paperclipai cli").json()
        browser = Client()
        first = browser.get(asked["approvalPath"])
        assert first["Location"].startswith("/admin/login/?next=/cli-auth/")
        browser.force_login(cast.operator)
        page = browser.get(asked["approvalPath"]).content.decode()
        assert "issue list" in page
        done = browser.post(f"/cli-auth/{asked['id']}", {"token": asked["token"], "answer": "yes"})
        assert "goes on by itself" in done.content.decode()
        assert Caller(asked["boardApiToken"]).get("/api/cli-auth/me").status_code == 200

    def test_no_means_no(self, cast):
        asked = ask().json()
        browser = Client()
        browser.force_login(cast.operator)
        browser.post(f"/cli-auth/{asked['id']}", {"token": asked["token"], "answer": "no"})
        assert status(asked) == "cancelled"

    def test_looking_changes_nothing_and_a_foreign_page_cannot_agree(self, cast):
        asked = ask().json()
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(cast.operator)
        browser.get(f"{asked['approvalPath']}&answer=yes")
        body = {"token": asked["token"], "answer": "yes"}
        assert browser.post(f"/cli-auth/{asked['id']}", body).status_code == 403
        assert status(asked) == "pending"


class TestHosts:
    def test_unknown_host_is_refused_by_name(self, db):
        """B-114"""
        answer = Client().get("/api/health", headers={"host": "evil.example:3100"})
        assert answer.status_code == 403
        assert "'evil.example'" in answer.json()["error"]
        assert "allowed-hostname evil.example" in answer.json()["error"]
        page = Client().get("/admin/", headers={"host": "evil.example"})
        assert (page.status_code, page["Content-Type"]) == (403, "text/plain; charset=utf-8")

    @pytest.mark.parametrize("host", ["localhost:3100", "127.0.0.1", "[::1]:3100", "[::1]"])
    def test_loopback_is_ours(self, db, host):
        """C-19, CW-33"""
        assert Client().get("/api/health", headers={"host": host}).status_code == 200

    def test_forwarded_host_is_believed_from_trusted_proxies_only(self, cast, settings):
        """B-28, CW-33"""
        settings.ALLOWED_HOSTS = ["inner", "board.example"]
        sent = {"host": "inner", "x-forwarded-host": "board.example", "origin": "https://board.example"}

        def post():
            browser = Client()
            browser.force_login(cast.operator)
            goal = f"/api/companies/{cast.company.id}/goals"
            return browser.post(goal, {"title": "x"}, "application/json", headers=sent).status_code

        assert post() == 403
        settings.TRUSTED_PROXIES = [ipaddress.ip_network("127.0.0.0/8")]
        assert post() == 201
        sent["x-forwarded-host"] = "evil.example"
        assert post() == 403

    def test_address_of_the_client_is_the_nearest_that_is_no_proxy(self, db, settings):
        settings.TRUSTED_PROXIES = [ipaddress.ip_network("127.0.0.1/32")]
        one = {"x-forwarded-for": "6.6.6.6, 203.0.113.7"}
        for _ in range(20):
            Client().post("/api/cli-auth/challenges", {"command": "x"}, "application/json", headers=one)
        last = Client().post("/api/cli-auth/challenges", {"command": "x"}, "application/json", headers=one)
        assert last.status_code == 429
        other = {"x-forwarded-for": "203.0.113.7, 198.51.100.2"}
        free = Client().post("/api/cli-auth/challenges", {"command": "x"}, "application/json", headers=other)
        assert free.status_code == 201

    def test_names_are_loopback_bound_address_and_those_added(self):
        """C-19"""
        assert hostnames.loopback_and("fd00::1", ["Box.LAN", "localhost"]) == [
            "localhost", "127.0.0.1", "[::1]", "[fd00::1]", "box.lan",
        ]  # fmt: skip
        assert "0.0.0.0" not in hostnames.loopback_and("0.0.0.0", [])

    def test_command_adds_a_name_once(self, settings, tmp_path, capsys):
        """C-19"""
        settings.ALLOWED_HOSTNAMES_FILE = tmp_path / "home" / "allowed-hostnames"
        for _ in range(2):
            call_command("allowed-hostname", "Box.lan")
        assert settings.ALLOWED_HOSTNAMES_FILE.read_text() == "box.lan\n"
        with pytest.raises(CommandError, match="no host name"):
            call_command("allowed-hostname", "a b/c")


def test_bootstrap_command_prints_a_link(db, capsys):
    """K-13"""
    call_command("bootstrap-ceo")
    link = capsys.readouterr().out.strip()
    assert "/invite/pcp_invite_" in link
    page = Client().get("/invite/" + link.rsplit("/", 1)[1])
    assert "Take over" in page.content.decode()


def test_board_key_ends_when_its_person_is_switched_off(cast):
    caller = Caller(factories.board_token(cast.operator))
    assert caller.get("/api/cli-auth/me").status_code == 200
    type(cast.operator).objects.filter(pk=cast.operator.pk).update(is_active=False)
    assert caller.get("/api/cli-auth/me").status_code == 401
