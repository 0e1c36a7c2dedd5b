from __future__ import annotations

import os

import pytest

from paperclip.core import entry


@pytest.mark.parametrize(
    "line",
    [
        "",
        "help",
        "--help",
        "--version",
        "check",
        "doctor",
        "up",
        "up --demo",
        "makemigrations --check",
        "migrate -h",
    ],
)
def test_commands_that_look_or_start_it_themselves_do_not_get_a_database(line):
    assert not entry.needs_database(line.split())


@pytest.mark.parametrize(
    "line", ["migrate", "web", "runner", "qcluster", "shell -c pass", "seed_demo", "board_token"]
)
def test_every_other_command_gets_one(line):
    assert entry.needs_database(line.split())


@pytest.mark.parametrize(
    ("arguments", "port"),
    [
        (["--port", "4000"], "4000"),
        (["--demo", "--port=4000", "--open"], "4000"),
        (["--demo"], "3100"),
        (["--port", "many"], "3100"),
    ],
)
def test_port_of_up_is_the_port_of_every_part(monkeypatch, arguments, port):
    monkeypatch.setenv("PORT", "3100")
    entry._take_port(arguments)
    assert os.environ["PORT"] == port
