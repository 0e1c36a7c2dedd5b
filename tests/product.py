"""The product as real processes, on a home and a database of their own: for tests that kill parts of it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

import environ
import psycopg
import pytest
from django.conf import settings
from django.db import connections

from paperclip.core import postgres

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = "template_migrated"
_Value = TypeVar("_Value")


def wait_for(condition: Callable[[], _Value], *, seconds: float, what: str) -> _Value:
    """Return the first true value of `condition`; fail the test when there is none within `seconds`."""
    until = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > until:
            pytest.fail(f"waited {seconds:g} s in vain for {what}; last seen: {value!r}")
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def database_url(name: str) -> str:
    """The address of database `name` on the test run's server."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(parts._replace(path=f"/{name}"))


def _admin(statement: str) -> None:
    with psycopg.connect(database_url("postgres"), autocommit=True) as connection:
        connection.execute(statement)


class Product:
    """Parts of the product, started and killed at will. Django in this process looks at its database too."""

    def __init__(self, home: Path, database_url: str) -> None:
        self.home = home
        self.database_url = database_url
        self.port = free_port()
        self.parts: dict[str, subprocess.Popen[bytes]] = {}
        self.logs: list[Path] = []

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "DATABASE_URL": self.database_url,
            "PAPERCLIP_HOME": str(self.home),
            "PORT": str(self.port),
            "PAPERCLIP_LOG_LEVEL": "INFO",
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, part: str, *arguments: str, **extra: str) -> subprocess.Popen[bytes]:
        """Start `manage.py <part>`; its output goes to a file beside the home."""
        log = self.home.parent / f"{part}-{len(self.logs)}.log"
        self.logs.append(log)
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, str(ROOT / "manage.py"), part, *arguments],
                env={**self.environment, **extra},
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.parts[part] = process
        if part == "web":
            wait_for(self.answers, seconds=30, what="the web part to answer")
        return process

    def manage(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run a command of `manage.py` to its end."""
        return subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env={**self.environment, **extra},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/api/health", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def kill(self, part: str) -> None:
        """`kill -9` of a part with all its processes, as an out-of-memory killer or a power cut would."""
        process = self.parts.pop(part)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        for part in list(self.parts):
            self.kill(part)

    def said(self) -> str:
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')}" for log in self.logs)


@contextlib.contextmanager
def running(tmp_path: Path) -> Iterator[Product]:
    """Give a product with a fresh database, and point Django at that database."""
    with (
        copy_of_template(f"product_{uuid.uuid4().hex[:12]}") as name,
        looking_at(database_url(name), tmp_path / "home"),
    ):
        product = Product(tmp_path / "home", database_url(name))
        try:
            yield product
        finally:
            product.stop()
            _kill_agents(product.home)


@contextlib.contextmanager
def with_own_server(tmp_path: Path) -> Iterator[Product]:
    """Give a product whose PostgreSQL belongs to it alone, to be stopped and started."""
    postgres.start(tmp_path, durable=False)
    url = postgres.url(tmp_path)
    try:
        migrate(url)
        with looking_at(url, tmp_path / "home"):
            product = Product(tmp_path / "home", url)
            try:
                yield product
            finally:
                product.stop()
                _kill_agents(product.home)
    finally:
        postgres.stop(tmp_path)


@contextlib.contextmanager
def looking_at(url: str, home: Path) -> Iterator[None]:
    """Point Django in this process at another database and home."""
    settings_dict = connections["default"].settings_dict
    before, runs_root = dict(settings_dict), settings.RUNS_ROOT
    connections.close_all()
    settings_dict.update(
        {key: value for key, value in environ.Env.db_url_config(url).items() if key != "OPTIONS"}
    )
    settings_dict["OPTIONS"] = {**before["OPTIONS"], **environ.Env.db_url_config(url).get("OPTIONS", {})}
    settings.RUNS_ROOT = home / "runs"
    try:
        yield
    finally:
        connections.close_all()
        settings_dict.clear()
        settings_dict.update(before)
        settings.RUNS_ROOT = runs_root


def _kill_agents(home: Path) -> None:
    """End the shims a killed runner left behind, and with them their programs."""
    subprocess.run(["pkill", "-TERM", "-f", str(home / "runs")], check=False)


def migrated_template() -> str:
    """Return the name of the migrated database to copy from; of all test processes the first makes it."""
    home = Path(os.environ["PAPERCLIP_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    with (home / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "template.made").exists():
            _admin(f'CREATE DATABASE "{TEMPLATE}"')
            migrate(database_url(TEMPLATE))
            (home / "template.made").touch()
    return TEMPLATE


@contextlib.contextmanager
def copy_of_template(name: str) -> Iterator[str]:
    """Give database `name`, made from the migrated one, and take it away again."""
    admin = f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'
    _admin(admin)
    _admin(f'CREATE DATABASE "{name}" TEMPLATE "{migrated_template()}"')
    try:
        yield name
    finally:
        _admin(admin)


def migrate(url: str) -> None:
    command = [sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity", "0"]
    subprocess.run(command, env={**os.environ, "DATABASE_URL": url}, cwd=ROOT, check=True)
