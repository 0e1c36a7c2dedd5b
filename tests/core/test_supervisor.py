"""The supervisor with small real parts: it restarts, stops, and leaves nothing behind, however it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from paperclip.core import claims, ports, supervisor

ROOT = Path(__file__).resolve().parents[2]

PROLOGUE = """
import os, signal, sys, time
from functools import partial
from pathlib import Path
from paperclip.core import claims, supervisor
from paperclip.core.supervisor import Chore, Part

def sh(name, script, **options):
    return Part(name, partial(os.execvp, "sh", ["sh", "-c", script]), **options)

def stubborn():
    "A part that is no other program, as those of the product, and that does not listen."
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("ready", flush=True)
    time.sleep(60)

def run(*parts, **options):
    supervisor.Supervisor(parts, out=sys.stdout, **options).run()
"""


class Run:
    """A supervisor in a process of its own, and its log as far as it has been read."""

    def __init__(self, script: str, folder: Path) -> None:
        self.folder = folder
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROLOGUE + textwrap.dedent(script)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def until(self, pattern: str) -> re.Match[str]:
        """Read on until a line matches; the test's own deadline is pytest's."""
        while line := self.process.stdout.readline():
            self.lines.append(line.rstrip("\n"))
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"no line like {pattern!r} in:\n" + "\n".join(self.lines))

    def rest(self) -> list[str]:
        """Everything said until the end, which must be near."""
        self.lines += self.process.communicate(timeout=30)[0].splitlines()
        return self.lines

    def pid(self, name: str) -> int:
        return int(self.until(rf"up +\| {name} started, process (\d+)")[1])


@pytest.fixture
def launch(tmp_path):
    runs: list[Run] = []

    def start(script: str) -> Run:
        runs.append(Run(script, tmp_path))
        return runs[-1]

    yield start
    for each in runs:
        if each.process.poll() is None:
            each.process.terminate()
            each.rest()
        each.process.stdout.close()


def until(condition, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def written_pid(path: Path) -> int:
    until(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())


class TestRestart:
    def test_part_that_dies_comes_back_after_growing_pauses(self, launch):
        run = launch("run(sh('broken', 'exit 3'))")
        found = [
            run.until(r"broken ended \((.*)\) after .* s; starts again in (.*) s$").groups() for _ in range(3)
        ]
        assert found == [("exit code 3", "0.5"), ("exit code 3", "1"), ("exit code 3", "2")]

    def test_killed_part_is_named_with_its_signal_and_comes_back(self, launch):
        run = launch("run(sh('steady', 'sleep 60'))")
        first = run.pid("steady")
        os.kill(first, signal.SIGKILL)
        run.until(r"steady ended \(signal SIGKILL\)")
        assert run.pid("steady") != first

    def test_part_that_cannot_be_executed_is_tried_again(self, launch):
        run = launch("run(Part('missing', partial(os.execv, '/nowhere/program', ['program'])))")
        run.until(r"missing +\| FileNotFoundError")
        run.until(r"missing ended \(exit code 1\)")
        run.until("missing started")

    def test_pauses_grow_to_half_a_minute(self):
        assert [supervisor.next_pause(n) for n in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
        assert supervisor.next_pause(10_000) == 30

    def test_part_that_lived_long_enough_starts_over_with_short_pauses(self, launch):
        run = launch("supervisor.STEADY_SECONDS = 0.3\nrun(sh('steady', 'sleep 0.5'))")
        pauses = [run.until(r"starts again in (.*) s$")[1] for _ in range(3)]
        assert pauses == ["0.5", "0.5", "0.5"]

    def test_workers_of_a_dead_part_do_not_linger(self, launch, tmp_path):
        run = launch("run(sh('leader', 'sleep 60 & echo $! > worker; wait'))")
        leader = run.pid("leader")
        worker = written_pid(tmp_path / "worker")
        os.kill(leader, signal.SIGKILL)
        until(lambda: gone(worker))

    def test_part_for_once_is_not_started_again(self, launch):
        assert "up   | once ended (exit code 4)" in launch("run(sh('once', 'exit 4', once=True))").rest()

    @pytest.mark.parametrize(
        ("code", "words"),
        [(0, "exit code 0"), (143, "exit code 143"), (-9, "signal SIGKILL"), (-250, "signal 250")],
    )
    def test_exit_is_described(self, code, words):
        assert supervisor.describe_exit(code) == words


class TestLog:
    def test_lines_carry_the_padded_name_of_their_part(self, launch):
        run = launch(
            "run(sh('a', 'echo one; echo two >&2', once=True), sh('longer', 'echo three', once=True))"
        )
        lines = run.rest()
        assert {"a      | one", "a      | two", "longer | three"} <= set(lines)
        assert all(re.match(r"(a     |longer|up    ) \| ", line) for line in lines)

    def test_odd_output_reaches_the_log(self, launch):
        script = r"printf 'bad \377 byte\r\n\nunfinished'; head -c 200000 /dev/zero | tr '\0' x"
        lines = launch(f"run(sh('odd', {script!r}, once=True))").rest()
        assert "odd | bad \ufffd byte" in lines
        assert "odd | " in lines
        assert sum(line.count("x") for line in lines if line.startswith("odd")) == 200_000

    def test_output_of_python_parts_is_not_held_back(self, launch):
        run = launch(
            """
            sys.stdout.reconfigure(line_buffering=True)
            run(Part('py', lambda: (print('now'), time.sleep(60))))
            """
        )
        run.until(r"py \| now")

    def test_colour_is_for_terminals_only(self, launch):
        assert not any("\x1b" in line for line in launch("run(sh('a', 'echo one', once=True))").rest())

    def test_reader_that_goes_away_ends_everything(self, launch, tmp_path):
        run = launch("run(sh('talker', 'echo $$ > talker; while :; do echo word; sleep 0.05; done'))")
        talker = written_pid(tmp_path / "talker")
        run.process.stdout.close()
        assert run.process.wait(timeout=20) == 0
        assert gone(talker)


class TestStop:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_signal_ends_every_part_and_then_us(self, launch, number):
        run = launch("run(sh('a', 'exec sleep 60'), sh('b', 'exec sleep 60'))")
        run.pid("b")
        run.process.send_signal(number)
        lines = run.rest()
        assert run.process.returncode == 0
        assert {"up | a ended (signal SIGTERM)", "up | b ended (signal SIGTERM)"} <= set(lines)

    def test_only_the_main_process_is_asked(self, launch, tmp_path):
        worker = "trap 'echo asked > asked' TERM; echo ready; while :; do sleep 0.05; done"
        main = f"trap 'sleep 0.5; exit 0' TERM; ( {worker} ) & wait"
        run = launch(f"run(sh('main', {main!r}))")
        run.until("ready")
        run.process.terminate()
        assert "up   | main ended (exit code 0)" in run.rest()
        assert not (tmp_path / "asked").exists()

    def test_part_that_does_not_end_is_killed_with_its_workers(self, launch, tmp_path):
        stubborn = "trap '' TERM; sleep 60 & echo $! > worker; echo ready; wait; sleep 60"
        run = launch(f"run(sh('stubborn', {stubborn!r}), stop_seconds=0.5)")
        run.until("ready")
        run.process.terminate()
        lines = run.rest()
        assert "up       | stubborn does not end; killing it" in lines
        assert "up       | stubborn ended (signal SIGKILL)" in lines
        assert gone(written_pid(tmp_path / "worker"))

    def test_second_signal_kills_at_once(self, launch):
        run = launch(
            """
            stubborn = 'trap "" TERM; echo ready; while :; do sleep 0.1; done'
            run(sh('stubborn', stubborn), stop_seconds=3600)
            """
        )
        run.until("ready")
        run.process.terminate()
        run.until("once more to stop at once")
        run.process.terminate()
        assert "up       | stubborn ended (signal SIGKILL)" in run.rest()

    def test_stop_during_a_pause_does_not_wait_for_it(self, launch):
        run = launch("supervisor.FIRST_PAUSE_SECONDS = 3600\nrun(sh('broken', 'exit 1'))")
        run.until("starts again in")
        run.process.terminate()
        run.rest()
        assert run.process.returncode == 0

    def test_program_in_a_session_of_its_own_goes_on(self, launch, tmp_path):
        run = launch("run(sh('runner', 'setsid sh -c \"echo \\\\$\\\\$ > agent; exec sleep 60\" & wait'))")
        agent = written_pid(tmp_path / "agent")
        run.process.terminate()
        run.rest()
        assert not gone(agent)
        os.kill(agent, signal.SIGKILL)


class TestOurOwnDeath:
    def parts_end(self, run: Run, *pids: int) -> None:
        run.process.kill()
        for pid in pids:
            until(lambda pid=pid: gone(pid))

    def test_parts_end_when_we_are_killed(self, launch):
        run = launch("run(sh('a', 'exec sleep 60'), sh('b', 'exec sleep 60'))")
        self.parts_end(run, run.pid("a"), run.pid("b"))

    def test_parts_that_ignore_the_request_end_as_well(self, launch, tmp_path):
        script = 'trap "" TERM; sleep 60 & echo $! > worker; echo ready; wait'
        run = launch(f"run(sh('other', {script!r}), Part('own', stubborn))")
        other, own = run.pid("other"), run.pid("own")
        run.until("ready")
        run.until("ready")
        self.parts_end(run, other, own, written_pid(tmp_path / "worker"))

    def test_workers_end_even_if_their_main_process_died_with_us(self, launch, tmp_path):
        run = launch("run(sh('leader', 'sleep 60 & echo $! > worker; wait'))")
        leader = run.pid("leader")
        worker = written_pid(tmp_path / "worker")
        os.kill(run.process.pid, signal.SIGSTOP)
        os.kill(leader, signal.SIGKILL)
        self.parts_end(run, worker)

    def test_killed_undertaker_is_replaced(self, launch):
        run = launch("run(sh('a', 'trap \"\" TERM; echo ready; while :; do sleep 0.1; done'))")
        part = run.pid("a")
        run.until("ready")

        def is_one(process: psutil.Process) -> bool:
            try:
                return "undertaker.py" in " ".join(process.cmdline())
            except psutil.NoSuchProcess:  # gone, or dead and not yet collected
                return False

        def undertakers() -> list[psutil.Process]:
            return [child for child in psutil.Process(run.process.pid).children() if is_one(child)]

        (first,) = undertakers()
        first.kill()
        until(lambda: [p for p in undertakers() if p.pid != first.pid])
        self.parts_end(run, part)

    def test_next_claim_waits_until_the_parts_have_ended(self, launch, tmp_path):
        run = launch(
            """
            claimed = claims.take(Path("."), wait_seconds=0, say=print)
            run(Part('stubborn', stubborn), claimed=claimed)
            """
        )
        part = run.pid("stubborn")
        run.until("ready")
        with pytest.raises(claims.AlreadyRunningError, match=f"process {run.process.pid}"):
            claims.take(tmp_path, wait_seconds=0, say=print)
        run.process.kill()
        run.process.wait()
        said: list[str] = []
        claims.take(tmp_path, wait_seconds=20, say=said.append).release()
        assert said == ["waiting for the parts of an earlier `up` to end"]
        assert gone(part)


class TestSilence:
    def test_silent_part_is_restarted(self, launch):
        run = launch(
            """
            supervisor.SILENCE_LOOK_SECONDS = 0.1
            run(sh('mute', 'exec sleep 60', silence=lambda: 5.0, silence_limit_seconds=0.5))
            """
        )
        first = run.pid("mute")
        run.until(r"mute has shown no work for over 0.5 s; ending it")
        run.until(r"mute ended \(signal SIGTERM\)")
        assert run.pid("mute") != first

    @pytest.mark.parametrize("age", ["0.1", "1/0"], ids=["working", "unknown"])
    def test_part_that_works_or_cannot_be_seen_is_left_alone(self, launch, age):
        run = launch(
            f"""
            supervisor.SILENCE_LOOK_SECONDS = 0.05
            def silence():
                with Path("looks").open("a") as file: file.write(".")
                return {age}
            run(sh('part', 'exec sleep 60', silence=silence, silence_limit_seconds=0.3))
            """
        )
        run.pid("part")
        until(lambda: (run.folder / "looks").exists() and len((run.folder / "looks").read_text()) > 12)
        run.process.terminate()
        lines = run.rest()
        assert not any("no work" in line for line in lines)
        complaints = [line for line in lines if "division by zero" in line]
        assert complaints == (["up   | look at part: division by zero"] if age == "1/0" else []), (
            "said once only"
        )

    def test_part_is_never_silent_for_longer_than_it_runs(self, launch):
        run = launch(
            """
            supervisor.SILENCE_LOOK_SECONDS = 0.05
            part = Part('late', partial(os.execvp, 'sleep', ['sleep', '1']), once=True,
                        silence=lambda: None, silence_limit_seconds=30)
            run(part)
            """
        )
        assert "up   | late ended (exit code 0)" in run.rest()


class TestChores:
    def test_chore_runs_when_needed_and_its_words_are_said(self, launch):
        run = launch(
            """
            lost = Path("lost")
            def find():
                lost.unlink()
                print("found it again")
            chore = Chore("search", find, every_seconds=0.05, needed=lost.exists)
            run(sh("loser", "sleep 0.3; touch lost; exec sleep 60"), chores=[chore])
            """
        )
        run.until(r"^up    \| found it again")
        assert not any("found" in line for line in run.lines[:-1])

    def test_chore_for_once_is_tried_until_it_succeeds(self, launch):
        run = launch(
            """
            def greet():
                Path("tried").open("a").write("x")
                if Path("tried").stat().st_size < 3: raise ValueError("not yet")
                print("hello")
            run(sh("part", "exec sleep 60"), chores=[Chore("greeting", greet, every_seconds=0.05, once=True)])
            """
        )
        run.until(r"\| hello")
        run.process.terminate()
        lines = run.rest()
        assert lines.count("up   | greeting: not yet") == 1
        assert lines.count("up   | hello") == 1

    def test_chore_that_hangs_is_killed_and_harms_nobody(self, launch):
        run = launch(
            """
            hang = Chore("hang", partial(time.sleep, 60), every_seconds=60, limit_seconds=0.3)
            run(sh("part", "while :; do echo alive; sleep 0.05; done"), chores=[hang])
            """
        )
        run.until("part .* alive")
        run.until("hang does not end; killing it")
        run.until("part .* alive")


class TestPorts:
    def test_taken_port_is_named_with_the_way_out(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            complaint = ports.complaint("127.0.0.1", port)
        assert complaint.startswith(f"Port {port} on 127.0.0.1 is taken")
        assert f"PORT={port + 1}" in complaint
        assert ports.complaint("127.0.0.1", port) is None

    @pytest.mark.parametrize(
        ("host", "port", "words"),
        [
            ("127.0.0.1", 0, "PORT=0 is not a port number"),
            ("127.0.0.1", 65536, "PORT=65536 is not a port number"),
            ("no.such.host.invalid", 3100, "PAPERCLIP_BIND_HOST=no.such.host.invalid"),
            ("192.0.2.1", 3100, "Cannot listen on 192.0.2.1:3100"),
        ],
    )
    def test_impossible_address_is_named(self, host, port, words):
        assert words in ports.complaint(host, port)


class TestRest:
    SCRIPT = """
        def rests():
            return "there is nothing to do" if Path("rest").exists() else None

        run(sh("worker", "echo at work; sleep 0.1; exit $(cat code)", rests=rests))
    """

    def test_part_that_ended_by_itself_rests_until_it_is_wanted(self, launch, tmp_path):
        (tmp_path / "rest").touch()
        (tmp_path / "code").write_text("0")
        up = launch(self.SCRIPT)
        up.pid("worker")
        up.until(r"up +\| there is nothing to do")
        before = len(up.lines)
        (tmp_path / "rest").unlink()
        up.pid("worker")
        said = "\n".join(up.lines[before:])
        assert said.count("started") == 1, "it was not started while it rested"
        assert "there is nothing to do" not in said, "the reason is said once"

    def test_part_that_fails_is_started_again_whatever_it_says(self, launch, tmp_path):
        (tmp_path / "rest").touch()
        (tmp_path / "code").write_text("3")
        up = launch(self.SCRIPT)
        first = up.pid("worker")
        up.until(r"worker ended \(exit code 3\)")
        assert up.pid("worker") != first

    def test_resting_part_does_not_hold_up_the_end(self, launch, tmp_path):
        (tmp_path / "rest").touch()
        (tmp_path / "code").write_text("0")
        up = launch(self.SCRIPT)
        up.until(r"up +\| there is nothing to do")
        up.process.send_signal(signal.SIGTERM)
        up.rest()
        assert up.process.returncode == 0

    def test_question_that_cannot_be_answered_counts_as_no(self, launch, tmp_path):
        (tmp_path / "code").write_text("0")
        up = launch(self.SCRIPT.replace('return "there', 'raise OSError("no answer"); return "there'))
        up.pid("worker")
        up.until(r"ask after worker: no answer")
        up.pid("worker")
