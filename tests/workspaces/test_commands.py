"""Programs that are run for a workspace: bounded in time and output, and gone with all they started."""

from __future__ import annotations

import sys
import time

import pytest

from tests.product import wait_for
from workspaces import commands


def run(code, *, seconds=10.0, **options):
    return commands.run(
        [sys.executable, "-I", "-c", code],
        cwd=options.pop("cwd"),
        env=commands.environment(),
        timeout_seconds=seconds,
        **options,
    )


def test_a_program_is_heard_to_its_end(tmp_path):
    heard = []
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    done = run(code, cwd=tmp_path, on_output=lambda *piece: heard.append(piece))
    assert (done.exit_code, done.stdout.text, done.stderr.text) == (3, "out\n", "err\n")
    assert sorted(heard) == [("stderr", b"err\n"), ("stdout", b"out\n")]
    assert not done.is_fine


def test_the_end_of_much_output_is_kept(tmp_path):  # W-57, WC-20
    done = run("print('a' * 400_000 + 'END')", cwd=tmp_path)
    assert (done.stdout.is_truncated, done.stderr.is_truncated) == (True, False)
    assert done.stdout.size == 400_004
    assert done.stdout.text.startswith(commands.TRUNCATED)
    assert done.stdout.text.endswith("aEND\n")
    assert len(done.stdout.tail) == commands.KEPT_BYTES


def test_a_program_that_takes_too_long_is_ended_with_its_children(tmp_path):
    code = "import subprocess; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); p.wait()"
    began = time.monotonic()
    done = run(code, cwd=tmp_path, seconds=1)
    assert (done.timed_out, done.exit_code) == (True, None)
    assert time.monotonic() - began < 8
    child = int(done.stdout.text)
    wait_for(lambda: not runs(child), seconds=5, what="the child to end")


def test_what_is_left_in_the_background_neither_holds_up_nor_stays(tmp_path):
    done = run("import subprocess; p = subprocess.Popen(['sleep', '60']); print(p.pid)", cwd=tmp_path)
    assert done.is_fine
    wait_for(lambda: not runs(int(done.stdout.text)), seconds=5, what="the child to end")


@pytest.mark.parametrize("name", ["DATABASE_URL", "PAPERCLIP_SECRET_KEY", "PGPASSWORD", "GIT_DIR"])
def test_no_key_to_the_house_is_passed_on(monkeypatch, name):  # W-65, WW-14, WC-40
    monkeypatch.setenv(name, "x")
    monkeypatch.setenv("KEPT", "y")
    environment = commands.environment({"PAPERCLIP_WORKSPACE_CWD": "/w"})
    assert name not in environment
    assert (environment["KEPT"], environment["PAPERCLIP_WORKSPACE_CWD"]) == ("y", "/w")


def test_a_shell_that_is_not_there_is_replaced(monkeypatch):  # W-54
    monkeypatch.setenv("SHELL", "/gone/zsh")
    assert commands.shell() == "/bin/sh"
    monkeypatch.setenv("SHELL", "/bin/sh")
    assert commands.shell() == "/bin/sh"


def runs(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(") ")[2][0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
