import contextlib
import json
import os
import signal
import sys
import time
import uuid

import pytest

from heartbeat.runner import records, rundir, shim


class Runs:
    """Starts real programs under real shims and leaves none behind."""

    def __init__(self, root):
        self.root = root
        self.processes = []
        self.pids = []

    def create(self, argv, *, env=None, root=None, **changes):
        run_id = str(uuid.uuid4())
        fields = {
            "run_id": run_id,
            "argv": tuple(argv),
            "cwd": "/",
            "stdin": None,
            "timeout_sec": 0,
            "grace_sec": 1,
            "max_log_bytes": 1 << 20,
            "adapter_type": "process",
            "claim_token": "token",
        }
        spec = records.Spec(**{**fields, **changes})
        env = {"PATH": os.environ["PATH"]} if env is None else env
        return rundir.create(root or self.root, run_id, spec, env)

    def launch(self, directory):
        """Start the shim of a directory that exists."""
        process = rundir.start_shim(directory)
        self.processes.append((directory, process))
        return process

    def start(self, argv, **options):
        """Start a program and return once it runs, or could not be started."""
        directory = self.create(argv, **options)
        self.launch(directory)
        self.until(lambda: directory.read_started() or directory.read_exit())
        return directory

    def finish(self, directory, seconds=20):
        """Wait for the end of a run and return it."""
        return self.until(directory.read_exit, seconds)

    def run(self, argv, **options):
        directory = self.start(argv, **options)
        return directory, self.finish(directory)

    def python(self, code, *arguments, **options):
        return self.start([sys.executable, "-c", code, *arguments], **options)

    def shim_of(self, directory):
        return next(process for each, process in self.processes if each is directory)

    @staticmethod
    def until(condition, seconds=10):
        """Wait until a condition holds and return its value; fail the test at the deadline."""
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            assert time.monotonic() < deadline, "the awaited condition did not come about"
            time.sleep(0.005)
        return value

    @staticmethod
    def entries(directory):
        with open(directory.path / shim.LOG_FILE, encoding="utf-8", newline="\n") as file:
            return [json.loads(line) for line in file]

    def text(self, directory, stream="stdout"):
        return "".join(entry["chunk"] for entry in self.entries(directory) if entry["stream"] == stream)

    def number_from(self, directory):
        """Wait for a program to print a pid, remember it for the clean-up, and return it."""
        self.until(lambda: directory.log_stat() and self.text(directory).strip())
        pid = int(self.text(directory).split()[0])
        self.pids.append(pid)
        return pid

    @staticmethod
    def runs_still(pid):
        try:
            with open(f"/proc/{pid}/stat") as file:
                return file.read().rpartition(") ")[2][0] not in "ZX"
        except (FileNotFoundError, ProcessLookupError):
            return False

    def close(self):
        for directory, process in self.processes:
            started = directory.path / shim.STARTED_FILE
            if process.poll() is None:
                process.kill()
                with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                    os.killpg(json.loads(started.read_text())["pid"], signal.SIGKILL)
            process.wait()
        for pid in self.pids:
            if self.runs_still(pid):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def runs(tmp_path):
    runs = Runs(tmp_path / "runs")
    yield runs
    runs.close()
