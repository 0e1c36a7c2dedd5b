"""How a stream of texts looks on the wire: as server-sent events, or as a WebSocket. Nothing here sends or receives.

What is sent to many is spelled once: `spell` depends on nothing but the texts.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import ClassVar, Protocol

from django.http import HttpRequest
from websockets.datastructures import Headers
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from paperclip.core.errors import BadRequest

# After so long a browser that was cut off asks again.
RETRY_MS = 2000
_MOST_RECEIVED = 64 * 1024
_quiet = logging.getLogger(f"{__name__}.frames")
_quiet.setLevel(logging.CRITICAL)  # what clients send wrong is their trouble; frames may hold anything


class Wire(Protocol):
    """One stream's end of the conversation. What the methods return is to be sent."""

    kind: ClassVar[str]

    @property
    def is_over(self) -> bool:
        """Whether the client has ended the conversation."""

    def opening(self) -> bytes:
        """Return what accepts the request."""

    @staticmethod
    def spell(texts: Sequence[bytes], cursor: str) -> bytes:
        """Return the texts, and that the client has read as far as `cursor` after the last one."""

    @staticmethod
    def control(word: str, cursor: str) -> bytes:
        """Return a word of the stream itself: `ready`, `reset`. Empty where the wire has no such words."""

    def ping(self, cursor: str) -> bytes | None:
        """Return a sign of life that asks for one; None when the last one was not answered."""

    def take(self, data: bytes) -> bytes:
        """Return the answer to what the client sent."""

    def farewell(self, *, is_refused: bool) -> bytes:
        """Return the last words."""


class EventStream:
    """Server-sent events: the client says nothing, and asks again by itself from where it was."""

    kind: ClassVar[str] = "sse"
    is_over = False

    def opening(self) -> bytes:
        """Return the head of the answer. It has no length: it ends with the connection."""
        return _HEAD + self.retry()

    @staticmethod
    def retry() -> bytes:
        """Return how long the client waits before it asks again."""
        return f"retry: {RETRY_MS}\n\n".encode()

    @staticmethod
    def spell(texts: Sequence[bytes], cursor: str) -> bytes:
        """Return one message for each text; only the last one moves the client's mark, so a part is sent again."""
        told = b"".join(b"data: %b\n\n" % text for text in texts[:-1])
        return told + b"id: %b\ndata: %b\n\n" % (cursor.encode(), texts[-1])

    @staticmethod
    def control(word: str, cursor: str) -> bytes:
        """Return a named event without content."""
        return f"id: {cursor}\nevent: {word}\ndata: {{}}\n\n".encode()

    def ping(self, cursor: str) -> bytes | None:
        """Return a named event, so that the client's mark stays young. Dead clients are the system's to notice."""
        return self.control("ping", cursor)

    def take(self, data: bytes) -> bytes:
        """Return nothing: nothing is to be said."""
        return b""

    def farewell(self, *, is_refused: bool) -> bytes:
        """Return nothing: the end of the connection says it, and the next request is refused or not."""
        return b""


_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-store\r\n"
    b"X-Accel-Buffering: no\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
)


class WebSocket:
    """A WebSocket that only the server speaks on (K-47)."""

    kind: ClassVar[str] = "ws"

    def __init__(self, request: HttpRequest) -> None:
        """Raise BadRequest unless `request` asks for a WebSocket as it should."""
        self._protocol = ServerProtocol(max_size=_MOST_RECEIVED, logger=_quiet)
        # The web server has read the handshake; the protocol wants to have read it, too.
        self._protocol.receive_data(Request(request.path, Headers(_headers(request))).serialize())
        read = self._protocol.events_received()
        response = self._protocol.accept(read[0]) if read and isinstance(read[0], Request) else None
        if response is None or response.status_code != 101:
            raise BadRequest("Expected a WebSocket handshake")
        self._protocol.send_response(response)
        self._is_answered = True

    @property
    def is_over(self) -> bool:
        """Whether the client, or what it sent, has ended the conversation."""
        return self._protocol.state is not State.OPEN

    def opening(self) -> bytes:
        """Return the answer to the handshake."""
        return self._said()

    @staticmethod
    def spell(texts: Sequence[bytes], cursor: str) -> bytes:
        """Return one message for each text."""
        return b"".join(Frame(Opcode.TEXT, text).serialize(mask=False) for text in texts)

    @staticmethod
    def control(word: str, cursor: str) -> bytes:
        """Return nothing: there is no resuming here (K-47)."""
        return b""

    def ping(self, cursor: str) -> bytes | None:
        """Return a ping, None when the last one was not answered."""
        if not self._is_answered:
            return None
        self._is_answered = False
        self._protocol.send_ping(b"")
        return self._said()

    def take(self, data: bytes) -> bytes:
        """Return pongs and the like; messages are ignored."""
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame) and event.opcode is Opcode.PONG:
                self._is_answered = True
        return self._said()

    def farewell(self, *, is_refused: bool) -> bytes:
        """Return a close frame: that the caller may listen no more, or that this server goes away."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(CloseCode.POLICY_VIOLATION if is_refused else CloseCode.GOING_AWAY)
        return self._said()

    def _said(self) -> bytes:
        return b"".join(self._protocol.data_to_send())


def wants_websocket(request: HttpRequest) -> bool:
    """Return whether the client asks to change over to a WebSocket."""
    return request.headers.get("Upgrade", "").lower() == "websocket"


def _headers(request: HttpRequest) -> list[tuple[str, str]]:
    names = ("Host", "Connection", "Upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Version")
    return [(name, request.headers[name]) for name in names if name in request.headers]
