"""C-102: values that lie in HashiCorp Vault, over HTTP."""

from __future__ import annotations

import ipaddress
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlsplit

import pytest

from paperclip.companies.models import Activity, Secret, SecretProviderConfig
from tests.companies.secrets.conftest import VALUE, keep
from tests.companies.secrets.test_store import value_of

TOKEN = "hvs.root-of-the-test"


class KvStore(BaseHTTPRequestHandler):
    """The part of Vault that is asked: KV version 2 under `secret`, and who a token is."""

    values = {"shop/github": {"token": VALUE, "value": "plain-field"}}

    def do_GET(self) -> None:
        if self.headers["X-Vault-Token"] != TOKEN:
            return self.answer(403, {"errors": ["permission denied"]})
        parts = urlsplit(self.path)
        if parts.path == "/v1/auth/token/lookup-self":
            return self.answer(200, {"data": {}})
        if parts.path == "/v1/secret/metadata/shop" and parts.query == "list=true":
            return self.answer(200, {"data": {"keys": ["github", "more/"]}})
        found = self.values.get(parts.path.removeprefix("/v1/secret/data/"))
        if found is None:
            return self.answer(404, {"errors": []})
        return self.answer(200, {"data": {"data": found if not parts.query else {"value": parts.query}}})

    def answer(self, status: int, body: object) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def address(settings) -> Iterator[str]:
    settings.OUTBOUND_ALLOW = [ipaddress.ip_network("127.0.0.0/8")]
    with HTTPServer(("127.0.0.1", 0), KvStore) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def vault(cast, address) -> dict:
    token = keep(cast.company, name="Vault token", value=TOKEN)
    config = {"address": address, "tokenSecretId": str(token.pk)}
    made = cast.as_owner.post(
        f"/api/companies/{cast.company.pk}/secret-provider-configs",
        {"provider": "vault", "displayName": "House vault", "config": config},
    )
    assert made.status_code == 201, made.content
    return made.json()


def link(cast, reference: str, **more) -> Secret:
    body = {
        "name": reference,
        "managedMode": "external_reference",
        "provider": "vault",
        "externalRef": reference,
    }
    made = cast.as_owner.post(f"/api/companies/{cast.company.pk}/secrets", {**body, **more})
    assert made.status_code == 201, made.content
    return Secret.objects.get(pk=made.json()["id"])


def test_value_is_fetched_when_it_is_needed(cast, vault):
    assert vault["isDefault"]
    assert value_of(link(cast, "shop/github#token")) == VALUE
    assert value_of(link(cast, "shop/github")) == "plain-field"
    assert value_of(link(cast, "shop/github#value", providerVersionRef="3")) == "version=3"
    assert TOKEN not in json.dumps(cast.as_owner.get(f"/api/secret-provider-configs/{vault['id']}").json())


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("shop/none", "Vault has nothing under shop/none"),
        ("shop/github#other", "no text under the field other"),
    ],
)
def test_what_is_not_there_is_said(cast, vault, reference, said):
    with pytest.raises(Exception, match=said) as failed:
        value_of(link(cast, reference))
    assert TOKEN not in str(failed.value)


def test_health_tells_of_a_token_that_is_not_taken(cast, vault):
    path = f"/api/secret-provider-configs/{vault['id']}/health"
    assert cast.as_owner.post(path).json()["status"] == "ready"
    keeper = Secret.objects.get(name="Vault token")
    cast.as_owner.post(f"/api/secrets/{keeper.pk}/rotate", {"value": "hvs.another"})
    told = cast.as_owner.post(path).json()
    assert (told["status"], "permission denied" in told["healthMessage"]) == ("warning", True)
    health = cast.as_owner.get(f"/api/companies/{cast.company.pk}/secret-providers/health").json()
    assert next(one for one in health["providers"] if one["provider"] == "vault")["status"] == "error"


def test_what_a_vault_has_can_be_linked_at_once(cast, vault):
    base = f"/api/companies/{cast.company.pk}/secrets/remote-import"
    asked = {"providerConfigId": vault["id"], "path": "shop"}
    found = cast.as_owner.post(f"{base}/preview", asked).json()["candidates"]
    assert found == [
        {"externalRef": "shop/github", "key": "shop.github", "name": "github", "existingSecretId": None}
    ]
    body = {
        "providerConfigId": vault["id"],
        "secrets": [{"externalRef": "shop/github#token", "key": "gh"}] * 2,
    }
    made = cast.as_owner.post(base, body)
    assert made.status_code == 201
    assert [one["key"] for one in made.json()["imported"]] == ["gh"]
    assert [one["externalRef"] for one in made.json()["skipped"]] == ["shop/github#token"]
    assert value_of(Secret.objects.get(key="gh")) == VALUE
    actions = set(Activity.objects.values_list("action", flat=True))
    assert {"secret.remote_import.previewed", "secret.remote_import.completed"} <= actions


def test_disabled_vault_gives_nothing_and_another_takes_its_place(cast, vault, address):
    secret = link(cast, "shop/github#token")
    assert cast.as_owner.delete(f"/api/secret-provider-configs/{vault['id']}").json()["status"] == "disabled"
    with pytest.raises(Exception, match="no HashiCorp Vault is set up"):
        value_of(secret)
    refused = cast.as_owner.post(f"/api/secret-provider-configs/{vault['id']}/default")
    assert refused.status_code == 409
    second = cast.as_owner.post(
        f"/api/companies/{cast.company.pk}/secret-provider-configs",
        {"provider": "vault", "displayName": "Second", "config": vault["config"]},
    ).json()
    assert second["isDefault"]
    assert value_of(secret) == VALUE
    assert SecretProviderConfig.objects.filter(is_default=True).count() == 1


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({}, ["config", "address"]),
        ({"address": "http://10.0.0.1"}, ["config", "address"]),
        ({"address": "https://vault.example.com", "token": "hvs.x"}, ["config", "token"]),
        ({"address": "https://vault.example.com"}, ["config", "tokenSecretId"]),
        ({"address": "https://vault.example.com", "mount": 5}, ["config", "mount"]),
    ],
)
def test_wrong_settings_are_named(cast, config, path):
    body = {"provider": "vault", "displayName": "V", "config": config}
    answer = cast.as_owner.post(f"/api/companies/{cast.company.pk}/secret-provider-configs", body)
    assert (answer.status_code, answer.json()["details"][0]["path"]) == (400, path)


def test_token_of_another_company_opens_nothing(cast, address):
    token = keep(cast.elsewhere, name="Vault token", value=TOKEN)
    body = {
        "provider": "vault",
        "displayName": "V",
        "config": {"address": address, "tokenSecretId": str(token.pk)},
    }
    answer = cast.as_owner.post(f"/api/companies/{cast.company.pk}/secret-provider-configs", body)
    assert answer.status_code == 400
