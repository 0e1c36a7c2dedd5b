"""The thread that serves the streams: signs of life, silent clients, and the end of its work."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest
from django.http import HttpRequest

from paperclip.companies.live import hub as hubs
from paperclip.companies.live.hub import Hub
from paperclip.companies.live.standing import Credential
from paperclip.companies.live.streams import Listener, Stream
from paperclip.core import wires
from paperclip.core.errors import BadRequest
from tests import cast as standing
from tests import factories
from tests.product import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hub(monkeypatch):
    monkeypatch.setattr(hubs, "PING_SECONDS", 0.2)
    monkeypatch.setattr(hubs, "IDLE_SECONDS", 0.3)
    made = Hub()
    yield made
    made.close()


def handshake() -> HttpRequest:
    request = HttpRequest()
    request.method, request.path = "GET", "/api/companies/x/events/ws"
    request.META |= {
        "HTTP_HOST": "127.0.0.1", "HTTP_UPGRADE": "websocket", "HTTP_CONNECTION": "Upgrade",
        "HTTP_SEC_WEBSOCKET_KEY": "dGhlIHNhbXBsZSBub25jZQ==", "HTTP_SEC_WEBSOCKET_VERSION": "13",
    }  # fmt: skip
    return request


def joined(hub: Hub, wire: Callable[[], wires.Wire]) -> socket.socket:
    cast = standing.make()
    listener = Listener(cast.company.pk, "somebody", Credential(token=factories.agent_key(cast.engineer)))
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.settimeout(10)
    hub.join("somebody", lambda: Stream(ours, wire(), listener, since=None))
    return theirs


def read_until(connection: socket.socket, end: bytes) -> bytes:
    read = b""
    while end not in read:
        data = connection.recv(4096)
        assert data, read
        read += data
    return read


def test_event_stream_shows_signs_of_life_that_keep_the_mark_young(hub):
    client = joined(hub, wires.EventStream)
    said = read_until(client, b"event: ping")
    assert said.startswith(b"HTTP/1.1 200")
    assert b"event: ready" in said


def test_websocket_that_does_not_answer_pings_is_cut(hub):
    """K-47"""
    client = joined(hub, lambda: wires.WebSocket(handshake()))
    assert b" 101 " in read_until(client, b"\r\n\r\n")
    pings = b""
    while data := client.recv(4096):
        pings += data
    assert pings.startswith(b"\x89\x00")


def test_websocket_that_answers_stays(hub):
    client = joined(hub, lambda: wires.WebSocket(handshake()))
    rest = read_until(client, b"\r\n\r\n").partition(b"\r\n\r\n")[2]
    for _ in range(4):
        while len(rest) < 2:
            rest += client.recv(4096)
        assert rest[:2] == b"\x89\x00"
        rest = rest[2:]
        client.sendall(b"\x8a\x80\0\0\0\0")  # a pong, masked as a client's frames are


def test_handshake_that_is_none_is_refused():
    request = handshake()
    del request.META["HTTP_SEC_WEBSOCKET_KEY"]
    with pytest.raises(BadRequest):
        wires.WebSocket(request)


def test_thread_ends_with_the_last_stream_and_begins_again(hub):
    first = joined(hub, wires.EventStream)
    read_until(first, b"event: ready")
    first.close()
    wait_for(lambda: hub._thread is None, seconds=10, what="the thread to end")
    second = joined(hub, wires.EventStream)
    read_until(second, b"event: ready")


def test_stop_parts_from_everybody(hub):
    client = joined(hub, lambda: wires.WebSocket(handshake()))
    read_until(client, b"\r\n\r\n")
    hub.close()
    rest = b""
    while data := client.recv(4096):
        rest += data
    assert rest.endswith(b"\x88\x02\x03\xe9")  # close, 1001: going away
