"""The agents' own programs, installed from the npm registry below the home of the test run."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

from tests.clients.installed import _NO_WAY

PACKAGES = Path(__file__).parent / "npm"
_SKIPPED = "CLAUDE CODE ITSELF WAS NOT TRIED: "


def claude() -> Path:
    """Install Claude Code once for all test processes and return its program; skip the test where that cannot be."""
    folder = settings.PAPERCLIP_HOME / "agent-programs"
    if shutil.which("npm") is None:
        pytest.skip(f"{_SKIPPED}there is no npm here")
    with (settings.PAPERCLIP_HOME / "agent-programs.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            shutil.copytree(PACKAGES, folder, dirs_exist_ok=True)
            _install_into(folder)
            (folder / "made").touch()
    # The program of this platform is a package of its own beside the one that names it.
    found = sorted((folder / "node_modules" / "@anthropic-ai").glob("claude-code-*/claude"))
    if not found:
        pytest.skip(f"{_SKIPPED}there is none for this platform")
    return found[0]


def _install_into(folder: Path) -> None:
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode and any(word in done.stderr for word in _NO_WAY):
        pytest.skip(f"{_SKIPPED}the npm registry cannot be reached")
    assert done.returncode == 0, done.stderr
