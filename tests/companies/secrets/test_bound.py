"""C-100, B-115, B-116: secrets in the environment of agents and projects."""

from __future__ import annotations

import uuid

import pytest

from paperclip.companies.models import Agent, SecretBinding
from paperclip.core.redaction import MARKER
from tests import factories
from tests.companies.secrets.conftest import keep, ref


def bindings() -> set[tuple[str, str, str]]:
    rows = SecretBinding.objects.values_list("target_type", "config_path", "version_selector")
    return set(rows)


@pytest.fixture
def secret(cast):
    return keep(cast.company)


def patch_env(caller, agent, env, **more):
    return caller.patch(f"/api/agents/{agent.pk}", {"adapterConfig": {"env": env}, **more})


def test_saving_an_agent_rewrites_its_bindings(cast, secret):
    """C-100"""
    other = keep(cast.company, name="Other")
    body = {"name": "New", "adapterConfig": {"env": {"A": ref(secret), "B": ref(other, 1), "C": "plain"}}}
    made = cast.as_owner.post(f"/api/companies/{cast.company.pk}/agents", body)
    assert made.status_code == 201
    assert made.json()["adapterConfig"]["env"]["A"] == ref(secret)
    assert bindings() == {("agent", "env.A", "latest"), ("agent", "env.B", "1")}
    agent = Agent.objects.get(pk=made.json()["id"])
    assert patch_env(cast.as_owner, agent, {"B": ref(other), "D": ref(secret)}).status_code == 200
    assert bindings() == {("agent", "env.B", "latest"), ("agent", "env.D", "latest")}
    cast.as_owner.patch(f"/api/agents/{agent.pk}", {"title": "untouched"})
    assert len(bindings()) == 2
    cast.as_owner.post(f"/api/agents/{agent.pk}/terminate")
    assert bindings() == set()


def test_bindings_of_a_model_profile_count_too(cast, secret):
    runtime = {"modelProfiles": {"cheap": {"adapterConfig": {"env": {"A": ref(secret)}}}}}
    cast.as_owner.patch(f"/api/agents/{cast.peer.pk}", {"runtimeConfig": runtime})
    assert bindings() == {("agent", "runtimeConfig.modelProfiles.cheap.adapterConfig.env.A", "latest")}


def test_saving_a_project_rewrites_its_bindings(cast, secret):
    """C-100"""
    made = cast.as_owner.post(
        f"/api/companies/{cast.company.pk}/projects", {"name": "P", "env": {"A": ref(secret)}}
    ).json()
    assert bindings() == {("project", "env.A", "latest")}
    cast.as_owner.patch(f"/api/projects/{made['id']}", {"name": "Q"})
    assert len(bindings()) == 1
    cast.as_owner.patch(f"/api/projects/{made['id']}", {"env": None})
    assert bindings() == set()
    cast.as_owner.patch(f"/api/projects/{made['id']}", {"env": {"A": ref(secret)}})
    cast.as_owner.delete(f"/api/projects/{made['id']}")
    assert bindings() == set()


@pytest.mark.parametrize(
    ("made_ref", "status", "said"),
    [
        pytest.param(lambda mine, foreign: ref(foreign), 422, "A: secret not found", id="B-115 another company's"),
        pytest.param(
            lambda mine, foreign: {"type": "secret_ref", "secretId": str(uuid.uuid4())}, 422, "A: secret not found",
            id="C-100 no such secret",
        ),
        pytest.param(lambda mine, foreign: ref(mine, 7), 422, "has no version 7", id="C-100 no such version"),
        pytest.param(lambda mine, foreign: ref(mine, 0), 400, "", id="A-37 version 0"),
        pytest.param(lambda mine, foreign: ref(mine, "newest"), 400, "", id="A-37 version in words"),
        pytest.param(lambda mine, foreign: ref(mine, True), 400, "", id="A-37 version true"),
        pytest.param(lambda mine, foreign: MARKER, 422, "a redacted value", id="C-100 marker"),
    ],
)  # fmt: skip
def test_reference_must_hold(cast, secret, made_ref, status, said):
    env = {"A": made_ref(secret, keep(cast.elsewhere))}
    project = f"/api/companies/{cast.company.pk}/projects"
    for answer in (
        patch_env(cast.as_owner, cast.peer, env),
        cast.as_owner.post(project, {"name": "P", "env": env}),
    ):
        assert answer.status_code == status
        assert said in answer.json()["error"]
    assert bindings() == set()
    assert "env" not in Agent.objects.get(pk=cast.peer.pk).adapter_config


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        pytest.param("OPENAI_API_KEY", "sk", 422, id="B-116 key"),
        pytest.param("GITHUB_TOKEN", "x", 422, id="CW-23 token"),
        pytest.param("DB_PASSWORD", "x", 422, id="A-37 password"),
        pytest.param("OPENAI_API_KEY", "  ", 200, id="A-37 blank"),
        pytest.param("MAX_TOKENS", "5", 200, id="A-37 a number of tokens"),
        pytest.param("KEYBOARD", "de", 200, id="A-37 no key"),
    ],
)
def test_strict_mode_wants_references(cast, settings, name, value, status):
    """B-116"""
    assert patch_env(cast.as_owner, cast.peer, {name: value}).status_code == 200
    settings.SECRETS_STRICT_MODE = True
    answer = patch_env(cast.as_owner, cast.peer, {name: value})
    assert answer.status_code == status
    assert status == 200 or name in answer.json()["error"]


def test_agents_hand_on_only_what_they_are_given(cast, secret):
    """design 8: an agent that hires could read any secret of the company otherwise."""
    ceo = cast.as_agent(cast.ceo)
    body = {"name": "New", "adapterConfig": {"env": {"A": ref(secret)}}}
    path = f"/api/companies/{cast.company.pk}/agents"
    refused = ceo.post(path, body)
    assert (refused.status_code, bindings()) == (403, set())
    project = factories.project(cast.company)
    assert ceo.patch(f"/api/projects/{project.pk}", {"env": {"A": ref(secret)}}).status_code == 403
    assert patch_env(cast.as_owner, cast.ceo, {"MINE": ref(secret)}).status_code == 200
    assert ceo.post(path, body).status_code == 201


def test_secret_in_use_is_deleted_only_when_asked_for(cast, secret):
    patch_env(cast.as_owner, cast.peer, {"A": ref(secret)})
    refused = cast.as_owner.delete(f"/api/secrets/{secret.pk}")
    assert refused.status_code == 409
    assert refused.json()["details"]["bindings"] == [
        {"targetType": "agent", "targetId": str(cast.peer.pk), "configPath": "env.A"}
    ]
    assert cast.as_owner.delete(f"/api/secrets/{secret.pk}?force=true").json() == {"ok": True}
    # The agent can still be changed; nobody else can be given what is gone.
    assert patch_env(cast.as_owner, cast.peer, {"A": ref(secret), "B": "x"}).status_code == 200
    assert patch_env(cast.as_owner, cast.engineer, {"A": ref(secret)}).status_code == 422
