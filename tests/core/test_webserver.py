"""The web server as a process: several requests at once, on connections that stay, and a stop that waits."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.product import free_port, wait_for

ROOT = Path(__file__).resolve().parents[2]
SERVER = """
import sys, time
from paperclip.core import webserver

def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        time.sleep(1)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]

webserver.serve(lambda: application, host="127.0.0.1", port=int(sys.argv[1]), workers=2, threads=4)
"""


@pytest.fixture
def server() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    port = free_port()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(port)], env=environment, stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 20
    while not answers(port):
        assert time.monotonic() < deadline
        assert process.poll() is None
    yield process, port
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=15) == 0


def answers(port: int) -> bool:
    try:
        return get(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) == b"ok"
    except OSError:
        return False


def get(connection: http.client.HTTPConnection, path: str = "/") -> bytes:
    connection.request("GET", path)
    with connection.getresponse() as response:
        return response.read()


def test_connection_stays_open_between_requests(server):
    connection = http.client.HTTPConnection("127.0.0.1", server[1], timeout=5)
    get(connection)
    own_end = connection.sock.getsockname()
    for _ in range(20):
        assert get(connection) == b"ok"
    assert connection.sock.getsockname() == own_end
    connection.close()


def test_quick_requests_do_not_wait_for_slow_ones_or_idle_connections(server):
    idle = [http.client.HTTPConnection("127.0.0.1", server[1], timeout=5) for _ in range(40)]
    for connection in idle:
        get(connection)
    slow = threading.Thread(target=lambda: get(http.client.HTTPConnection("127.0.0.1", server[1]), "/slow"))
    slow.start()
    began = time.monotonic()
    for connection in idle:
        assert get(connection) == b"ok"
        connection.close()
    assert time.monotonic() - began < 0.9
    slow.join()


def test_stop_finishes_requests_in_hand(server):
    process, port = server
    answered: list[bytes] = []
    slow = threading.Thread(
        target=lambda: answered.append(get(http.client.HTTPConnection("127.0.0.1", port), "/slow"))
    )
    slow.start()
    wait_for_connection(process)
    process.send_signal(signal.SIGTERM)
    slow.join(timeout=10)
    assert answered == [b"ok"]


def test_killed_worker_is_replaced(server):
    process, port = server
    main = psutil.Process(process.pid)
    victim = main.children()[0]
    victim.kill()
    deadline = time.monotonic() + 10
    while victim.pid in {child.pid for child in main.children()} or len(main.children()) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert answers(port)


def test_idle_thread_gives_back_what_it_holds_and_the_next_request_is_answered(tmp_path):
    port = free_port()
    quick = SERVER.replace("webserver.serve(", "webserver.IDLE_SECONDS = 0.1\nwebserver.serve(").replace(
        "threads=4)", "threads=4, at_thread_end=lambda: print('ended', flush=True))"
    )
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", quick, str(port)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=output,
        )
    try:
        wait_for(lambda: answers(port), seconds=20, what="the server to answer")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        for count in (1, 2, 3):
            assert get(connection) == b"ok"
            wait_for(lambda: log.read_text().count("ended") >= count, seconds=10, what="the thread to end")  # noqa: B023
        connection.close()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=15) == 0


def wait_for_connection(process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while not any(
        connection.status == psutil.CONN_ESTABLISHED
        for child in psutil.Process(process.pid).children()
        for connection in child.net_connections("tcp")
    ):
        assert time.monotonic() < deadline
        time.sleep(0.01)
