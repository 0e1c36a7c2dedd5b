import contextlib
import json
import os
import select
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from heartbeat.runner import nursery, rundir, shim

REPOSITORY = Path(__file__).parents[3]


class Forks:
    """Starts shims by a nursery, and keeps what tells of their end."""

    def __init__(self, runs):
        self.runs = runs
        self.nursery = nursery.Nursery(runs.root)

    @property
    def process(self):
        return self.nursery._process

    def launch(self, directory):
        return rundir.start_shim_by(self.nursery.launch, directory)

    def start(self, argv, **options):
        directory = self.runs.create(argv, **options)
        pidfd = self.launch(directory)
        self.runs.until(lambda: directory.read_started() or directory.read_exit())
        return directory, pidfd


@pytest.fixture
def forks(runs):
    made = Forks(runs)
    yield made
    made.nursery.close()


def shim_pid(directory):
    return json.loads((directory.path / shim.PID_FILE).read_text())["pid"]


def children(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def ended(pidfd, seconds=10):
    return bool(select.select([pidfd], [], [], seconds)[0])


def test_a_forked_shim_does_what_one_by_itself_does(forks, runs):
    directory, pidfd = forks.start(["/bin/sh", "-c", "echo out; echo err >&2; exit 3"])
    end = runs.finish(directory)
    assert ended(pidfd)
    assert (end.exit_code, end.error, runs.text(directory), runs.text(directory, "stderr")) == (
        3,
        None,
        "out\n",
        "err\n",
    )
    assert not directory.is_alive()
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.path.iterdir()} == {0o600}
    assert (directory.path / shim.SHIM_ERRORS_FILE).read_text() == ""


def test_one_process_starts_all_shims_and_none_stays_behind_as_a_zombie(forks, runs):
    started = [forks.start(["/bin/true"]) for _ in range(5)]
    first = forks.process.pid
    assert all(ended(pidfd) for _, pidfd in started)
    assert forks.process.pid == first
    runs.until(lambda: children(first) == [])


def test_threads_may_start_shims_at_once(forks, runs):
    directories = [runs.create(["echo", str(number)]) for number in range(12)]
    threads = [threading.Thread(target=forks.launch, args=[each]) for each in directories]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    said = [(runs.finish(each).exit_code, runs.text(each)) for each in directories]
    assert said == [(0, f"{number}\n") for number in range(12)]


def test_a_forked_shim_knows_nothing_of_the_runners_environment(forks, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "geheim")
    directory, _ = forks.start(["sleep", "1000"])
    assert b"geheim" not in Path(f"/proc/{shim_pid(directory)}/environ").read_bytes()
    directory.request_cancel("end")


def test_a_forked_shim_is_cancelled_and_no_other(forks, runs):
    one, _ = forks.start(["sleep", "1000"])
    other, _ = forks.start(["sleep", "1000"])
    assert one.request_cancel("enough") is True
    assert runs.finish(one).cancelled
    assert other.is_alive()
    (one.path / shim.PID_FILE).write_text((other.path / shim.PID_FILE).read_text())
    assert one.request_cancel("again") is False, "the pid it names is another run's shim"
    assert other.read_exit() is None
    other.request_cancel("end")


def test_a_killed_shim_is_seen_dead_at_once(forks, runs):
    directory, pidfd = forks.start(["sleep", "1000"])
    os.kill(shim_pid(directory), signal.SIGKILL)
    assert ended(pidfd)
    assert not directory.is_alive(), "no copy of its lock is left anywhere"
    assert directory.kill_leftovers() == 1


def test_shims_survive_their_nursery_and_the_next_one_is_started_when_needed(forks, runs, tmp_path):
    script = f"until [ -e {tmp_path}/go ]; do sleep 0.02; done; echo done"
    directory, pidfd = forks.start(["/bin/sh", "-c", script])
    first = forks.process.pid
    forks.process.kill()
    forks.process.wait()
    assert directory.is_alive()
    other, _ = forks.start(["/bin/true"])
    assert runs.finish(other).exit_code == 0
    assert forks.process.pid != first
    (tmp_path / "go").touch()
    assert (runs.finish(directory).exit_code, runs.text(directory)) == (0, "done\n")
    assert ended(pidfd)


def test_a_nursery_that_dies_over_a_request_leaves_the_answer_to_the_lock(forks, runs):
    forks.start(["/bin/true"])
    directory = runs.create(["/bin/true"])
    forks.process.send_signal(signal.SIGSTOP)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(forks.launch(directory)))
    thread.start()
    runs.until(directory.was_started)
    forks.process.kill()
    thread.join(10)
    assert answers == [None]
    assert (directory.was_started(), directory.is_alive(), directory.read_exit()) == (True, False, None)


def test_a_nursery_without_room_for_a_process_says_so(forks, runs, monkeypatch):
    monkeypatch.setattr(nursery.Nursery, "_receive", lambda self: (shim.REFUSED + b"11", []))
    directory = runs.create(["/bin/true"])
    with pytest.raises(BlockingIOError):
        forks.launch(directory)
    assert not directory.was_started()


def test_the_nursery_ends_with_its_runner_and_the_run_goes_on(runs, tmp_path):
    directory = runs.create(["/bin/sh", "-c", f"until [ -e {tmp_path}/go ]; do sleep 0.02; done; echo done"])
    parent = (
        "import signal, sys; from pathlib import Path; from heartbeat.runner import nursery, rundir\n"
        "made = nursery.Nursery(Path(sys.argv[1]).parent)\n"
        "rundir.start_shim_by(made.launch, rundir.RunDir(Path(sys.argv[1])))\n"
        "print(made._process.pid, flush=True); signal.pause()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", parent, directory.path],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        nursery_pid = int(process.stdout.readline())
        os.killpg(process.pid, signal.SIGKILL)
    runs.until(lambda: not _lives(nursery_pid))
    assert directory.is_alive()
    (tmp_path / "go").touch()
    assert (runs.finish(directory).exit_code, runs.text(directory)) == (0, "done\n")


def _lives(pid):
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
