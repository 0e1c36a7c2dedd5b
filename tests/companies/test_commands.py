"""board_token and sign_in_link."""

from __future__ import annotations

from io import StringIO
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from paperclip.companies.models import BoardApiToken, SignInLink, User
from tests.cast import Caller


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue().strip()


def test_board_token_is_printed_once_and_works(db):
    token = run("board_token", "--name", "ci")
    me = Caller(token).get("/api/cli-auth/me").json()
    assert (me["isInstanceAdmin"], me["user"]["name"]) == (True, "Board")
    row = BoardApiToken.objects.get()
    assert (row.name, token in row.key_hash) == ("ci", False)
    assert Caller(token).post("/api/companies", {"name": "Acme"}).status_code == 201


def test_board_token_of_a_named_person(cast):
    token = run("board_token", "--name", "ci", "--user", cast.operator.username, "--days", "0")
    assert Caller(token).get("/api/cli-auth/me").json()["userId"] == str(cast.operator.id)
    assert BoardApiToken.objects.get(name="ci").expires_at is None


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["board_token"], id="no name"),
        pytest.param(["board_token", "--name", "x", "--user", "stranger"], id="stranger"),
        pytest.param(["board_token", "--name", "x", "--days", "-1"], id="past"),
        pytest.param(["sign_in_link", "--user", "stranger"], id="link for a stranger"),
    ],
)
def test_bad_call_says_why(db, arguments):
    with pytest.raises(CommandError):
        run(*arguments)
    assert not BoardApiToken.objects.exists()
    assert not User.objects.filter(username="stranger").exists()


def test_sign_in_link_works_once(cast):
    path = urlsplit(run("sign_in_link", "--user", cast.operator.username)).path
    client = Client()
    assert client.get(path).status_code == 200
    assert SignInLink.objects.get().used_at is None
    assert client.post(path).status_code == 302
    assert client.get("/api/cli-auth/me").json()["userId"] == str(cast.operator.id)
    assert Client().post(path).status_code == 403
