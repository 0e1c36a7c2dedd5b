"""The one thread of a web process that serves all its open streams, on one database connection.

It begins with the first stream and ends some time after the last: a process nobody listens to holds neither. It waits
for everything at once and never for one client: what a client does not take at once is kept, within bounds.

1. New streams are answered: from then on nothing is missed. One that was cut off gets what it missed first.
2. The database says that something was committed: it is read once, spelled once for each company and kind of wire, and
   handed to that company's streams.
3. Now and then every stream is pinged, and every caller asked for anew whether it may still listen.

While the database is away the streams stay open; what happened meanwhile is told when it is back.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable
from functools import partial
from uuid import UUID

import psycopg
from django.db import DatabaseError, connection

from paperclip.companies.live import listeners, standing, tail
from paperclip.companies.live.streams import Broken, Stream
from paperclip.companies.live.tail import Cursor, Reading
from paperclip.core import handover
from paperclip.core.errors import TooManyRequests, Unavailable

log = logging.getLogger(__name__)

PING_SECONDS = 30.0
# A caller who loses the right to listen is told nothing more after so long.
RECHECK_SECONDS = 5.0
IDLE_SECONDS = 30.0
MOST_STREAMS = 500
MOST_OF_ONE_CALLER = 100
# A burst beyond this is not told piece by piece: whoever listens loads anew.
MOST_TOLD_BYTES = 512 * 1024
_RECONNECT_SECONDS = 1.0
_ANNOUNCE_SECONDS = 60.0
_FULL = "Too many streams are open; try again shortly"
_OUTAGE = (DatabaseError, psycopg.Error)


class Hub:
    """The door to the thread, for the threads that answer requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_over = False
        self._joining: deque[Stream] = deque()
        self._of_caller: Counter[str] = Counter()
        self._bell: tuple[int, int] | None = None

    def join(self, caller: str, open_stream: Callable[[], Stream]) -> None:
        """Serve the stream that `open_stream` returns; it is only called when there is room.

        Raises TooManyRequests for a caller with too many streams, Unavailable when the process has.
        """
        with self._lock:
            if self._of_caller[caller] >= MOST_OF_ONE_CALLER:
                raise TooManyRequests(_FULL)
            if self._is_over or self._of_caller.total() >= MOST_STREAMS:
                raise Unavailable(_FULL)
            self._joining.append(open_stream())
            self._of_caller[caller] += 1
            if self._thread is None:
                self._begin()
            self._ring()

    def close(self) -> None:
        """Part from every stream, and wait for the thread to end."""
        with self._lock:
            self._is_over = True
            thread = self._thread
            self._ring()
        if thread is not None:
            thread.join(timeout=2)

    def _begin(self) -> None:
        if self._bell is None:
            self._bell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
            handover.when_server_ends(self.close)
        self._thread = threading.Thread(target=_Loop(self, self._bell[0]).run, name="live", daemon=True)
        self._thread.start()

    def _ring(self) -> None:
        if self._bell is not None:
            with contextlib.suppress(BlockingIOError):  # it rings already
                os.write(self._bell[1], b".")

    # --- Called by the thread ----------------------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        """Whether the process stops serving."""
        return self._is_over

    def take_joining(self) -> list[Stream]:
        """Return the streams that are new."""
        with self._lock:
            new = list(self._joining)
            self._joining.clear()
        return new

    def has_left(self, stream: Stream) -> None:
        """Give back the room of a stream that was closed."""
        caller = stream.listener.caller
        with self._lock:
            self._of_caller[caller] -= 1
            if not self._of_caller[caller]:
                del self._of_caller[caller]

    def may_end(self) -> bool:
        """Return whether the thread may end, which it then must: the next stream begins another."""
        with self._lock:
            if self._joining and not self._is_over:
                return False
            self._thread = None
            return True

    def give_up(self) -> list[Stream]:
        """Return the streams the thread, which cannot go on, has not served yet; the next one begins another."""
        with self._lock:
            self._thread = None
        return self.take_joining()


class _Loop:
    """What the thread does and knows; nobody else touches it."""

    def __init__(self, hub: Hub, bell: int) -> None:
        self._hub = hub
        self._bell = bell
        self._selector = selectors.DefaultSelector()
        self._selector.register(bell, selectors.EVENT_READ)
        self._streams: set[Stream] = set()
        self._new: list[Stream] = []
        self._ear: int | None = None  # the descriptor of the database connection while it listens
        self._cursor: Cursor | None = None
        self._has_news = False
        self._checked: dict[tuple[UUID, standing.Credential], float] = {}
        self._announced: dict[UUID, float] = {}
        self._ping_at = time.monotonic() + PING_SECONDS
        self._connect_at = 0.0
        self._lonely_since = time.monotonic()
        self._outage = False

    def run(self) -> None:
        """Serve until there has been nobody to serve for a while."""
        try:
            while not self._is_done():
                self._wait()
                self._new += self._hub.take_joining()
                self._guarded(self._pass)
                if time.monotonic() >= self._ping_at:
                    self._ping_at = time.monotonic() + PING_SECONDS
                    self._guarded(self._keep_alive)
        except Exception:
            log.exception("live events: the thread ends; clients ask again")
            self._new += self._hub.give_up()
        finally:
            for stream in [*self._streams, *self._new]:
                self._drop(stream)
            self._selector.close()
            connection.close()

    def _is_done(self) -> bool:
        if self._streams or self._new:
            self._lonely_since = time.monotonic()
        is_lonely = time.monotonic() - self._lonely_since > IDLE_SECONDS
        return (self._hub.is_over or is_lonely) and self._hub.may_end()

    def _wait(self) -> None:
        """Sleep until something is heard or due; do what the sockets are ready for."""
        until = 0.0 if self._has_news and self._ear is not None else self._ping_at
        if not self._streams and not self._new:
            until = min(until, self._lonely_since + IDLE_SECONDS)
        if self._ear is None and (self._streams or self._new):
            until = min(until, self._connect_at)
        for key, mask in self._selector.select(max(until - time.monotonic(), 0.0)):
            if key.fd == self._bell:
                os.read(self._bell, 4096)
            elif key.fd == self._ear:
                self._has_news = True
            else:
                self._serve(key.data, mask)

    def _serve(self, stream: Stream, mask: int) -> None:
        def ready() -> None:
            if mask & selectors.EVENT_WRITE:
                stream.flush()
            if mask & selectors.EVENT_READ:
                stream.receive()

        self._try(stream, ready)

    # --- With the database -------------------------------------------------------------------------------

    def _guarded(self, step: Callable[[], None]) -> None:
        """Do a step; without the database the streams wait, and that is said once."""
        try:
            step()
        except _OUTAGE as error:
            if not self._outage:
                log.error("live events: %s; trying again", str(error).strip().partition("\n")[0])
            self._outage = True
            self._forget_ear()
            self._connect_at = time.monotonic() + _RECONNECT_SECONDS

    def _pass(self) -> None:
        if not self._streams and not self._new:
            # Nobody to tell: what comes from now on is for whoever comes then.
            self._forget_ear()
            self._cursor, self._has_news = None, False
            return
        if not self._listens():
            return
        if self._has_news or self._new:
            self._tell_news()
        while self._new:
            self._welcome(self._new[0])
            del self._new[0]
        # What was heard while something else was asked no longer shows at the socket.
        self._has_news = self._was_told()

    def _listens(self) -> bool:
        """Listen, unless this is no time to try; return whether it does."""
        if self._ear is not None:
            return True
        if time.monotonic() < self._connect_at:
            return False
        connection.close()
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {tail.CHANNEL}")
        self._ear = connection.connection.fileno()
        self._selector.register(self._ear, selectors.EVENT_READ)
        if self._cursor is None:
            self._cursor = tail.now()
        self._has_news = True
        if self._outage:
            log.info("live events: the database is back")
        self._outage = False
        return True

    def _forget_ear(self) -> None:
        if self._ear is not None:
            self._selector.unregister(self._ear)
            self._ear = None
        connection.close()

    def _was_told(self) -> bool:
        """Take in what the database said; return whether it said anything."""
        return bool(list(connection.connection.notifies(timeout=0)))

    def _tell_news(self) -> None:
        assert self._cursor is not None
        self._was_told()
        by_company: dict[UUID, list[Stream]] = {}
        for stream in self._streams:
            by_company.setdefault(stream.listener.company_id, []).append(stream)
        reading = tail.read(by_company, since=self._cursor)
        told = {company_id: _narrowed(reading, company_id) for company_id in by_company}
        told = {company_id: each for company_id, each in told.items() if each.events or each.is_cut}
        admitted = {company_id: self._still_admitted(by_company[company_id]) for company_id in told}
        # From here on the database is not asked: what was read is told to all.
        self._cursor = reading.cursor
        for company_id, streams in admitted.items():
            self._tell(streams, told[company_id])

    def _tell(self, streams: Iterable[Stream], reading: Reading) -> None:
        """Hand a reading to streams, spelled once for each kind of wire."""
        spelled: dict[str, bytes] = {}
        for stream in streams:
            if reading.is_cut and not stream.wire.control("reset", ""):
                self._drop(stream)  # it cannot be told; a client that is cut off loads anew
                continue
            data = spelled.get(stream.wire.kind)
            if data is None:
                data = spelled[stream.wire.kind] = _spell(stream, reading)
            self._try(stream, partial(stream.send, data))

    def _welcome(self, stream: Stream) -> None:
        """Answer a new stream, with what it missed since it was last here."""
        assert self._cursor is not None
        company_id, since = stream.listener.company_id, stream.since
        self._announce([company_id])
        missed = Reading([], self._cursor, is_cut=False)
        if since is not None:
            missed = _narrowed(tail.read([company_id], since=since, until=self._cursor), company_id)
        data = stream.wire.opening()
        if missed.events or missed.is_cut:
            data += _spell(stream, missed)
        else:
            data += stream.wire.control("ready", str(self._cursor))
        self._streams.add(stream)
        self._selector.register(stream.connection, selectors.EVENT_READ, stream)
        self._try(stream, partial(stream.send, data))

    def _keep_alive(self) -> None:
        """Ping, having looked once more who may still listen."""
        if not self._streams or not self._listens():
            return
        self._tell_news()
        assert self._cursor is not None
        cursor = self._cursor
        self._announce({stream.listener.company_id for stream in self._streams})
        for stream in self._still_admitted(list(self._streams)):
            self._try(stream, partial(stream.give_sign_of_life, cursor))

    def _announce(self, company_ids: Collection[UUID]) -> None:
        at = time.monotonic()
        due = [
            each
            for each in company_ids
            if at - self._announced.get(each, -_ANNOUNCE_SECONDS) >= _ANNOUNCE_SECONDS / 2
        ]
        if due:
            listeners.announce(due)
            self._announced |= dict.fromkeys(due, at)

    def _still_admitted(self, streams: Iterable[Stream]) -> list[Stream]:
        """Return the streams whose callers may listen; the others are closed."""
        admitted = []
        for stream in streams:
            listener = stream.listener
            key = (listener.company_id, listener.credential)
            if time.monotonic() - self._checked.get(key, 0.0) > RECHECK_SECONDS:
                if not standing.holds(listener.credential, listener.company_id):
                    self._drop(stream, is_refused=True)
                    continue
                self._checked[key] = time.monotonic()
            admitted.append(stream)
        return admitted

    # --- Streams -----------------------------------------------------------------------------------------

    def _try(self, stream: Stream, step: Callable[[], None]) -> None:
        """Do something with a stream; one that breaks is dropped, and disturbs no other."""
        try:
            step()
        except Broken:
            self._drop(stream)
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if stream.has_waiting else 0)
        if self._selector.get_key(stream.connection).events != wanted:
            self._selector.modify(stream.connection, wanted, stream)

    def _drop(self, stream: Stream, *, is_refused: bool = False) -> None:
        if stream in self._streams:
            self._streams.remove(stream)
            self._selector.unregister(stream.connection)
        stream.close(is_refused=is_refused)
        self._hub.has_left(stream)
        if not self._streams:
            self._checked.clear()
            self._announced.clear()


def _narrowed(reading: Reading, company_id: UUID) -> Reading:
    """Return what of a reading is one company's; cut when it is more than a stream should carry at once."""
    events = [event for event in reading.events if event.company_id == company_id]
    is_cut = reading.is_cut or sum(len(event.frame) for event in events) > MOST_TOLD_BYTES
    return Reading([] if is_cut else events, reading.cursor, is_cut)


def _spell(stream: Stream, reading: Reading) -> bytes:
    if reading.is_cut:
        return stream.wire.control("reset", str(reading.cursor))
    return stream.wire.spell([event.frame for event in reading.events], str(reading.cursor))


hub = Hub()
