"""Makes the virtual environment of this checkout and keeps it in step with a requirements file.

Run as `python script/install.py requirements.txt`; prints the path of the environment's Python. It lies in
`.venv`, or where PAPERCLIP_VENV says. Standard library only; words for people go to standard error.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(requirements: str) -> None:
    folder = Path(os.environ.get("PAPERCLIP_VENV") or ROOT / ".venv").absolute()
    python = folder / "bin" / "python"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".installing").open("w") as lock:
            # Two starts at once in a fresh checkout: the second waits for the first.
            fcntl.flock(lock, fcntl.LOCK_EX)
            _make(folder, python)
            _install(folder, python, requirements)
    except OSError as error:
        sys.exit(f"{folder} cannot be used ({error.strerror}): set PAPERCLIP_VENV to a folder of your own.")
    print(python)  # noqa: T201 - the answer


def _make(folder: Path, python: Path) -> None:
    if python.exists() and _quietly(python, "-c", "import pip"):
        return
    version = ".".join(map(str, sys.version_info[:3]))
    if importlib.util.find_spec("ensurepip") is None:
        sys.exit(f"Python {version} is here without its venv module. On Debian: apt-get install python3-venv")
    _say(f"making {folder} with Python {version}")
    # Not cleared, as our own lock lies in it; but what an older Python had installed does not count.
    for stamp in folder.glob(".installed-*"):
        stamp.unlink()
    venv.create(folder, with_pip=True, symlinks=True)


def _install(folder: Path, python: Path, requirements: str) -> None:
    texts = b"".join(path.read_bytes() for path in sorted(ROOT.glob("requirements*.txt")))
    wanted = hashlib.sha256(texts).hexdigest()
    stamp = folder / f".installed-{requirements}"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    _say(f"installing {requirements}")
    pip: list[str | Path] = [
        python,
        "-m",
        "pip",
        "install",
        "-qq",
        "--disable-pip-version-check",
        "--requirement",
        ROOT / requirements,
    ]
    if subprocess.run(pip, stdout=sys.stderr, check=False).returncode:
        sys.exit(f"The packages of {requirements} could not be installed; what pip said is above.")
    stamp.write_text(wanted)


def _quietly(python: Path, *arguments: str) -> bool:
    return subprocess.run([python, *arguments], capture_output=True, check=False).returncode == 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - for the person at the terminal


if __name__ == "__main__":
    main(sys.argv[1])
