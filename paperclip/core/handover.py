"""Taking a connection away from the web server: for answers that go on for hours, which must not occupy a thread.

A view that wants to speak over the connection itself takes its socket; the server forgets the connection as soon as
the view has returned, and sends nothing of what it returned. Only our own web server offers this.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterable
from typing import Any

from django.http import HttpRequest

_OFFER = "paperclip.take_socket"
# What lies unread in the system beside our own bounds; a client that is gone is noticed after so many milliseconds.
_SYSTEM_BUFFER_BYTES = 128 * 1024
_GONE_MS = 60_000

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
_at_end: list[Callable[[], None]] = []


class Taken(Exception):
    """The connection belongs to somebody else now; there is nothing to answer."""


def offering(application: Application) -> Application:
    """Return `application` with an offer to take the connection in each of its requests.

    The returned one raises Taken when the offer was accepted.
    """

    def call(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        taken: list[socket.socket] = []

        def take() -> socket.socket:
            taken.append(socket.socket(fileno=environ["gunicorn.socket"].detach()))
            return taken[0]

        environ[_OFFER] = take
        answer = application(environ, start_response)
        if not taken:
            return answer
        if hasattr(answer, "close"):
            answer.close()
        raise Taken

    return call


def is_offered(request: HttpRequest) -> bool:
    """Return whether this web server gives connections away."""
    return _OFFER in request.META


def take(request: HttpRequest) -> socket.socket:
    """Return the connection of `request`, not blocking; what the view answers is not sent any more.

    Raises KeyError where `is_offered` is false.
    """
    connection: socket.socket = request.META[_OFFER]()
    connection.setblocking(False)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SYSTEM_BUFFER_BYTES)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # A socket of another family has no such option, and no such trouble.
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _GONE_MS)
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def when_server_ends(call: Callable[[], None]) -> None:
    """Have `call` called once when this process stops serving: the time to part from taken connections."""
    _at_end.append(call)


def server_ends() -> None:
    """Call everything that was registered. The web server does this as its last act."""
    while _at_end:
        _at_end.pop()()
