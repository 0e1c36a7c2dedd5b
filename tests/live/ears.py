"""Those who listen: a reader of server-sent events over a plain socket, and a real WebSocket client."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from websockets.sync.client import ClientConnection, connect

from tests.product import Product


@dataclass
class Message:
    event: str
    data: str
    id: str | None

    @property
    def frame(self) -> dict[str, Any]:
        return json.loads(self.data)


class Ear:
    """An open stream of events, as a browser keeps it: `mark` is what it would send to go on from where it was."""

    def __init__(self, port: int, path: str, headers: dict[str, str], *, buffer: int | None = None) -> None:
        self.connection = socket.socket()
        if buffer is not None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.connection.settimeout(10)
        self.connection.connect(("127.0.0.1", port))
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Accept: text/event-stream"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.connection.sendall("\r\n".join([*lines, "", ""]).encode())
        self.mark: str | None = None
        self._unread = b""
        head = self._until(b"\r\n\r\n").decode("latin-1")
        self.status = int(head.split(" ", 2)[1])
        self.head = head

    def next(self, *, seconds: float = 10) -> Message:
        """The next message; ConnectionError when the stream has ended, TimeoutError when none comes."""
        self.connection.settimeout(seconds)
        while True:
            fields: dict[str, str] = {}
            for line in self._until(b"\n\n").decode().strip().splitlines():
                name, _, value = line.partition(": ")
                fields[name] = value
            if "id" in fields:
                self.mark = fields["id"]
            if "data" in fields:
                return Message(fields.get("event", "message"), fields["data"], fields.get("id"))

    def until(self, is_it: Callable[[dict[str, Any]], bool], *, seconds: float = 10) -> list[dict[str, Any]]:
        """The frames up to and with the first that is meant."""
        frames = []
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            message = self.next(seconds=seconds)
            if message.event == "message":
                frames.append(message.frame)
                if is_it(frames[-1]):
                    return frames
        raise TimeoutError(frames)

    def _until(self, end: bytes) -> bytes:
        while end not in self._unread:
            data = self.connection.recv(65536)
            if not data:
                raise ConnectionError("the stream has ended")
            self._unread += data
        found, _, self._unread = self._unread.partition(end)
        return found

    def close(self) -> None:
        self.connection.close()


def stream_path(company_id: UUID) -> str:
    return f"/api/companies/{company_id}/events/stream"


def socket_path(company_id: UUID) -> str:
    return f"/api/companies/{company_id}/events/ws"


@contextlib.contextmanager
def ear(product: Product, company_id: UUID, token: str | None, **options: Any) -> Iterator[Ear]:
    """An open stream that has said it is ready, unless `since` is given."""
    headers = dict(options.pop("headers", {}))
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    since = options.pop("since", None)
    if since is not None:
        headers["Last-Event-ID"] = since
    made = Ear(product.port, stream_path(company_id), headers, **options)
    try:
        if since is None and made.status == 200:
            assert made.next().event == "ready"
        yield made
    finally:
        made.close()


def websocket(
    product: Product, company_id: UUID, token: str | None = None, **options: Any
) -> ClientConnection:
    query = options.pop("query", "")
    headers = {**options.pop("headers", {}), **({"Authorization": f"Bearer {token}"} if token else {})}
    url = f"ws://127.0.0.1:{product.port}{socket_path(company_id)}{query}"
    return connect(url, additional_headers=headers, open_timeout=10, proxy=None, **options)


def says(kind: str, **payload: Any) -> Callable[[dict[str, Any]], bool]:
    return lambda frame: frame["type"] == kind and payload.items() <= frame["payload"].items()
