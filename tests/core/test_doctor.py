from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import OperationalError

from paperclip.core import doctor, postgres
from paperclip.core.doctor import Finding


@pytest.fixture
def looks(monkeypatch):
    """No part but those a test registers."""
    monkeypatch.setattr(doctor, "_looks", {})
    monkeypatch.setattr(doctor, "autodiscover_modules", lambda name: None)


@pytest.fixture
def answering(settings) -> Iterator[type[BaseHTTPRequestHandler]]:
    """A web server in our place; what it answers is set on the class."""

    class Answer(BaseHTTPRequestHandler):
        status, body = 200, b'{"status": "ok"}'

        def do_GET(self) -> None:
            self.send_response(self.status)
            self.end_headers()
            self.wfile.write(self.body)

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        settings.BIND_HOST, settings.PORT = server.server_address
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield Answer
        server.shutdown()
        thread.join()


class TestRegistry:
    def test_each_part_is_looked_at_in_order(self, looks):
        doctor.looks_at("one")(lambda: Finding("one", "ok", "fine"))
        doctor.looks_at("two")(lambda: Finding("two", "warn", "tired", "Let it rest."))
        assert [each.part for each in doctor.doctor()] == ["one", "two"]

    def test_part_that_cannot_be_seen_does_not_hide_the_others(self, looks):
        def broken() -> Finding:
            raise ZeroDivisionError("by zero")

        def no_database() -> Finding:
            raise OperationalError("connection refused")

        doctor.looks_at("broken")(broken)
        doctor.looks_at("rows")(no_database)
        doctor.looks_at("sound")(lambda: Finding("sound", "ok", "fine"))
        assert [(each.part, each.state) for each in doctor.doctor()] == [
            ("broken", "fail"),
            ("rows", "warn"),
            ("sound", "ok"),
        ]

    @pytest.mark.django_db
    def test_every_floor_is_heard(self):
        parts = {each.part for each in doctor.doctor()}
        assert {"python", "home", "database", "web", "scheduler", "runner", "run folders", "git"} <= parts


class TestCommand:
    @pytest.mark.parametrize(("state", "code"), [("ok", None), ("warn", None), ("fail", 1)])
    def test_exit_code_tells_whether_something_is_wrong(self, looks, state, code):
        doctor.looks_at("part")(lambda: Finding("part", state, "as it is", "Do this."))
        out = StringIO()
        try:
            call_command("doctor", stdout=out)
            left_with = None
        except SystemExit as end:
            left_with = end.code
        assert left_with == code
        assert "as it is" in out.getvalue()
        assert "-> Do this." in out.getvalue()

    def test_json_is_for_programs(self, looks):
        doctor.looks_at("part")(lambda: Finding("part", "warn", "tired", "Let it rest."))
        out = StringIO()
        call_command("doctor", "--json", stdout=out)
        assert json.loads(out.getvalue()) == [
            {"part": "part", "state": "warn", "text": "tired", "hint": "Let it rest."}
        ]


class TestParts:
    def test_home_is_named_with_its_free_space(self, settings, tmp_path):
        settings.PAPERCLIP_HOME = tmp_path
        finding = doctor.look_at_home()
        assert str(tmp_path) in finding.text
        assert "GiB free" in finding.text
        assert list(tmp_path.iterdir()) == []

    def test_full_disk_fails(self, settings, tmp_path, monkeypatch):
        settings.PAPERCLIP_HOME = tmp_path
        monkeypatch.setattr(doctor, "TOO_FEW_BYTES", 1 << 62)
        assert doctor.look_at_home().state == "fail"

    def test_missing_home_fails(self, settings, tmp_path):
        settings.PAPERCLIP_HOME = tmp_path / "nowhere"
        assert doctor.look_at_home().state == "fail"

    @pytest.mark.parametrize(
        ("mode", "state"), [(0o600, "ok"), (0o400, "ok"), (0o640, "fail"), (0o604, "fail")]
    )
    def test_secret_key_must_be_for_its_owner_only(self, settings, tmp_path, mode, state):
        settings.PAPERCLIP_HOME = tmp_path
        (tmp_path / "secret.key").write_text("hunter2")
        (tmp_path / "secret.key").chmod(mode)
        finding = doctor.look_at_secret_key()
        assert finding.state == state
        assert "hunter2" not in repr(finding)

    def test_packages_other_than_pinned_are_named(self, tmp_path):
        (tmp_path / "requirements.txt").write_text(
            "Django==1.0\nno-such-package==2\npsycopg[binary,pool]==0.1\n# x\n"
        )
        wrong = doctor._wrong_packages(tmp_path / "requirements.txt")
        assert [each.split()[0] for each in wrong] == ["Django", "no-such-package", "psycopg"]

    @pytest.mark.django_db
    def test_database_is_named_with_version_and_size(self):
        finding = doctor.look_at_database()
        assert finding.state == "ok", finding
        assert "PostgreSQL 18." in finding.text
        assert "all migrations applied" in finding.text

    @pytest.mark.django_db
    def test_missing_migrations_fail(self, monkeypatch):
        monkeypatch.setattr(doctor, "_missing_migrations", lambda: 3)
        assert doctor.look_at_database().state == "fail"

    def test_embedded_server_is_looked_at_and_not_started(self, settings, tmp_path):
        settings.EMBEDDED_POSTGRES = True
        settings.PAPERCLIP_HOME = tmp_path
        finding = doctor.look_at_database()
        assert finding.state == "warn"
        assert "no data folder yet" in finding.text
        assert not postgres.lives(tmp_path)
        assert list(tmp_path.iterdir()) == []

    def test_web_that_answers_is_fine(self, answering):
        assert doctor.look_at_web().state == "ok"

    @pytest.mark.parametrize(
        ("status", "body", "text"),
        [(503, b'{"error": "database"}', "answers 503"), (200, b"<html>", "another program answers")],
    )
    def test_web_that_answers_badly_fails(self, answering, status, body, text):
        answering.status, answering.body = status, body
        finding = doctor.look_at_web()
        assert finding.state == "fail"
        assert text in finding.text

    def test_web_that_does_not_answer_is_told_how_to_start(self, settings):
        settings.PORT = 1
        finding = doctor.look_at_web()
        assert (finding.state, "manage.py up" in finding.hint) == ("warn", True)

    @pytest.mark.parametrize(
        ("age", "state"), [("None", "warn"), ("3", "ok"), ("179", "ok"), ("10000", "warn")]
    )
    def test_scheduler_is_judged_by_its_last_tick(self, settings, monkeypatch, age, state):
        monkeypatch.setattr(doctor, "import_string", lambda path: lambda: eval(age))
        assert doctor.look_at_scheduler().state == state

    def test_missing_git_fails(self, monkeypatch):
        monkeypatch.setenv("PATH", "/nowhere")
        assert doctor.look_at_git().state == "fail"

    @pytest.mark.parametrize(
        ("address", "state"),
        [("http://localhost:3100", "ok"), ("https://example.org", "ok"), ("http://example.org", "warn")],
    )
    def test_unencrypted_public_address_is_a_warning(self, settings, address, state):
        settings.PAPERCLIP_PUBLIC_URL = address
        assert doctor.look_at_public_address().state == state

    @pytest.mark.parametrize(
        ("seconds", "words"),
        [
            (3, "3 seconds"),
            (119, "119 seconds"),
            (180, "3 minutes"),
            (7_200, "2 hours"),
            (864_000, "10 days"),
        ],
    )
    def test_ages_are_said_in_words(self, seconds, words):
        assert doctor._duration(seconds) == words
