"""The embedded server and real processes: it outlives them, finds itself again, and says what is wrong."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import environ
import psutil
import psycopg
import pytest

from paperclip.core import postgres, service_account

ROOT = Path(__file__).resolve().parents[2]
AS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not AS_ROOT, reason="only root can act as several users")
START = "import sys; from pathlib import Path; from paperclip.core import postgres; "
START += "postgres.start(Path(sys.argv[1]), durable=False)"


@pytest.fixture
def home():
    # Not tmp_path: pytest closes its folders to other accounts again and again, and the server has its own.
    folder = Path(tempfile.mkdtemp(prefix="paperclip-pg-"))
    folder.chmod(0o755)
    yield folder
    postgres.stop(folder)
    shutil.rmtree(folder)


def python(code: str, *arguments: object, **options: object) -> subprocess.Popen[str]:
    command = [options.pop("executable", sys.executable), "-c", code, *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": ROOT}
    return subprocess.Popen(command, **(pipes | options))


def until(condition, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)


def query(home: Path, statement: str) -> list[tuple]:
    with psycopg.connect(postgres.url(home)) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def main_pid(home: Path) -> int:
    pid = postgres.status(home).pid
    assert pid is not None
    return pid


class TestStarting:
    def test_starters_at_once_end_with_one_server(self, home):
        starters = [python(START, home) for _ in range(4)]
        for starter in starters:
            _, complaint = starter.communicate(timeout=60)
            assert starter.returncode == 0, complaint
        mains = [
            p
            for p in psutil.process_iter(["cmdline"])
            if str(home / "postgres/data") in (p.info["cmdline"] or [])
        ]
        assert [p.pid for p in mains] == [main_pid(home)]
        assert query(home, "SELECT current_database()") == [("paperclip",)]

    def test_server_outlives_kill_of_its_starter(self, home):
        starter = python(START + "; print('up', flush=True); import time; time.sleep(60)", home)
        assert starter.stdout.readline() == "up\n"
        pid = main_pid(home)
        os.killpg(
            os.getpgid(starter.pid), 0
        )  # same group as ours, so a group kill would hit us: kill it alone
        starter.kill()
        starter.communicate()
        assert query(home, "SELECT 1") == [(1,)]
        assert main_pid(home) == pid

    def test_second_start_leaves_the_server_as_it_is(self, home):
        postgres.start(home, durable=False)
        pid = main_pid(home)
        postgres.start(home)
        assert main_pid(home) == pid

    def test_stopped_server_starts_with_its_data(self, home):
        postgres.start(home, durable=False)
        query(home, "CREATE TABLE kept AS SELECT 42 AS n")
        postgres.stop(home)
        assert postgres.status(home).state == "stopped"
        assert not postgres.lives(home)
        postgres.start(home, durable=False)
        assert query(home, "SELECT n FROM kept") == [(42,)]

    def test_killed_server_recovers_what_was_committed(self, home):
        postgres.start(home)
        query(home, "CREATE TABLE kept AS SELECT 42 AS n")
        pid = main_pid(home)
        os.kill(pid, signal.SIGKILL)
        postgres.start(home)
        assert main_pid(home) != pid
        assert query(home, "SELECT n FROM kept") == [(42,)]

    def test_missing_database_is_made_again(self, home):
        postgres.start(home, durable=False)
        with psycopg.connect(
            postgres.url(home).replace("/paperclip?", "/postgres?"), autocommit=True
        ) as connection:
            connection.execute("DROP DATABASE paperclip")
        postgres.start(home, durable=False)
        assert query(home, "SELECT 1") == [(1,)]

    def test_half_made_cluster_of_a_killed_start_is_not_used(self, home):
        postgres.start(home, durable=False)
        postgres.stop(home)
        shutil.rmtree(home / "postgres/data")
        (home / "postgres/data.new/base").mkdir(parents=True)
        (home / "postgres/data.new/PG_VERSION").write_text("18\n")
        postgres.start(home, durable=False)
        assert query(home, "SELECT 1") == [(1,)]

    def test_settings_are_written_once(self, home):
        for _ in range(2):
            postgres.start(home, durable=False)
            postgres.stop(home)
        text = (home / "postgres/data/postgresql.conf").read_text()
        assert text.count("include 'paperclip.conf'") == 1
        postgres.start(home)
        assert query(home, "SHOW fsync") == [("on",)], "a durable start must undo what tests switch off"

    def test_callers_environment_does_not_leak_into_the_server(self, home, monkeypatch):
        monkeypatch.setenv("PGPORT", "6000")
        monkeypatch.setenv("PGDATABASE", "elsewhere")
        monkeypatch.setenv("SECRET_OF_CALLER", "hunter2")
        postgres.start(home, durable=False)
        assert query(home, "SELECT current_database(), current_setting('port')") == [("paperclip", "5432")]
        assert "SECRET_OF_CALLER" not in psutil.Process(main_pid(home)).environ()


class TestPidFile:
    @pytest.fixture
    def stranger(self, home):
        """A process of the server's own account, whose pid the stale file names, as after a reboot."""
        postgres.start(home, durable=False)
        postgres.stop(home)
        owner = (home / "postgres").stat().st_uid
        process = subprocess.Popen(["sleep", "60"], user=owner if AS_ROOT else None)
        lines = [
            process.pid,
            home / "postgres/data",
            int(time.time()),
            5432,
            home / "postgres",
            "",
            "1 1",
            "ready",
        ]
        for name in ("data/postmaster.pid", ".s.PGSQL.5432.lock"):
            (home / "postgres" / name).write_text("".join(f"{line}\n" for line in lines))
        yield process
        process.kill()
        process.wait()

    def test_stale_file_with_reused_pid_does_not_stop_a_start(self, home, stranger):
        postgres.start(home, durable=False)
        assert query(home, "SELECT 1") == [(1,)]
        assert main_pid(home) != stranger.pid
        assert stranger.poll() is None

    def test_stop_never_signals_a_stranger(self, home, stranger):
        postgres.stop(home)
        assert stranger.poll() is None
        assert postgres.status(home).state == "stopped"

    def test_empty_file_of_a_full_disk_does_not_stop_a_start(self, home, stranger):
        (home / "postgres/data/postmaster.pid").write_text("")
        postgres.start(home, durable=False)
        assert query(home, "SELECT 1") == [(1,)]


class TestAddress:
    def test_address_is_read_alike_by_libpq_and_settings(self, home):
        config = environ.Env.db_url_config(postgres.url(home))
        assert config["NAME"] == "paperclip"
        assert config["USER"] == "paperclip"
        assert config["OPTIONS"]["host"] == str(home / "postgres")

    def test_address_touches_nothing(self, tmp_path):
        postgres.url(tmp_path / "not there")
        assert not (tmp_path / "not there").exists()

    @pytest.mark.parametrize("length", [1, 60, 200, 240])
    def test_socket_fits_for_homes_of_any_length(self, length):
        address = environ.Env.db_url_config(postgres.url(Path("/somewhere") / ("h" * length)))
        assert len(address["OPTIONS"]["host"] + "/.s.PGSQL.5432") <= postgres.SOCKET_PATH_BYTES

    def test_server_of_a_long_home_starts(self, home):
        long_home = home / ("l" * 120)
        postgres.start(long_home, durable=False)
        try:
            assert query(long_home, "SELECT 1") == [(1,)]
        finally:
            postgres.stop(long_home)

    @needs_root
    def test_socket_folder_of_somebody_else_is_refused(self, home):
        long_home = home / ("s" * 120)
        squatted = Path(environ.Env.db_url_config(postgres.url(long_home))["OPTIONS"]["host"])
        squatted.mkdir()
        os.chown(squatted, 12345, 12345)
        try:
            with pytest.raises(postgres.PostgresError, match="belongs to somebody else"):
                postgres.start(long_home, durable=False)
        finally:
            squatted.rmdir()

    def test_other_users_cannot_reach_the_socket(self, home):
        postgres.start(home, durable=False)
        assert (home / "postgres").stat().st_mode & 0o077 == 0


class TestComplaints:
    def test_data_of_another_version_is_named(self, home):
        postgres.start(home, durable=False)
        postgres.stop(home)
        (home / "postgres/data/PG_VERSION").write_text("16\n")
        with pytest.raises(postgres.PostgresError, match=r"PostgreSQL 16, and this is PostgreSQL 18"):
            postgres.start(home, durable=False)

    def test_folder_held_by_another_server_is_named(self, home):
        postgres.start(home, durable=False)
        postgres.stop(home)
        elsewhere = home / "elsewhere"
        elsewhere.mkdir()
        owner = pwd.getpwuid((home / "postgres").stat().st_uid)
        shutil.chown(elsewhere, owner.pw_uid, owner.pw_gid)
        pg_ctl = [str(postgres._binaries() / "pg_ctl"), "--pgdata", str(home / "postgres/data")]
        as_owner = {"user": owner.pw_uid, "group": owner.pw_gid} if AS_ROOT else {}
        options = {"cwd": "/", "stdout": subprocess.DEVNULL, "check": True, **as_owner}
        log = str(home / "postgres/other.log")
        subprocess.run([*pg_ctl, "start", "-w", "-l", log, "-o", f"-k {elsewhere}"], **options)
        try:
            with pytest.raises(
                postgres.PostgresError, match=r"Another database server \(process \d+\) holds"
            ):
                postgres.start(home, durable=False)
        finally:
            subprocess.run([*pg_ctl, "stop", "-w"], **options)

    @needs_root
    @pytest.mark.parametrize("size", ["8m", "24m"], ids=["before the start", "within initdb"])
    def test_full_disk_is_named(self, home, size):
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "none", home]).returncode:
            pytest.skip("mounting a small disk is not allowed here")
        try:
            with pytest.raises(postgres.PostgresError, match=r"disk that holds .* is full"):
                postgres.start(home, durable=False)
        finally:
            subprocess.run(["umount", home], check=True)

    @needs_root
    def test_folder_of_root_is_named_to_an_ordinary_user(self, home, ordinary):
        postgres.start(home, durable=False)
        starter = python(START, home, **ordinary)
        _, complaint = starter.communicate(timeout=60)
        assert starter.returncode == 1
        assert "PostgresError: No permission for" in complaint

    @pytest.mark.parametrize(
        ("said", "sentence"),
        [
            ("FATAL:  could not write lock file: No space left on device", "disk that holds .* is full"),
            ("initdb: error: could not create directory: Read-only file system", "read-only disk"),
            ("FATAL:  could not open file: Permission denied", r"No permission for .*could not open file"),
            (
                'FATAL:  lock file "postmaster.pid" already exists\nHINT:  Is another',
                "Another database server holds",
            ),
            ('FATAL:  Unix-domain socket path "/x" is too long (maximum 107 bytes)', "too long for a socket"),
            ("FATAL:  could not map shared memory: Cannot allocate memory", "Not enough memory"),
            ("LOG:  starting\nFATAL:  something new\nLOG:  shut down", r"did not start \(something new\)"),
            ("", "it gave no reason"),
        ],
    )
    def test_trouble_becomes_a_sentence(self, tmp_path, said, sentence):
        with pytest.raises(AssertionError, match=sentence):
            raise AssertionError(postgres._explain(postgres._place(tmp_path), said))

    def test_values_of_failing_statements_stay_out_of_the_log(self, home):
        postgres.start(home, durable=False)
        query(home, "CREATE TABLE t (token text PRIMARY KEY)")
        query(home, "INSERT INTO t VALUES ('hunter2')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            query(home, "INSERT INTO t VALUES ('hunter2')")
        postgres.stop(home)
        log = (home / "postgres/server.log").read_text()
        assert "database system is ready" in log
        assert "hunter2" not in log


@pytest.fixture
def ordinary():
    """How to run a Python that can import this product as a user without rights."""
    if not AS_ROOT:
        pytest.skip("only root can act as another user")
    packages = Path(psycopg.__file__).parents[1]
    nobody = pwd.getpwnam("nobody")
    for executable in (sys.executable, "/usr/bin/python3"):
        options = {
            "executable": executable,
            "user": nobody.pw_uid,
            "group": nobody.pw_gid,
            "extra_groups": [],
            "env": {
                "PATH": os.environ["PATH"],
                "PYTHONPATH": f"{ROOT}:{packages}",
                "PYTHONDONTWRITEBYTECODE": "1",
            },
        }
        try:
            trial = python("from paperclip.core import postgres", **options)
        except PermissionError:
            continue
        if trial.wait() == 0:
            return options
    pytest.skip("no Python with the product's packages can be run by an ordinary user on this machine")


@needs_root
class TestUsers:
    def test_ordinary_user_runs_a_server_and_root_uses_it_afterwards(self, home, ordinary):
        own = home / "of nobody"
        own.mkdir()
        os.chown(own, ordinary["user"], ordinary["group"])
        query_it = (
            START + "; import psycopg; psycopg.connect(postgres.url(Path(sys.argv[1]))).execute('SELECT 1')"
        )
        try:
            starter = python(query_it, own, **ordinary)
            _, complaint = starter.communicate(timeout=60)
            assert starter.returncode == 0, complaint
            assert psutil.Process(main_pid(own)).uids().real == ordinary["user"]

            postgres.stop(own)
            postgres.start(own, durable=False)
            assert psutil.Process(main_pid(own)).uids().real == ordinary["user"], (
                "root keeps the owner's account"
            )

            postgres.stop(own)
            again = python(query_it, own, **ordinary)
            _, complaint = again.communicate(timeout=60)
            assert again.returncode == 0, complaint
        finally:
            postgres.stop(own)

    def test_server_of_root_runs_as_the_service_account(self, home):
        postgres.start(home, durable=False)
        assert psutil.Process(main_pid(home)).username() == service_account.NAME

    def test_closed_folder_of_root_lets_the_server_pass_but_not_read(self, home):
        closed = home / "closed"
        closed.mkdir(mode=0o700)
        postgres.start(closed / "home", durable=False)
        try:
            assert query(closed / "home", "SELECT 1") == [(1,)]
            assert closed.stat().st_mode & 0o777 == 0o701
        finally:
            postgres.stop(closed / "home")

    def test_closed_folder_of_somebody_else_is_named_and_left_alone(self, home):
        closed = home / "theirs"
        closed.mkdir(mode=0o700)
        os.chown(closed, 12345, 12345)
        with pytest.raises(postgres.PostgresError, match=r"may not pass through .*theirs"):
            postgres.start(closed / "home", durable=False)
        assert closed.stat().st_mode & 0o777 == 0o700
