"""Somebody who is told: a web server and a mail server on this machine, which remember what they got."""

from __future__ import annotations

import contextlib
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Hook:
    """A web server; `answers` are the statuses it gives in turn, the last one for ever."""

    port: int = 0
    answers: list[int] = field(default_factory=lambda: [204])
    headers: dict[str, str] = field(default_factory=dict)
    before: Callable[[], None] = lambda: None
    received: list[Received] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?token=sesame"


@contextlib.contextmanager
def hook() -> Iterator[Hook]:
    made = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            made.received.append(Received(self.path, dict(self.headers), body))
            made.before()
            with contextlib.suppress(OSError):
                self.send_response(made.answers.pop(0) if len(made.answers) > 1 else made.answers[0])
                for name, value in made.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        made.port = port
        yield made


@dataclass
class Post:
    """A mail server; `refuses` is what it answers to a recipient instead of taking it."""

    port: int = 0
    refuses: str = ""
    letters: list[Message] = field(default_factory=list)


@contextlib.contextmanager
def post() -> Iterator[Post]:
    made = Post()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.say("220 test")
            while line := self.rfile.readline():
                word = line.split(b" ")[0].strip().upper()
                if word == b"DATA":
                    self.say("354 go on")
                    made.letters.append(message_from_bytes(self.letter()))
                    self.say("250 taken")
                elif word == b"RCPT" and made.refuses:
                    self.say(made.refuses)
                elif word == b"QUIT":
                    self.say("221 bye")
                    return
                else:
                    self.say("250 fine")

        def letter(self) -> bytes:
            lines = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line)
            return b"".join(lines)

        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        made.port = port
        yield made


@contextlib.contextmanager
def serving(server: Any) -> Iterator[int]:
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def dripping(seconds: float) -> Callable[[socketserver.BaseRequestHandler], None]:
    """An answer that comes one byte at a time, each soon enough for a patient reader."""

    def handle(handler: socketserver.BaseRequestHandler) -> None:
        until = time.monotonic() + seconds
        with contextlib.suppress(OSError):
            handler.request.recv(4096)
            handler.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while time.monotonic() < until:
                handler.request.sendall(b".")
                time.sleep(0.05)

    return handle
