"""C-103: changing the master key, interrupted at any moment."""

from __future__ import annotations

import threading
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import close_old_connections, connection

from paperclip.companies import checks
from paperclip.companies.models import SecretMasterKey, SecretVersion
from paperclip.companies.secrets import keyring, providers, rekeying, resolving
from paperclip.core import locks
from tests import factories
from tests.companies.secrets.conftest import VALUE, keep

pytestmark = pytest.mark.django_db


def rotate() -> str:
    out = StringIO()
    call_command("rotate_secrets_key", stdout=out)
    return out.getvalue()


def opened() -> set[str]:
    keyring._known.clear()
    return {resolving.unsealed(row, row.secret) for row in SecretVersion.objects.select_related("secret")}


@pytest.fixture
def values() -> set[str]:
    company = factories.company()
    made = {f"{VALUE}-{number}" for number in range(5)}
    for value in made:
        keep(company, value, name=value)
    return made


def test_everything_is_sealed_anew_and_the_old_key_goes(values, key_file, monkeypatch):
    monkeypatch.setattr(rekeying, "BATCH", 2)
    old = keyring.current()
    said = rotate()
    assert "5 values are sealed with" in said
    assert keyring.current() != old
    assert set(SecretVersion.objects.values_list("sealed_with", flat=True)) == {keyring.current()}
    assert SecretMasterKey.objects.get(fingerprint=old).status == "retired"
    assert [each.name for each in key_file.parent.iterdir()] == [key_file.name]
    assert opened() == values
    assert providers.local_health().status == "ok"


@pytest.mark.parametrize("step", ["_seal_with", "_reseal_some", "_retire_others", "_put_in_place"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_change_that_breaks_off_is_taken_up_again(values, key_file, monkeypatch, step, when):
    monkeypatch.setattr(rekeying, "BATCH", 2)
    real = getattr(rekeying, step)

    def broken(*args, **kwargs):
        if when == "after":
            real(*args, **kwargs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(rekeying, step, broken)
        with pytest.raises(KeyboardInterrupt):
            rotate()
    assert opened() == values
    keep(factories.company(), "made-meanwhile")
    if (step, when) != ("_put_in_place", "after"):
        assert key_file.with_name("secrets.key.next").exists()
        assert providers.local_health().status == "warn"
        begun = keyring.from_file(keyring.next_file())
        rotate()
        assert keyring.current() == begun.fingerprint
    assert opened() == values | {"made-meanwhile"}
    assert SecretMasterKey.objects.filter(status="retiring").count() == 0
    assert providers.local_health().status == "ok"


def test_environment_can_bring_the_new_key(values, settings, key_file):
    old = key_file.read_text().strip()
    settings.SECRETS_MASTER_KEY = "cd" * 32
    settings.SECRETS_PREVIOUS_KEY = old
    key_file.unlink()
    assert "The old key is needed no more" in rotate()
    settings.SECRETS_PREVIOUS_KEY = ""
    assert opened() == values
    assert "already. Set a new PAPERCLIP_SECRETS_MASTER_KEY" in rotate()


def test_lost_key_is_said_and_nothing_is_changed(values, settings, key_file):
    before = set(SecretVersion.objects.values_list("sealed_with", flat=True))
    key_file.unlink()
    keyring._known.clear()
    settings.SECRETS_MASTER_KEY = "cd" * 32
    with pytest.raises(CommandError, match="lacks the master key"):
        rotate()
    assert set(SecretVersion.objects.values_list("sealed_with", flat=True)) == before
    assert (providers.local_health().status, "lacks the master key" in providers.local_health().message) == (
        "error",
        True,
    )


def test_first_key_is_made_where_there_is_none(key_file):
    rotate()
    assert key_file.exists()
    assert not keyring.next_file().exists()


@pytest.mark.django_db(transaction=True)
def test_two_changes_at_once_are_refused():
    held, leave = threading.Event(), threading.Event()

    def other() -> None:
        with locks.held(rekeying.LOCK):
            held.set()
            leave.wait(10)
        connection.close()

    thread = threading.Thread(target=other)
    thread.start()
    try:
        assert held.wait(10)
        with pytest.raises(CommandError, match="Another process"):
            rotate()
    finally:
        leave.set()
        thread.join()
        close_old_connections()


@pytest.mark.parametrize(
    ("text", "mode", "ids"),
    [("ab" * 32, 0o600, []), ("ab" * 32, 0o644, ["E013"]), ("hello", 0o600, ["E012"])],
)
def test_checks_name_a_key_that_is_wrong_or_open(key_file, text, mode, ids):
    key_file.parent.mkdir()
    key_file.write_text(text)
    key_file.chmod(mode)
    messages = checks.check_master_key(None)
    assert [message.id.removeprefix("paperclip.") for message in messages] == ids
    assert all(message.hint and text not in message.msg for message in messages)


def test_unknown_provider_is_warned_of(settings):
    settings.SECRETS_PROVIDER = "valut"
    assert [message.id for message in checks.check_secrets_provider(None)] == ["paperclip.W014"]
