from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from paperclip.board.demo.voice import Voice

CODE = """\
import os


def area(width, height):
    # TODO: refuse negative numbers
    return width * height  # FIXME(ann) - units
"""
TEST = """\
from shapes import area


def test_area():
    assert area(2, 3) == 6
"""


class Repository:
    """A folder with files, under git from the first commit on."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()

    def write(self, path: str, content: str | bytes) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())

    def git(self, *arguments: str) -> None:
        who = {"GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@example.com"}
        who |= {"GIT_COMMITTER_NAME": "Ann", "GIT_COMMITTER_EMAIL": "ann@example.com"}
        own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        command = ["git", "-C", str(self.root), *arguments]
        subprocess.run(command, check=True, capture_output=True, env=os.environ | who | own)

    def commit(self, message: str = "Change") -> None:
        if not (self.root / ".git").exists():
            self.git("init", "--quiet")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)


@pytest.fixture
def empty(tmp_path):
    return Repository(tmp_path / "repository")


@pytest.fixture
def repository(empty):
    """Seven files of four languages, three commits, a cache that does not count."""
    empty.write("shapes.py", CODE)
    empty.write("README.md", "# Shapes\n\nTODO markers in prose are no promises.\n")
    empty.commit()
    empty.write("tests/test_shapes.py", TEST)
    empty.write("shapes.py", CODE + "\n\nPI = 3\n")
    empty.commit()
    empty.write("web/app.ts", "export const one = 1;\n")
    empty.write("web/app.spec.ts", "it('is one', () => {});\n")
    empty.write("shapes.py", CODE + "\n\nPI = 3.14\n")
    empty.write("logo.png", b"\x89PNG\0\0" + b"\1" * 2000)
    empty.write("empty.txt", "")
    empty.commit()
    empty.write("__pycache__/shapes.pyc", b"\0cached")
    empty.write("env/pyvenv.cfg", "home = /usr\n")
    empty.write("env/lib/site.py", "x = 1\n")
    return empty


@pytest.fixture
def say():
    return Voice()
