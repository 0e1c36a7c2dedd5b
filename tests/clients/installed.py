"""The reference's own clients, installed from the npm registry and run as they are: nothing of them is read."""

from __future__ import annotations

import fcntl
import json
import os
import select
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

PACKAGES = Path(__file__).parent / "npm"
# What the registry's own client says when there is no way to the registry.
_NO_WAY = (
    "ENOTFOUND",
    "ECONNREFUSED",
    "ECONNRESET",
    "ETIMEDOUT",
    "EAI_AGAIN",
    "ERR_SOCKET_TIMEOUT",
    "ENETUNREACH",
)
_SECONDS = 60
_MANY = Path(__file__).parent / "many.mjs"
# A process keeps what it has loaded for each command, some 25 MB.
_COMMANDS = 12


@dataclass(frozen=True)
class Ran:
    """One command that has ended."""

    command: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def __str__(self) -> str:
        return f"{' '.join(self.command)}\nexit {self.code}\n{self.out[-1500:]}\n{self.err[-1500:]}"


@dataclass(frozen=True)
class Cli:
    """One version of the command line, with the environment of whoever uses it."""

    program: Path
    version: str
    home: Path
    environment: dict[str, str]
    driver: Driver | None = None

    @property
    def is_new(self) -> bool:
        return self.version == "new"

    def run(self, *arguments: Any) -> Ran:
        """Run a command to its end, whatever that is."""
        command = tuple(str(argument) for argument in arguments)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "NO_COLOR": "1",
            **self.environment,
        }
        if self.driver is not None:
            ended = self.driver.run(command, environment, self.home)
            return Ran((self.version, *command), ended["code"], ended["out"], ended["err"])
        done = subprocess.run(
            ["node", str(self.program), *command],
            env=environment,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        return Ran((self.version, *command), done.returncode, done.stdout, done.stderr)

    def __call__(self, *arguments: Any) -> Any:
        """Run a command that must succeed, and return the JSON it prints."""
        ran = self.run(*arguments, "--json")
        assert ran.code == 0, ran
        return ran.json

    def refused(self, *arguments: Any) -> str:
        """Run a command that must fail, and return what it says."""
        ran = self.run(*arguments)
        assert ran.code == 1, ran
        return ran.err

    def having(self, **environment: str) -> Cli:
        """The same command line in the hands of somebody else."""
        return replace(self, environment=self.environment | environment)

    @property
    def alone(self) -> Cli:
        """The same command line, each command in a process of its own."""
        return replace(self, driver=None)


class Driver:
    """Runs commands of one version in turn, many in one process; a scene has one of its own (`many.mjs`)."""

    def __init__(self, program: Path) -> None:
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._left = 0

    def run(self, command: Sequence[str], environment: Mapping[str, str], cwd: Path) -> dict[str, Any]:
        """Run a command to its end and return its `code`, `out` and `err`."""
        if not self._left:
            self.close()
            self._start()
        self._left -= 1
        request = {"argv": command, "env": environment, "cwd": str(cwd)}
        self._asked.write(json.dumps(request).encode() + b"\n")
        self._asked.flush()
        ready, _, _ = select.select([self._answers], [], [], _SECONDS)
        line = self._answers.readline() if ready else b""
        assert line, f"{' '.join(command)} did not end"
        ended: dict[str, Any] = json.loads(line)
        return ended

    def close(self) -> None:
        """End the process."""
        if self._process is None:
            return
        self._asked.close()
        self._answers.close()
        self._process.kill()
        self._process.wait()
        self._process = None

    def _start(self) -> None:
        (reads, asked), (answers, writes) = os.pipe(), os.pipe()
        # The shell puts the two ends where the script looks for them.
        words = f"exec 3<&{reads} 4>&{writes}; exec node {shlex.quote(str(_MANY))} {shlex.quote(str(self._program))}"
        self._process = subprocess.Popen(
            ["bash", "-c", words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(reads, writes),
        )
        os.close(reads)
        os.close(writes)
        self._asked, self._answers = os.fdopen(asked, "wb"), os.fdopen(answers, "rb")
        self._left = _COMMANDS


def install() -> Path:
    """Install the packages below the home of the test run, once for all its processes.

    The test is skipped where that cannot be done.
    """
    folder = settings.PAPERCLIP_HOME / "clients"
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("THE REFERENCE'S OWN CLIENTS WERE NOT TRIED: there is no npm here")
    with (settings.PAPERCLIP_HOME / "clients.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            shutil.copytree(PACKAGES, folder, dirs_exist_ok=True)
            _install_into(folder)
            (folder / "made").touch()
    return folder / "node_modules"


def _install_into(folder: Path) -> None:
    done = subprocess.run(
        ["npm", "ci", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode and any(word in done.stderr for word in _NO_WAY):
        pytest.skip("THE REFERENCE'S OWN CLIENTS WERE NOT TRIED: the npm registry cannot be reached")
    assert done.returncode == 0, done.stderr
