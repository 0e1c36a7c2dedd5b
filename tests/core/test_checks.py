from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings as configured

from paperclip.core import checks


def ids(messages) -> list[str]:
    assert all(message.hint for message in messages)
    return [message.id.removeprefix("paperclip.") for message in messages]


def test_settings_as_shipped_are_without_fault():
    for check in (
        checks.check_database,
        checks.check_queue,
        checks.check_home,
        checks.check_secret_key,
        checks.check_web,
    ):
        assert check(None) == []


@pytest.mark.parametrize("engine", ["django.db.backends.sqlite3", "django.db.backends.mysql", ""])
def test_other_database_is_refused(monkeypatch, engine):
    monkeypatch.setitem(configured.DATABASES["default"], "ENGINE", engine)
    assert ids(checks.check_database(None)) == ["E001"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"timeout": None}, ["E002"]),
        ({"timeout": 0}, ["E002"]),
        ({"retry": None}, ["E003"]),
        ({"timeout": 60, "retry": 240, "queue_limit": 2, "workers": 1}, ["E003"]),
        ({"timeout": 60, "retry": 241, "queue_limit": 2, "workers": 1}, []),
        ({"timeout": 60, "retry": 181, "queue_limit": 2, "workers": 2}, []),
        ({"max_attempts": 0}, ["E004"]),
        ({"ack_failures": False}, ["E005"]),
        ({"catch_up": True}, ["E006"]),
        ({"bulk": 5}, ["W007"]),
    ],
)
def test_queue_that_would_double_or_never_end_tasks_is_refused(settings, change, expected):
    settings.Q_CLUSTER = {**configured.Q_CLUSTER, **change}
    assert ids(checks.check_queue(None)) == expected


@pytest.mark.parametrize("absent", ["timeout", "max_attempts", "ack_failures", "catch_up"])
def test_queue_without_a_needed_setting_is_refused(settings, absent):
    settings.Q_CLUSTER = {name: value for name, value in configured.Q_CLUSTER.items() if name != absent}
    assert len(checks.check_queue(None)) == 1


def test_home_that_is_a_file_is_refused(settings, tmp_path):
    (tmp_path / "file").write_text("")
    for home in (tmp_path / "file", tmp_path / "file/below"):
        settings.PAPERCLIP_HOME = home
        assert ids(checks.check_home(None)) == ["E008"]


def test_home_that_is_yet_to_be_made_is_fine(settings, tmp_path):
    settings.PAPERCLIP_HOME = tmp_path / "a" / "b"
    assert checks.check_home(None) == []
    assert not Path(tmp_path / "a").exists()


@pytest.mark.parametrize("key", ["short", "a" * 64, "abcabcabc" * 8])
def test_weak_secret_is_refused_and_not_repeated(settings, key):
    settings.SECRET_KEY = key
    (fault,) = checks.check_secret_key(None)
    assert fault.id == "paperclip.E009"
    assert key not in f"{fault.msg}{fault.hint}"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://localhost:3100", []),
        ("https://paperclip.example.org", []),
        ("https://example.org/paperclip", []),
        ("https://[::1]:3100", []),
        ("paperclip.example.org", ["E010"]),
        ("ftp://example.org", ["E010"]),
        ("https://", ["E010"]),
        ("https://example.org:99999", ["E010"]),
        ("https://example.org:port", ["E010"]),
        ("https://[::1", ["E010"]),
        ("https://example.org/?a=b", ["E010"]),
    ],
)
def test_public_address_must_be_one(settings, address, expected):
    settings.PAPERCLIP_PUBLIC_URL = address
    assert ids(checks.check_web(None)) == expected


@pytest.mark.parametrize("name", ["WEB_WORKERS", "WEB_THREADS"])
def test_web_server_of_nobody_is_refused(settings, name):
    setattr(settings, name, 0)
    assert ids(checks.check_web(None)) == ["E011"]
