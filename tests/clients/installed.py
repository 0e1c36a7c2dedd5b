"""The reference's own clients, installed from the npm registry and run as they are: nothing of them is read."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
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

    @property
    def is_new(self) -> bool:
        return self.version == "new"

    def run(self, *arguments: Any, stdin: str | None = None) -> Ran:
        """Run a command to its end, whatever that is."""
        command = tuple(str(argument) for argument in arguments)
        done = subprocess.run(
            ["node", str(self.program), *command],
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), "NO_COLOR": "1", **self.environment},
            cwd=self.home,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
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
        return Cli(self.program, self.version, self.home, self.environment | environment)


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
