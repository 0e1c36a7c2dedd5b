"""Live events: how long from the commit to the client, and what open streams occupy."""

from __future__ import annotations

import selectors
import socket
import time
from contextlib import ExitStack
from functools import partial
from uuid import UUID

from django.db import transaction

from bench import memory
from bench.measures import Measure, times
from bench.product import Product
from bench.scene import Scene
from paperclip.companies import activity, actors
from paperclip.core import clock

MANY = 200
_ANSWER_SECONDS = 10.0


def measure(place: Scene, running: Product, *, count: int) -> list[Measure]:
    """Return the latency with one stream and with many, to the first and the last of them, and what they occupy."""
    found = [each for streams in (1, MANY) for each in _latency(place, running.port, streams, count=count)]
    return [*found, _memory(place, running)]


def _latency(place: Scene, port: int, streams: int, *, count: int) -> list[Measure]:
    with ExitStack() as stack:
        ears = _open(stack, place, port, streams)
        found = [_told(place.company.pk, ears) for _ in range(count + 5)][5:]
    named = "one stream" if streams == 1 else f"{streams} streams"
    first = times(f"event, commit to client, {named}", [each[0] for each in found])
    if streams == 1:
        return [first]
    return [first, times(f"event, commit to the last of {streams} clients", [each[1] for each in found])]


def _told(company_id: UUID, ears: list[socket.socket]) -> tuple[float, float]:
    """Write one row of activity; return when the first and when the last stream had it, in ms after the commit."""
    with selectors.DefaultSelector() as selector:
        for ear in ears:
            selector.register(ear, selectors.EVENT_READ)
        with transaction.atomic():
            activity.record(
                company_id=company_id, actor=actors.system("bench"), action="bench.happened",
                entity_type="company", entity_id=company_id, now=clock.now(),
            )  # fmt: skip
            began = time.perf_counter()
        waiting, first, until = len(ears), None, time.perf_counter() + _ANSWER_SECONDS
        while waiting:
            for key, _ in selector.select(max(until - time.perf_counter(), 0)) or _late():
                if b"bench.happened" in key.fileobj.recv(65536):
                    first = first or time.perf_counter()
                    selector.unregister(key.fileobj)
                    waiting -= 1
        last = time.perf_counter()
    return (first - began) * 1000, (last - began) * 1000


def _late() -> list[tuple[selectors.SelectorKey, int]]:
    raise TimeoutError(f"no event within {_ANSWER_SECONDS:g} s")


def _memory(place: Scene, running: Product) -> Measure:
    """Return what is occupied while many listen, beside what it was without them."""
    without = memory.idle(running, when="nobody listening")
    with ExitStack() as stack:
        _open(stack, place, running.port, MANY)
        listening = memory.idle(running, when=f"{MANY} open streams")
    return Measure(
        f"memory of {MANY} open streams", "MB", listening.value - without.value, goal=20, note=listening.note
    )


def _open(stack: ExitStack, place: Scene, port: int, count: int) -> list[socket.socket]:
    # One caller may not have them all.
    keys = [place.board_token, *place.reader_tokens]
    ears = [_ear(port, place.company.pk, keys[number % len(keys)]) for number in range(count)]
    for ear in ears:
        stack.callback(partial(socket.socket.close, ear))
    return ears


def _ear(port: int, company_id: UUID, token: str) -> socket.socket:
    ear = socket.create_connection(("127.0.0.1", port), timeout=_ANSWER_SECONDS)
    ear.sendall(
        f"GET /api/companies/{company_id}/events/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Authorization: Bearer {token}\r\n\r\n".encode()
    )
    read = b""
    while b"event: ready" not in read:
        data = ear.recv(65536)
        if not data:
            raise ConnectionError(read.decode(errors="replace"))
        read += data
    return ear
