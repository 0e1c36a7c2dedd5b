"""The disk of the embedded PostgreSQL is full: it is said plainly, what runs goes on, and space mends all."""

from __future__ import annotations

import contextlib
import http.cookiejar
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from heartbeat.models import Run
from issues.models import Issue
from paperclip.companies import signin
from paperclip.core import postgres
from tests import factories
from tests.faults.test_kill_everything import log_lines, wake
from tests.product import Product, looking_at, wait_for

pytestmark = pytest.mark.faults

DISK_BYTES = 192 * 1024**2
SAYS_FULL = "The disk of the database is full"
# Appends its run id to a file, so that a second start cannot hide, then prints lines until it may end.
UNTIL_TOLD = """
import itertools, os, pathlib, sys, time
with open(sys.argv[1], "a") as ledger:
    ledger.write(os.environ["PAPERCLIP_RUN_ID"] + "\\n")
for number in itertools.count():
    print("line", number, flush=True)
    if pathlib.Path(sys.argv[2]).exists():
        break
    time.sleep(0.1)
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A home whose database has a small disk of its own; runs and their logs lie elsewhere."""
    # Not tmp_path: the database's own account must pass through, and pytest closes its folders again.
    folder = Path(tempfile.mkdtemp(prefix="paperclip-disk-"))
    folder.chmod(0o755)
    disk = folder / "home" / "postgres"
    disk.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=755", "none", str(disk)]
    try:
        if os.geteuid() != 0:
            pytest.skip("mounting a small disk takes root")
        if subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("mounting a small disk is not allowed here")
        try:
            yield folder / "home"
        finally:
            (disk / "filler").unlink(missing_ok=True)
            postgres.stop(folder / "home")
            subprocess.run(["umount", str(disk)], check=True)
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def product(home, django_db_blocker) -> Iterator[Product]:
    """The whole product under `up`, which also cares for the database; Django here looks at the same one."""
    made = Product(home, "")
    with django_db_blocker.unblock(), looking_at(postgres.url(home), home):
        made.start("up")
        wait_for(made.answers, seconds=90, what="the product to answer")
        try:
            yield made
        finally:
            connection.close()
            made.parts["up"].send_signal(signal.SIGTERM)
            made.parts["up"].wait(timeout=60)


class Visitor:
    """Somebody who asks over HTTP; an agent with a token, or a person who signs in."""

    def __init__(self, product: Product, token: str = "") -> None:
        self.url = product.url
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        )

    def ask(self, path: str, data: bytes | None = None, **headers: str) -> tuple[int, str]:
        request = urllib.request.Request(f"{self.url}{path}", data, {**self.headers, **headers})
        try:
            with self.opener.open(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def post(self, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        status, text = self.ask(path, json.dumps(body).encode(), **{"Content-Type": "application/json"})
        return status, json.loads(text)

    def sign_in(self) -> None:
        path = "/sign-in/" + signin.create_link().rpartition("/")[2]
        _, page = self.ask(path)
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
        status, _ = self.ask(path, f"csrfmiddlewaretoken={token}".encode())
        assert status == 200


def fill(home: Path) -> Path:
    """Take all the room that is left on the database's disk; removing the file gives it back."""
    filler = home / "postgres" / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(home / "postgres").free)
    return filler


def use_up_the_log(home: Path) -> None:
    """Have the server begin new segments of its write-ahead log until there is no room for one, which ends it."""
    every_segment = (
        "SELECT pg_logical_emit_message(false, 'test', 'x'), pg_switch_wal() FROM generate_series(1, 32)"
    )
    session = psycopg.connect(postgres.url(home), autocommit=True)
    with contextlib.closing(session), pytest.raises(psycopg.OperationalError):
        session.execute(every_segment)


def test_full_disk_of_the_database_is_said_and_survived(product, home, tmp_path):
    company = factories.company()
    script = tmp_path / "agent.py"
    script.write_text(UNTIL_TOLD)
    agents = []
    for name in ("first", "second"):
        arguments = ["-I", str(script), str(tmp_path / "ledger"), str(tmp_path / f"{name} may end")]
        config = {"command": sys.executable, "args": arguments}
        agents.append(factories.agent(company, adapter_config=config))
    caller, person = Visitor(product, factories.agent_key(agents[0])), Visitor(product)
    factories.member(company, signin.first_user())
    person.sign_in()
    runs = [wake(each) for each in agents]
    wait_for(lambda: all(log_lines_so_far(product, run) for run in runs), seconds=15, what="two programs")
    issues = f"/api/companies/{company.pk}/issues"
    kept = [store(caller, issues, "before")]

    # No room for tables to grow: reading goes on, storing is refused with the reason.
    filler = fill(home)
    refusal: tuple[int, dict[str, Any]] = (201, {})
    while refusal[0] == 201:
        refusal = caller.post(issues, {"title": "big", "description": os.urandom(8_000).hex()})
        kept += [refusal[1]["id"]] if refusal[0] == 201 else []
    assert refusal[0] == 503
    assert refusal[1]["error"].startswith(SAYS_FULL)
    assert set(refusal[1]) == {"error"}
    assert caller.ask(issues)[0] == 200
    assert "Free some space" in person.ask("/admin/")[1]
    assert re.search(r"^fail +home .*\n.*Free some space", product.manage("doctor").stdout, re.MULTILINE)
    assert re.search(r"^fail +database .*disk is full", product.manage("doctor").stdout, re.MULTILINE)
    assert "No space left on device" in product.said()

    # No room for the server to write its log: it ends, and cannot start.
    connection.close()
    use_up_the_log(home)
    said = rf"database: The disk that holds {home}/postgres is full"
    wait_for(lambda: re.search(said, product.said()), seconds=30, what="the log to say it")
    assert caller.post(issues, {"title": "none"}) == (503, refusal[1])
    status, page = person.ask("/admin/")
    assert status == 503
    assert SAYS_FULL in page
    assert re.search(r"^fail +database .*disk is full", product.manage("doctor").stdout, re.MULTILINE)
    with pytest.raises(postgres.PostgresError, match=r"disk that holds .* is full: free some space"):
        postgres.start(home)

    # What runs goes on; what ends meanwhile is written later.
    before = len(log_lines_so_far(product, runs[1]))
    (tmp_path / "first may end").touch()
    wait_for(
        lambda: (product.home / "runs" / str(runs[0].pk) / "exit.json").exists(),
        seconds=10,
        what="the first program to end",
    )
    wait_for(
        lambda: len(log_lines_so_far(product, runs[1])) > before + 5, seconds=10, what="the second to go on"
    )

    # With room, everything goes on by itself.
    filler.unlink()
    wait_for(product.answers, seconds=60, what="the product to answer again")
    wait_for(
        lambda: "the database server had ended; it runs again" in product.said(), seconds=30, what="a word"
    )
    kept.append(store(caller, issues, "after"))
    wait_for(
        lambda: Run.objects.get(pk=runs[0].pk).status == "succeeded", seconds=30, what="the first run to end"
    )
    (tmp_path / "second may end").touch()
    wait_for(
        lambda: Run.objects.get(pk=runs[1].pk).status == "succeeded", seconds=30, what="the second run to end"
    )
    assert sorted(str(pk) for pk in Issue.objects.values_list("pk", flat=True)) == sorted(kept)
    assert Run.objects.count() == 2, "nothing was tried twice"
    for run in runs:
        lines = log_lines(product, run)
        assert lines == [f"line {number}" for number in range(len(lines))]
    ledger = (tmp_path / "ledger").read_text().split()
    assert sorted(ledger) == sorted(str(run.pk) for run in runs), "each program ran exactly once"
    for part in ("web", "runner"):
        assert product.said().count(f"{part} started") == 1, "no part ended over it"
    assert not re.search(r"^(warn|fail) +(database|web) ", product.manage("doctor").stdout, re.MULTILINE)


def log_lines_so_far(product: Product, run: Run) -> list[str]:
    log = product.home / "runs" / str(run.pk) / "log.ndjson"
    return log_lines(product, run) if log.exists() else []


def store(caller: Visitor, issues: str, title: str) -> str:
    """The id of an issue that was stored."""
    status, body = caller.post(issues, {"title": title})
    assert status == 201, body
    return body["id"]
