"""Hearing from the database that there is something to do."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import connection

from heartbeat import runners
from heartbeat.lifecycle import CANCEL_CHANNEL
from heartbeat.wakeups import QUEUE_CHANNEL
from paperclip.core import due

_RECONNECT_SECONDS = 2.0


@dataclass(frozen=True)
class Notices:
    """What the database said since it was last asked."""

    queue: bool
    cancels: bool
    due: bool
    standing: bool


class Listener:
    """A connection of its own that only listens. Losing it costs seconds, for the queue is polled as well."""

    def __init__(self) -> None:
        self._connection: psycopg.Connection[Any] | None = None
        self._next_try = 0.0
        self.lost_descriptor = -1

    def connect(self) -> int | None:
        """Connect when not connected; return the descriptor to wait on when this call made the connection."""
        if self._connection is not None or time.monotonic() < self._next_try:
            return None
        self._next_try = time.monotonic() + _RECONNECT_SECONDS
        parameters = connection.get_connection_params()
        for name in ("cursor_factory", "context", "prepare_threshold", "server_side_binding"):
            parameters.pop(name, None)
        try:
            made = psycopg.connect(**parameters, autocommit=True)
        except psycopg.OperationalError:
            return None  # the pass itself meets the same outage and says so
        for channel in (QUEUE_CHANNEL, CANCEL_CHANNEL, due.CHANNEL, runners.CHANNEL):
            made.execute(f"LISTEN {channel}")
        self._connection = made
        return made.fileno()

    def take(self) -> Notices | None:
        """Return what was said, or None when the connection is lost (`lost_descriptor` was its descriptor)."""
        assert self._connection is not None
        descriptor = self._connection.fileno()
        try:
            channels = {notice.channel for notice in self._connection.notifies(timeout=0)}
        except psycopg.OperationalError:
            self.lost_descriptor = descriptor
            self._connection.close()
            self._connection = None
            return None
        return Notices(
            queue=QUEUE_CHANNEL in channels,
            cancels=CANCEL_CHANNEL in channels,
            due=due.CHANNEL in channels,
            standing=runners.CHANNEL in channels,
        )
