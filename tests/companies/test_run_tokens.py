"""The token a run acts with: how it is made, and when it is believed (C-12, CW-3)."""

from __future__ import annotations

import json
import time
from datetime import timedelta

import jwt
import pytest

from paperclip.companies import tokens
from paperclip.companies.models import Agent
from paperclip.core import clock
from tests import factories
from tests.cast import Caller


@pytest.fixture
def run(cast):
    return factories.run(cast.engineer)


def mint(run, *, at=None) -> str:
    return tokens.mint_run_token(agent=run.agent, run_id=run.pk, now=at or clock.now())


def is_believed(token: str) -> bool:
    return Caller(token).get("/api/agents/me").status_code == 200


def test_claims_come_back(run):
    """B-1, C-12: who acts, for which company, by which adapter, from which run."""
    token = mint(run)
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}
    claims = tokens.read_run_token(token)
    assert claims is not None
    assert (claims["exp"] - claims["iat"], claims["iss"], claims["aud"]) == (
        172_800,
        "paperclip",
        "paperclip-api",
    )
    assert {name: claims[name] for name in ("sub", "company_id", "adapter_type", "run_id")} == {
        "sub": str(run.agent_id),
        "company_id": str(run.company_id),
        "adapter_type": "process",
        "run_id": str(run.pk),
    }
    assert is_believed(token)


def test_secret_may_be_set_and_without_one_a_key_is_derived(run, settings):
    """B-2, B-3: tokens of one secret are not believed under another; here there is never none."""
    derived = mint(run)
    settings.AGENT_JWT_SECRET = "a-secret-that-is-long-enough-for-it"
    assert tokens.read_run_token(derived) is None
    with_secret = mint(run)
    assert (
        jwt.decode(with_secret, settings.AGENT_JWT_SECRET, ["HS256"], audience="paperclip-api")["iss"]
        == "paperclip"
    )
    assert is_believed(with_secret)
    settings.AGENT_JWT_SECRET = ""
    assert not is_believed(with_secret)
    assert is_believed(derived)


@pytest.mark.parametrize(
    ("secret", "fallback", "used"),
    [
        pytest.param("own", "other", "own", id="C-12 its own secret first"),
        pytest.param("", "other", "other", id="B-2 the fallback"),
        pytest.param("", "", "", id="B-3 neither"),
    ],
)
def test_secret_comes_from_the_environment(secret, fallback, used):
    """Asked in a process of its own: settings are read once."""
    import os
    import subprocess
    import sys

    environment = {**os.environ, "PAPERCLIP_AGENT_JWT_SECRET": secret, "BETTER_AUTH_SECRET": fallback}
    told = subprocess.run(
        [sys.executable, "-c", "from paperclip import settings; print(settings.AGENT_JWT_SECRET)"],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout.strip() == used


@pytest.mark.parametrize("name", ["AGENT_JWT_ISSUER", "AGENT_JWT_AUDIENCE"])
def test_token_of_another_server_is_not_believed(run, settings, name):
    """B-5"""
    token = mint(run)
    setattr(settings, name, "elsewhere")
    assert not is_believed(token)


def test_token_past_its_time_is_not_believed(run, settings):
    """B-4"""
    settings.AGENT_JWT_TTL_SECONDS = 60
    assert is_believed(mint(run))
    assert not is_believed(mint(run, at=clock.now() - timedelta(seconds=61)))


def test_forged_tokens_are_not_believed(run, cast):
    """B-6: another secret, no signature at all, claims that are missing or of another kind."""
    claims = jwt.decode(mint(run), options={"verify_signature": False})
    key = tokens._run_token_key()
    forged = {
        "another secret": jwt.encode(claims, "x" * 32, "HS256"),
        "no signature": jwt.encode(claims, None, "none"),
        "another algorithm": jwt.encode(claims, "x" * 64, "HS512"),
        "two parts": ".".join(mint(run).split(".")[:2]),
        "no run": jwt.encode({**claims, "run_id": None}, key, "HS256"),
        "a number for an agent": jwt.encode({**claims, "company_id": 7}, key, "HS256"),
        "no time": jwt.encode({name: value for name, value in claims.items() if name != "exp"}, key, "HS256"),
        "another company": jwt.encode({**claims, "company_id": str(cast.elsewhere.pk)}, key, "HS256"),
        "an agent that is not there": jwt.encode({**claims, "sub": factories.NO_SUCH_ID}, key, "HS256"),
    }
    believed = [name for name, token in forged.items() if is_believed(token)]
    assert believed == []
    assert is_believed(jwt.encode(claims, key, "HS256"))


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled", "queued"])
def test_token_is_good_while_its_run_is(run, status):
    """CW-3: two days of life are the outer bound; the run is the inner one."""
    token = mint(run)
    run.status = status
    if status == "queued":
        run.claim_token = run.runner = None
    else:
        run.finished_at = clock.now()
    run.save()
    assert not is_believed(token)


@pytest.mark.parametrize("status", ["terminated", "pending_approval"])
def test_token_of_an_agent_that_may_not_act_is_not_believed(run, status):
    """B-7, C-10"""
    token = mint(run)
    Agent.objects.filter(pk=run.agent_id).update(status=status)
    assert not is_believed(token)


def test_reading_a_token_does_not_tell_how_far_it_was_right(run):
    """C-11, C-12: every bad token answers the same, whatever is wrong with it."""
    token = mint(run)
    wrong = [
        token[:-3] + "abc",
        token + "x",
        "a.b.c",
        json.dumps({"alg": "none"}),
        f"pcp_{'0' * 48}",
        str(time.time()),
    ]
    told = {
        (answer.status_code, answer.content)
        for answer in (Caller(one).get("/api/agents/me") for one in wrong)
    }
    assert told == {(401, b'{"error":"Agent token did not verify; obtain fresh credentials and retry"}')}
