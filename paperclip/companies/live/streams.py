"""One open stream: a socket, what is still to be sent on it, and whose it is. Never waits."""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from dataclasses import dataclass
from uuid import UUID

from paperclip.companies.live.standing import Credential
from paperclip.companies.live.tail import Cursor
from paperclip.core.wires import Wire

# A client that is so far behind is cut off; healthy ones are behind by milliseconds.
MOST_WAITING_BYTES = 1024 * 1024
_READ_BYTES = 16 * 1024


class Broken(Exception):
    """The client is gone, says nonsense or does not keep up."""


@dataclass(frozen=True)
class Listener:
    """Whose stream it is. `caller` is the same for all streams of one agent or person."""

    company_id: UUID
    caller: str
    credential: Credential


class Stream:
    """A listener's connection. Every method raises Broken when there is no use in going on."""

    def __init__(
        self, connection: socket.socket, wire: Wire, listener: Listener, *, since: Cursor | None
    ) -> None:
        self.connection = connection
        self.wire = wire
        self.listener = listener
        self.since = since
        self._waiting: deque[memoryview] = deque()
        self._waiting_bytes = 0
        # Whether anything of what waits went out since the last sign of life.
        self._has_moved = True

    @property
    def has_waiting(self) -> bool:
        """Whether the system took less than was to be sent."""
        return bool(self._waiting)

    def send(self, data: bytes) -> None:
        """Send, as far as the client takes it, and keep the rest. `data` may be shared with other streams."""
        if not data:
            return
        self._waiting.append(memoryview(data))
        self._waiting_bytes += len(data)
        self.flush()
        if self._waiting_bytes > MOST_WAITING_BYTES:
            raise Broken

    def flush(self) -> None:
        """Send what waits, as far as the client takes it."""
        try:
            while self._waiting:
                sent = self.connection.send(self._waiting[0])
                self._has_moved = True
                self._waiting_bytes -= sent
                if sent < len(self._waiting[0]):
                    self._waiting[0] = self._waiting[0][sent:]
                    return
                self._waiting.popleft()
        except BlockingIOError:
            return
        except OSError as error:
            raise Broken from error

    def receive(self) -> None:
        """Take what the client sent."""
        try:
            data = self.connection.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            raise Broken from error
        if not data:
            raise Broken
        self.send(self.wire.take(data))
        if self.wire.is_over:
            raise Broken

    def give_sign_of_life(self, cursor: Cursor) -> None:
        """Ask the client for one, too. One that took nothing since the last time, or did not answer, is cut off."""
        sign = self.wire.ping(str(cursor))
        if sign is None or (self._waiting and not self._has_moved):
            raise Broken
        self._has_moved = False
        self.send(sign)

    def close(self, *, is_refused: bool = False) -> None:
        """Say farewell, if that is possible without waiting, and close."""
        if not self._waiting:
            with contextlib.suppress(OSError):  # nobody hears it
                self.connection.send(self.wire.farewell(is_refused=is_refused))
        self.connection.close()
