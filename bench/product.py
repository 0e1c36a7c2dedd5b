"""The product as people run it, `manage.py up`, in a temporary home with an embedded PostgreSQL of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 120


@dataclass(frozen=True)
class Product:
    """The running product: `up` is the process that everything but the database descends from."""

    home: Path
    port: int
    up: subprocess.Popen[bytes]

    def processes(self) -> dict[int, str]:
        """Return every process of the product with its command line: the parts, and the database's."""
        children: dict[int, list[int]] = {}
        names: dict[int, str] = {}
        for pid in (int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit()):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                stat = Path(f"/proc/{pid}/stat").read_text()
                children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(pid)
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                names[pid] = b" ".join(words).decode(errors="replace").strip()
        found: list[int] = []
        waiting = [self.up.pid, self.postmaster()]
        while waiting:
            pid = waiting.pop()
            if pid in names:
                found.append(pid)
            waiting += children.get(pid, [])
        return {pid: names[pid] for pid in found}

    def postmaster(self) -> int:
        """Return the main process of the embedded database server."""
        return int((self.home / "postgres" / "data" / "postmaster.pid").read_text().split()[0])


@contextlib.contextmanager
def running() -> Iterator[Product]:
    """Start the product, point this process's own Django settings at its database, and take all down at the end.

    Must be entered before Django's settings are read. On failure the log of the product is printed.
    """
    home = Path(tempfile.mkdtemp(prefix="paperclip-bench-"))
    port = _free_port()
    _point_settings_at(home, port)
    log = home / "up.log"
    with log.open("wb") as output:
        command = [sys.executable, str(ROOT / "manage.py"), "up"]
        up = subprocess.Popen(
            command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        wait_for(lambda: _answers(port, up), seconds=START_SECONDS, what="the product to answer")
        yield Product(home, port, up)
    except BaseException:
        print(log.read_text(errors="replace")[-4000:], file=sys.stderr)
        raise
    finally:
        up.send_signal(signal.SIGTERM)
        up.wait(60)
        shutil.rmtree(home, ignore_errors=True)


def wait_for(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Return when `condition` holds. Raises TimeoutError when it does not within `seconds`."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(0.02)


def _point_settings_at(home: Path, port: int) -> None:
    for name in [name for name in os.environ if name.startswith("PAPERCLIP_")]:
        del os.environ[name]
    os.environ["DATABASE_URL"] = ""  # set, though empty: a .env file must not name another database
    os.environ["PAPERCLIP_HOME"] = str(home)
    os.environ["PORT"] = str(port)
    os.environ["DJANGO_SETTINGS_MODULE"] = "paperclip.settings"


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _answers(port: int, up: subprocess.Popen[bytes]) -> bool:
    if up.poll() is not None:
        raise RuntimeError("the product has ended; its log follows")
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
