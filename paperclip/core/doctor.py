"""What state every part is in, and how to mend it.

A part is one function that returns a `Finding`; an app adds its own in a module `doctor`, which is found in
every installed app. Looking changes nothing: a database that does not run is not started.
"""

from __future__ import annotations

import re
import shutil
import stat
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import urlsplit

import orjson
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.module_loading import autodiscover_modules, import_string

from paperclip.core import postgres, stack

State = Literal["ok", "warn", "fail"]

OLDEST_PYTHON = (3, 11)
OLDEST_POSTGRES = 140000
# Below this much free disk, a person should know; below the other, PostgreSQL and agents stop soon.
FEW_BYTES = 2 * 1024**3
TOO_FEW_BYTES = 200 * 1024**2
ANSWER_SECONDS = 5


@dataclass(frozen=True)
class Finding:
    """The state of one part in a sentence, and with `hint` what to do about it."""

    part: str
    state: State
    text: str
    hint: str = ""


Look = Callable[[], Finding]
_LookType = TypeVar("_LookType", bound=Look)
_looks: dict[str, Look] = {}


def looks_at(part: str) -> Callable[[_LookType], _LookType]:
    """Register the decorated function as the one that looks at `part`."""

    def register(look: _LookType) -> _LookType:
        _looks[part] = look
        return look

    return register


def doctor() -> list[Finding]:
    """Look at every part, in the order of registration, lowest floor first.

    A look that fails is a finding itself, so that one broken part does not hide the others.
    """
    autodiscover_modules("doctor")
    return [_look_at(part, look) for part, look in _looks.items()]


def findings(*parts: str) -> list[Finding]:
    """Look at the named parts only, in the order given; one that nobody registered is passed over."""
    autodiscover_modules("doctor")
    return [_look_at(part, _looks[part]) for part in parts if part in _looks]


def _look_at(part: str, look: Look) -> Finding:
    try:
        return look()
    except DatabaseError:
        return Finding(
            part, "warn", "cannot be seen: the database does not answer", "Mend the database first."
        )
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a part, the others are looked at
        return Finding(part, "fail", f"cannot be seen: {type(error).__name__}: {error}")


@looks_at("python")
def look_at_python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        return Finding("python", "fail", f"Python {version}", "Paperclip needs Python 3.11 or later.")
    wrong = _wrong_packages(settings.BASE_DIR / "requirements.txt")
    if wrong:
        return Finding(
            "python", "warn", f"Python {version}; {', '.join(wrong)}", "Run pip install -r requirements.txt."
        )
    return Finding("python", "ok", f"Python {version}, packages as in requirements.txt")


def _wrong_packages(requirements: Path) -> list[str]:
    wrong = []
    for name, wanted in re.findall(
        r"^([\w.-]+)(?:\[[\w,]+\])?==(\S+)", requirements.read_text(), re.MULTILINE
    ):
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            found = "missing"
        if found != wanted:
            wrong.append(f"{name} {wanted} wanted, {found}")
    return wrong


@looks_at("home")
def look_at_home() -> Finding:
    home: Path = settings.PAPERCLIP_HOME
    choose = "Make it writable for this user, or choose another PAPERCLIP_HOME."
    if not home.is_dir():
        return Finding("home", "fail", f"{home} is not a folder", choose)
    try:
        (home / ".doctor").write_text("")
        (home / ".doctor").unlink()
    except OSError as error:
        return Finding("home", "fail", f"{home} cannot be written: {error.strerror}", choose)
    # The database may lie on a disk of its own.
    folders = [each for each in (home, home / "postgres") if each.is_dir()]
    free, folder = min((shutil.disk_usage(each).free, each) for each in folders)
    text = f"{folder}, {free / 1024**3:.1f} GiB free"
    if free < TOO_FEW_BYTES:
        return Finding("home", "fail", text, "Free some space: the database and running agents stop without.")
    if free < FEW_BYTES:
        return Finding("home", "warn", text, "Free some space soon, or shorten how long runs are kept.")
    return Finding("home", "ok", text)


@looks_at("secret key")
def look_at_secret_key() -> Finding:
    key: Path = settings.PAPERCLIP_HOME / "secret.key"
    if not key.exists():
        return Finding("secret key", "ok", "from PAPERCLIP_SECRET_KEY")
    mode = stat.S_IMODE(key.stat().st_mode)
    if mode & 0o077:
        return Finding(
            "secret key", "fail", f"{key} can be read by others (mode {mode:o})", f"Run chmod 600 {key}."
        )
    return Finding("secret key", "ok", f"{key}, readable for its owner only")


@looks_at("database")
def look_at_database() -> Finding:
    if settings.EMBEDDED_POSTGRES:
        try:
            status = postgres.status(settings.PAPERCLIP_HOME)
        except postgres.PostgresError as error:
            return Finding("database", "fail", str(error))
        if postgres.lacks_space(settings.PAPERCLIP_HOME):
            return Finding(
                "database",
                "fail",
                f"embedded server: its disk is full; {status.text}",
                "Free some space there: everything goes on by itself.",
            )
        if status.state != "running":
            return Finding("database", "warn", f"embedded server: {status.text}", "`manage.py up` starts it.")
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('server_version_num')::int, pg_database_size(current_database())"
            )
            version, size = cursor.fetchone()
        missing = _missing_migrations()
    except DatabaseError as error:
        return Finding(
            "database",
            "fail",
            f"does not answer: {str(error).strip()}",
            "Check DATABASE_URL and that it runs.",
        )
    where = (
        "embedded" if settings.EMBEDDED_POSTGRES else f"at {connection.settings_dict['HOST'] or 'a socket'}"
    )
    text = f"PostgreSQL {version // 10000}.{version % 10000}, {where}, {size / 1024**2:.0f} MiB"
    if version < OLDEST_POSTGRES:
        return Finding("database", "fail", text, f"PostgreSQL {OLDEST_POSTGRES // 10000} or later is needed.")
    if missing:
        return Finding("database", "fail", f"{text}; {missing} migrations missing", "Run manage.py migrate.")
    return Finding("database", "ok", f"{text}, all migrations applied")


def _missing_migrations() -> int:
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


@looks_at("web")
def look_at_web() -> Finding:
    address = stack.health_url()
    try:
        with urllib.request.urlopen(address, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 - our own address
            said = orjson.loads(answer.read())
    except urllib.error.HTTPError as error:
        return Finding("web", "fail", f"{address} answers {error.code}", "The log of `web` says why.")
    except OSError:
        return Finding("web", "warn", f"nothing answers at {address}", "`manage.py up` starts it.")
    except ValueError:
        return Finding("web", "fail", f"another program answers at {address}", "Choose another PORT.")
    return Finding("web", "ok", f"{address} answers {said.get('status', 'well')!s}")


@looks_at("scheduler")
def look_at_scheduler() -> Finding:
    age: float | None = import_string(settings.LAST_TICK_AGE)()
    if age is None:
        return Finding(
            "scheduler", "warn", "has never worked", "`manage.py up` or `manage.py qcluster` starts it."
        )
    if age > stack.SCHEDULER_SILENT_SECONDS:
        return Finding(
            "scheduler",
            "warn",
            f"last worked {_duration(age)} ago",
            "`manage.py up` or `manage.py qcluster` starts it; its log says what holds it up.",
        )
    return Finding("scheduler", "ok", f"last worked {_duration(age)} ago")


@looks_at("git")
def look_at_git() -> Finding:
    found = shutil.which("git")
    if found is None:
        return Finding("git", "fail", "not found on the PATH", "Install git: workspaces are made with it.")
    return Finding("git", "ok", found)


@looks_at("public address")
def look_at_public_address() -> Finding:
    address = settings.PAPERCLIP_PUBLIC_URL
    parts = urlsplit(address)
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        return Finding(
            "public address",
            "warn",
            f"{address} is not encrypted",
            "Put a proxy with TLS in front and name its https address in PAPERCLIP_PUBLIC_URL.",
        )
    return Finding("public address", "ok", address)


@looks_at("queue")
def look_at_queue() -> Finding:
    if not settings.REDIS_URL:
        return Finding("queue", "ok", "in the database")
    from django_q.brokers import get_broker  # connects, which only this choice of queue needs

    address = urlsplit(settings.REDIS_URL).hostname
    if get_broker().ping():
        return Finding("queue", "ok", f"Redis at {address}")
    return Finding("queue", "fail", f"Redis at {address} does not answer", "Check PAPERCLIP_REDIS_URL.")


def _duration(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
