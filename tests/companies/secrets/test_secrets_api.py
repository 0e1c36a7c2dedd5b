"""C-102, K-38: the board's door to secrets, which lets values in and never out."""

from __future__ import annotations

import json

import pytest

from paperclip.companies.models import Agent, Secret, SecretAccess
from tests import factories
from tests.companies.secrets.conftest import VALUE, keep, ref

FIELDS = {
    "id", "companyId", "key", "name", "provider", "status", "managedMode", "externalRef", "providerConfigId",
    "providerMetadata", "latestVersion", "description", "lastResolvedAt", "lastRotatedAt", "deletedAt",
    "createdByAgentId", "createdByUserId", "createdAt", "updatedAt",
}  # fmt: skip


@pytest.fixture
def path(cast) -> str:
    return f"/api/companies/{cast.company.pk}/secrets"


def test_value_goes_in_and_never_out(cast, path):
    made = cast.as_owner.post(path, {"name": "GitHub token", "key": "GH", "value": VALUE})
    assert made.status_code == 201
    assert set(made.json()) == FIELDS
    assert (made.json()["key"], made.json()["createdByUserId"]) == ("gh", str(cast.owner.pk))
    one = f"/api/secrets/{made.json()['id']}"
    answers = [
        made,
        cast.as_owner.get(path),
        cast.as_owner.patch(one, {"description": "for the shop", "status": "disabled"}),
        cast.as_owner.post(f"{one}/rotate", {"value": VALUE + "-2"}),
        cast.as_owner.get(f"{one}/usage"),
        cast.as_owner.get(f"{one}/access-events"),
        cast.as_owner.get(f"/api/companies/{cast.company.pk}/activity"),
        cast.as_owner.post(path, {"name": "GitHub token", "value": VALUE}),
        cast.as_owner.post(path, {"name": "x", "value": VALUE, "externalRef": "y"}),
        cast.as_owner.delete(one),
    ]
    assert [answer.status_code for answer in answers] == [201, 200, 200, 200, 200, 200, 200, 409, 400, 200]
    assert all(VALUE not in answer.content.decode() for answer in answers)
    assert cast.as_owner.get(path).json() == []


def test_list_counts_uses(cast, path):
    secret = keep(cast.company)
    keep(cast.company, name="Unused")
    keep(cast.elsewhere)
    for agent in (cast.peer, cast.engineer):
        cast.as_owner.patch(f"/api/agents/{agent.pk}", {"adapterConfig": {"env": {"A": ref(secret)}}})
    rows = cast.as_owner.get(path).json()
    assert [(row["name"], row["referenceCount"]) for row in rows] == [("GitHub token", 2), ("Unused", 0)]
    assert set(rows[0]) == {*FIELDS, "referenceCount"}
    used = cast.as_owner.get(f"/api/secrets/{secret.pk}/usage").json()
    assert used["secretId"] == str(secret.pk)
    assert {(one["targetType"], one["targetId"], one["configPath"]) for one in used["bindings"]} == {
        ("agent", str(cast.peer.pk), "env.A"), ("agent", str(cast.engineer.pk), "env.A"),
    }  # fmt: skip


CALLS = [
    ("GET", "/api/companies/{company}/secrets"),
    ("POST", "/api/companies/{company}/secrets"),
    ("GET", "/api/companies/{company}/secret-providers"),
    ("GET", "/api/companies/{company}/secret-providers/health"),
    ("GET", "/api/companies/{company}/secret-provider-configs"),
    ("POST", "/api/companies/{company}/secret-provider-configs"),
    ("POST", "/api/companies/{company}/secrets/remote-import"),
    ("POST", "/api/companies/{company}/secrets/remote-import/preview"),
    ("PATCH", "/api/secrets/{secret}"),
    ("DELETE", "/api/secrets/{secret}"),
    ("POST", "/api/secrets/{secret}/rotate"),
    ("GET", "/api/secrets/{secret}/usage"),
    ("GET", "/api/secrets/{secret}/access-events"),
    ("GET", "/api/secret-provider-configs/{secret}"),
    ("POST", "/api/secret-provider-configs/{secret}/health"),
]


@pytest.mark.parametrize(
    ("method", "path"), [pytest.param(*call, id=f"B-117 {call[0]} {call[1]}") for call in CALLS]
)
def test_agents_and_nobody_are_refused_everywhere(cast, method, path):
    """B-117"""
    secret = keep(cast.company)
    path = path.format(company=cast.company.pk, secret=secret.pk)
    for caller in (cast.as_agent(cast.ceo), cast.as_nobody, cast.as_foreign_agent):
        answer = caller.generic(method, path, "{}", content_type="application/json")
        assert (answer.status_code, answer.json()["error"]) == (403, "Board access required")
    outsider = cast.as_outsider.generic(method, path, "{}", content_type="application/json")
    assert outsider.status_code == (403 if "companies" in path else 404)
    if method != "GET":
        viewer = cast.as_viewer.generic(method, path, "{}", content_type="application/json")
        assert viewer.status_code in (403, 404)
    secret.refresh_from_db()
    assert secret.latest_version == 1


def test_viewers_read(cast, path):
    keep(cast.company)
    assert len(cast.as_viewer.get(path).json()) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"name": "x"}, 400),
        ({"name": "x", "value": 5}, 400),
        ({"name": "x", "value": "v", "provider": "nowhere"}, 400),
        ({"name": "x", "value": "v", "providerMetadata": []}, 400),
        ({"name": "x\0", "value": "v"}, 400),
        ({"name": "x", "value": "v", "provider": "vault"}, 422),
    ],
)
def test_bad_input_is_refused(cast, path, body, status):
    answer = cast.as_owner.post(path, body)
    assert answer.status_code == status
    assert not Secret.objects.exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"status": "deleted"}, 422),
        ({"status": "x"}, 400),
        ({"externalRef": "x"}, 400),
        ({"name": None}, 400),
    ],
)
def test_bad_change_is_refused(cast, body, status):
    secret = keep(cast.company)
    assert cast.as_owner.patch(f"/api/secrets/{secret.pk}", body).status_code == status


def test_access_events_are_newest_first_and_bounded(cast):
    secret = keep(cast.company)
    SecretAccess.objects.bulk_create(
        SecretAccess(
            company=cast.company, secret=secret, provider="local_encrypted", actor_type="agent", actor_id="a",
            consumer_type="agent", consumer_id=cast.peer.pk, config_path=f"env.{number}", outcome="success",
        )
        for number in range(7)
    )  # fmt: skip
    rows = cast.as_owner.get(f"/api/secrets/{secret.pk}/access-events?limit=3").json()
    assert [row["configPath"] for row in rows] == ["env.6", "env.5", "env.4"]


def test_provider_health_is_as_the_command_line_reads_it(cast):
    """K-38"""
    base = f"/api/companies/{cast.company.pk}/secret-providers"
    listed = cast.as_owner.get(base).json()
    assert [one["id"] for one in listed] == [
        "local_encrypted", "aws_secrets_manager", "gcp_secret_manager", "vault"
    ]  # fmt: skip
    found = cast.as_owner.get(f"{base}/health").json()["providers"]
    assert [(one["provider"], one["status"]) for one in found] == [
        ("local_encrypted", "ok"), ("aws_secrets_manager", "warn"), ("gcp_secret_manager", "warn"), ("vault", "warn"),
    ]  # fmt: skip
    assert all(one["message"] for one in found)


def test_inline_values_move_into_secrets_as_the_command_line_does_it(cast, path):
    """K-38 migrate-inline-env"""
    env = {"GITHUB_TOKEN": {"type": "plain", "value": VALUE}, "MODE": {"type": "plain", "value": "fast"}}
    Agent.objects.filter(pk=cast.peer.pk).update(adapter_config={"command": "true", "env": env})
    agents = cast.as_owner.get(f"/api/companies/{cast.company.pk}/agents").json()
    config = next(one for one in agents if one["id"] == str(cast.peer.pk))["adapterConfig"]
    assert config["env"] == env
    made = cast.as_owner.post(
        path, {"name": "peer GITHUB_TOKEN", "value": config["env"]["GITHUB_TOKEN"]["value"]}
    )
    config["env"]["GITHUB_TOKEN"] = {"type": "secret_ref", "secretId": made.json()["id"], "version": "latest"}
    body = {"adapterConfig": config, "replaceAdapterConfig": True}
    assert cast.as_owner.patch(f"/api/agents/{cast.peer.pk}", body).status_code == 200
    assert VALUE not in json.dumps(Agent.objects.get(pk=cast.peer.pk).adapter_config)
    again = cast.as_owner.post(f"/api/secrets/{made.json()['id']}/rotate", {"value": VALUE})
    assert again.json()["latestVersion"] == 2


def test_reads_of_configuration_show_names_and_no_values(cast):
    """CW-23"""
    secret = keep(cast.company)
    env = {"GITHUB_TOKEN": VALUE, "APP_VERSION": "1.2.3", "HOST": "db.shop.example", "REF": ref(secret)}
    config = {"args": ["--token", VALUE, "--host", "a.b.c"], "env": env}
    cast.as_owner.patch(f"/api/agents/{cast.peer.pk}", {"adapterConfig": config})
    for answer in (
        cast.as_owner.get(f"/api/agents/{cast.peer.pk}/configuration"),
        cast.as_owner.get(f"/api/companies/{cast.company.pk}/agent-configurations"),
        cast.as_owner.get(f"/api/agents/{cast.peer.pk}/config-revisions"),
        cast.as_agent(cast.ceo).get(f"/api/agents/{cast.peer.pk}"),
        cast.as_agent(cast.ceo).get(f"/api/companies/{cast.company.pk}/agents"),
    ):
        text = answer.content.decode()
        assert VALUE not in text
        for shown in ("GITHUB_TOKEN", "1.2.3", "db.shop.example", "a.b.c", str(secret.pk)):
            assert shown in text


def test_many_secrets_cost_no_more_queries(cast, path, django_assert_max_num_queries):
    def count() -> int:
        with django_assert_max_num_queries(20) as queries:
            assert cast.as_owner.get(path).status_code == 200
        return len(queries)

    keep(cast.company)
    cast.as_owner.get(path)
    before = count()
    for number in range(10):
        secret = keep(cast.company, name=f"Secret {number}")
        factories.agent(cast.company)
        cast.as_owner.patch(f"/api/agents/{cast.peer.pk}", {"adapterConfig": {"env": {"A": ref(secret)}}})
    assert count() == before
