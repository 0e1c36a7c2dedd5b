"""`manage.py up` as a person meets it: from an empty home until it is stopped or killed."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from paperclip.core import postgres
from tests.product import ROOT, free_port, wait_for

STARTED_SECONDS = 90
STOPPED_SECONDS = 15


class Up:
    """One `manage.py` process and all it has said."""

    def __init__(self, home: Path, *arguments: str, **extra: str) -> None:
        keep = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PAPERCLIP_", "PYTEST_"))
        }
        for name in ("DATABASE_URL", "PORT"):
            keep.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env={**keep, "PAPERCLIP_HOME": str(home), **extra},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.said += line

    def wait_until_said(self, pattern: str) -> re.Match[str]:
        return wait_for(lambda: re.search(pattern, self.said), seconds=STARTED_SECONDS, what=pattern)

    def pid(self, part: str) -> int:
        """The process of a part that was started last."""
        self.wait_until_said(rf"{part} started, process \d+")
        return int(re.findall(rf"{part} started, process (\d+)", self.said)[-1])

    def end(self, seconds: float = STARTED_SECONDS) -> int:
        """The exit code, once the process has ended by itself."""
        code = self.process.wait(timeout=seconds)
        self._reader.join()
        self.process.stdout.close()
        return code


@pytest.fixture
def home() -> Iterator[Path]:
    # Not tmp_path: the database's own account must pass through, and pytest closes its folders again.
    folder = Path(tempfile.mkdtemp(prefix="paperclip-up-"))
    folder.chmod(0o755)
    yield folder / "home"
    postgres.stop(folder / "home")
    shutil.rmtree(folder)


@pytest.fixture
def manage(home):
    started: list[Up] = []

    def start(*arguments: str, **extra: str) -> Up:
        started.append(Up(home, *arguments, **extra))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.send_signal(signal.SIGTERM)
            each.end()


def healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def answers_again(port: int) -> None:
    wait_for(lambda: healthy(port), seconds=STARTED_SECONDS, what="/api/health")


def test_empty_home_becomes_a_running_product_and_stops_cleanly(manage, home):
    port = free_port()
    up = manage("up", "--port", str(port))
    answers_again(port)
    link = up.wait_until_said(rf"Board +(http://localhost:{port}/sign-in/\S+)")[1]
    with urllib.request.urlopen(link.replace("localhost", "127.0.0.1"), timeout=5) as page:
        assert page.status == 200
    for words in (f"API +http://localhost:{port}/api", f"Home +{home}", "Stop +Ctrl-C"):
        up.wait_until_said(words)
    parts = [up.pid(name) for name in ("web", "scheduler", "runner")]

    began = time.monotonic()
    up.process.send_signal(signal.SIGTERM)
    assert up.end() == 0, up.said
    assert time.monotonic() - began < STOPPED_SECONDS
    assert not any(psutil.pid_exists(pid) for pid in parts)
    assert not postgres.lives(home)
    assert not healthy(port)


def test_second_up_on_a_home_is_refused_and_harms_nothing(manage, home):
    port = free_port()
    first = manage("up", "--no-runner", "--no-scheduler", PORT=str(port))
    answers_again(port)
    second = manage("up", PORT=str(free_port()))
    assert second.end() == 1
    assert f"`up` already runs on {home} (process {first.process.pid})" in second.said
    assert healthy(port)


def test_taken_port_is_named_before_anything_starts(manage, home):
    port = free_port()
    with free_listener(port):
        up = manage("up", PORT=str(port))
        assert up.end() == 1
    assert f"Port {port} on 127.0.0.1 is taken" in up.said
    assert f"PORT={port + 1}" in up.said
    assert not (home / "postgres").exists()


def test_product_comes_back_from_kills_of_its_parts_its_database_and_itself(manage, home):
    port = free_port()
    up = manage("up", PORT=str(port))
    answers_again(port)

    web = up.pid("web")
    os.kill(web, signal.SIGKILL)
    up.wait_until_said(r"web ended \(signal SIGKILL\) .* starts again in 0\.5 s")
    answers_again(port)
    assert up.pid("web") != web

    os.kill(postgres.status(home).pid, signal.SIGKILL)
    up.wait_until_said("the database server had ended; it runs again")
    answers_again(port)

    up.process.kill()
    up.end()
    again = manage("up", PORT=str(port))
    answers_again(port)
    again.process.send_signal(signal.SIGINT)
    assert again.end() == 0, again.said


def test_drained_runner_is_left_to_rest_and_starts_again_when_it_may(manage, home):
    up = manage("up", "--no-scheduler", PORT=str(free_port()))
    first = up.pid("runner")
    up.wait_until_said(r"runner +\| INFO .*capacity")

    drained = manage("runner", "--drain")
    assert drained.end() == 0, drained.said
    up.wait_until_said(r"up +\| runner \S+ is drained and rests")
    doctor = manage("doctor")
    doctor.end()
    assert re.search(r"runner +\S+ is drained", doctor.said), doctor.said
    assert up.pid("runner") == first, "it is not started while it rests"

    assert manage("runner", "--take-work").end() == 0
    wait_for(
        lambda: up.pid("runner") != first, seconds=STARTED_SECONDS, what="the runner to be started again"
    )
    up.process.send_signal(signal.SIGTERM)
    assert up.end() == 0, up.said


def test_port_taken_while_running_is_waited_for(manage, home):
    port = free_port()
    up = manage("up", "--no-runner", "--no-scheduler", PORT=str(port))
    answers_again(port)
    os.kill(up.process.pid, signal.SIGSTOP)
    os.killpg(up.pid("web"), signal.SIGKILL)
    with free_listener(port):
        os.kill(up.process.pid, signal.SIGCONT)
        up.wait_until_said(rf"web +\| CommandError: Port {port} on 127.0.0.1 is taken")
        up.wait_until_said(r"web ended \(exit code 1\) .* starts again in 1 s")
    answers_again(port)


def test_home_that_cannot_hold_the_database_is_said_in_a_sentence(manage, home):
    home.mkdir()
    (home / "postgres").write_text("in the way")
    up = manage("up", PORT=str(free_port()))
    assert up.end() == 1
    assert "Traceback" not in up.said
    assert str(home / "postgres") in up.said


class TestOneOffCommands:
    def test_command_that_needs_the_database_starts_it_and_leaves_it(self, manage, home):
        command = manage("showmigrations", "--plan")
        assert command.end() == 0, command.said
        assert "companies.0001_initial" in command.said
        assert postgres.lives(home)

    @pytest.mark.parametrize("arguments", [("migrate", "--help"), ("check",), ("doctor",)], ids=" ".join)
    def test_command_that_does_not_need_it_starts_nothing(self, manage, home, arguments):
        command = manage(*arguments, PORT=str(free_port()))
        assert command.end() == 0, command.said
        assert not postgres.lives(home)

    def test_home_that_cannot_be_made_is_said_in_a_sentence(self, manage, home):
        home.write_text("a file in the way")
        command = manage("showmigrations")
        assert command.end() == 1
        assert "Traceback" not in command.said
        assert str(home) in command.said
        home.unlink()


def free_listener(port: int):
    """Somebody else's program on the port, which the dying server may hold for a moment yet."""
    import socket

    def listen() -> socket.socket | None:
        try:
            return socket.create_server(("127.0.0.1", port))
        except OSError:
            return None

    return wait_for(listen, seconds=5, what=f"port {port}")
