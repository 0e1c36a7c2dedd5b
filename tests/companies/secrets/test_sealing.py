"""C-103: how values are sealed, and with which key."""

from __future__ import annotations

import base64
import os
import stat
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperclip.companies.models import SecretMasterKey, SecretVersion
from paperclip.companies.secrets import keyring, resolving, sealing
from paperclip.core import clock
from paperclip.core.errors import Unavailable
from tests import factories
from tests.companies.secrets.conftest import VALUE, keep

KEY = keyring.of_text("ab" * 32, "the test")
ROW = {"company_id": uuid.UUID(int=1), "secret_id": uuid.UUID(int=2), "version": 1}


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_what_is_sealed_comes_back(value):
    material = sealing.seal(value, key=KEY, **ROW)
    assert material["scheme"] == "local_encrypted_v1"
    assert len(base64.b64decode(material["iv"])) == 12
    assert sealing.unseal(material, key=KEY, **ROW) == value


def test_equal_values_are_sealed_differently():
    assert sealing.seal(VALUE, key=KEY, **ROW) != sealing.seal(VALUE, key=KEY, **ROW)


@pytest.mark.parametrize(
    "row",
    [
        pytest.param({"company_id": uuid.UUID(int=9)}, id="C-103 another company's"),
        pytest.param({"secret_id": uuid.UUID(int=9)}, id="C-103 another secret's"),
        pytest.param({"version": 2}, id="C-103 another version's"),
        pytest.param({"key": keyring.of_text("cd" * 32, "the test")}, id="C-103 another key's"),
    ],
)
def test_material_opens_in_its_own_row_only(row):
    material = sealing.seal(VALUE, key=KEY, **ROW)
    with pytest.raises(sealing.Unreadable) as refused:
        sealing.unseal(material, **{"key": KEY, **ROW, **row})
    assert VALUE not in str(refused.value)


@pytest.mark.parametrize("part", ["iv", "ciphertext", "tag", "scheme"])
def test_changed_material_does_not_open(part):
    material = sealing.seal(VALUE, key=KEY, **ROW)
    changed = {**material, part: base64.b64encode(os.urandom(16)).decode()}
    with pytest.raises(sealing.Unreadable):
        sealing.unseal(changed, key=KEY, **ROW)
    with pytest.raises(sealing.Unreadable):
        sealing.unseal({name: text for name, text in material.items() if name != part}, key=KEY, **ROW)


RAW = bytes(range(32, 64))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(RAW.hex(), id="C-103 hex"),
        pytest.param(RAW.hex().upper() + "\n", id="C-103 hex in capitals"),
        pytest.param(base64.b64encode(RAW).decode(), id="C-103 base64"),
        pytest.param(base64.urlsafe_b64encode(RAW).decode().rstrip("="), id="C-103 base64 of URLs"),
        pytest.param("x" + RAW.decode()[1:], id="C-103 raw"),
    ],
)
def test_key_is_read_in_every_spelling(text):
    expected = RAW if text[0] != "x" else b"x" + RAW[1:]
    assert keyring.of_text(text, "it").secret == expected


@pytest.mark.parametrize("text", ["", "abc", "ab" * 31, "zz" * 32, base64.b64encode(RAW + b"x").decode()])
def test_what_is_no_key_is_refused_without_being_shown(text):
    with pytest.raises(keyring.KeyInvalid) as refused:
        keyring.of_text(text, "PAPERCLIP_SECRETS_MASTER_KEY")
    assert "PAPERCLIP_SECRETS_MASTER_KEY" in str(refused.value)
    assert not text or text not in str(refused.value)


@pytest.mark.django_db
def test_key_file_is_made_with_the_first_secret_for_its_owner_only(key_file):
    assert not key_file.exists()
    secret = keep(factories.company())
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(key_file.parent.stat().st_mode) == 0o700
    assert [each.name for each in key_file.parent.iterdir()] == [key_file.name]
    version = SecretVersion.objects.get(secret=secret)
    assert version.sealed_with == SecretMasterKey.objects.get(status="current").fingerprint
    assert VALUE not in str(version.material)
    assert resolving.unsealed(version, secret) == VALUE


@pytest.mark.django_db
def test_environment_names_the_key(settings, key_file):
    settings.SECRETS_MASTER_KEY = RAW.hex()
    secret = keep(factories.company())
    assert not key_file.exists()
    assert SecretVersion.objects.get(secret=secret).sealed_with == keyring.of_text(RAW.hex(), "").fingerprint


@pytest.mark.django_db
def test_host_without_the_key_makes_none_of_its_own(key_file):
    company = factories.company()
    secret = keep(company)
    key_file.unlink()
    keyring._known.clear()
    with pytest.raises(Unavailable) as refused:
        keep(company, name="Another")
    assert "lacks the master key" in refused.value.message
    with pytest.raises(Unavailable):
        resolving.unsealed(SecretVersion.objects.get(secret=secret), secret)
    assert not key_file.exists()


@pytest.mark.django_db
def test_digest_of_a_value_is_of_no_use_without_the_key():
    import hashlib

    company = factories.company()
    first, second = (keep(company, name=name, value="123456") for name in ("One", "Two"))
    found = list(
        SecretVersion.objects.filter(secret__in=(first, second)).values_list("value_sha256", flat=True)
    )
    assert found[0] == found[1] != hashlib.sha256(b"123456").hexdigest()


@pytest.mark.django_db
def test_files_made_at_once_hold_one_key(key_file):
    assert keyring.create_file(key_file) == keyring.create_file(key_file)
    assert keyring.sealing(now=clock.now()).fingerprint == keyring.create_file(key_file).fingerprint
