"""Setting up a vault with the mouse, looking into it and linking what lies there (C-102)."""

from __future__ import annotations

import pytest

from paperclip.companies.models import Activity, Secret, SecretProviderConfig
from tests.board.conftest import browse
from tests.companies.secrets import test_vaults as stores
from tests.companies.secrets.conftest import keep

LIST = "/admin/companies/secretproviderconfig/"
address = stores.address


def do(client, vault, deed, **fields):
    return client.post(f"{LIST}{vault.pk}/do/{deed}/", fields, follow=True).content.decode()


def test_vault_is_set_up_tried_and_linked_from(scene, address):
    client = browse(scene.owner)
    token = keep(scene.company, name="Vault token", value=stores.TOKEN)
    sent = {"display_name": "Shop vault", "provider": "vault", "address": address, "token": str(token.pk)}
    page = client.post(f"{LIST}add/", {**sent, "mount": "", "namespace": "", "region": ""}, follow=True)
    vault = SecretProviderConfig.objects.get(display_name="Shop vault")
    assert vault.config == {"address": address, "tokenSecretId": str(token.pk)}
    assert "Vault token" in page.content.decode()
    assert "answers and takes the token" in do(client, vault, "check")
    found = do(client, vault, "look", path="shop")
    assert "shop/github" in found
    assert "shop/more" not in found  # a folder
    assert "1 linked" in do(client, vault, "link", reference=["shop/github"])
    made = Secret.objects.get(provider_config=vault)
    assert (made.external_ref, made.key) == ("shop/github", "shop.github")
    again = do(client, vault, "look", path="shop")
    assert "linked already" in again
    assert "Not linked: shop/github" in do(client, vault, "link", reference=["shop/github"])
    assert stores.TOKEN not in again


def test_vault_is_switched_off_and_on_and_another_made_the_default(scene):
    client, vault = browse(scene.owner), scene.vault
    assert "Runs that need a secret of this vault fail" in do(client, vault, "disable")
    vault.refresh_from_db()
    assert (vault.status, vault.is_default) == ("disabled", False)
    assert "A disabled vault cannot be the default" in do(client, vault, "default")
    do(client, vault, "enable")
    do(client, vault, "default")
    vault.refresh_from_db()
    assert (vault.status, vault.is_default) == ("ready", True)
    # Nothing answers there: it is told, and stands on the page until it does.
    assert "House vault: " in do(client, vault, "check")
    vault.refresh_from_db()
    assert vault.status == "warning"
    assert "When it was last asked" in client.get(f"{LIST}{vault.pk}/change/").content.decode()
    told = Activity.objects.filter(entity_id=str(vault.pk)).values_list("action", flat=True)
    assert "secret_provider_config.health_checked" in told


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"address": "ftp://vault"}, "address"),
        ({"address": "https://vault.example.com", "token": ""}, "token"),
    ],
)
def test_mistakes_stand_beside_their_fields(scene, changes, field):
    sent = {"display_name": "X", "provider": "vault", "token": str(scene.secret.pk), **changes}
    answer = browse(scene.owner).post(f"{LIST}add/", sent)
    assert answer.status_code == 200
    assert answer.context["form"].errors[field]
    assert not SecretProviderConfig.objects.filter(display_name="X").exists()


def test_viewer_reads_and_changes_nothing(scene, viewer):
    page = browse(viewer).get(f"{LIST}{scene.vault.pk}/change/").content.decode()
    assert "Payments key 0" in page
    assert "data-dialog" not in page
    assert 'name="path"' not in page
