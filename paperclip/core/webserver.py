"""The web server: gunicorn with threads, configured from settings.

Several processes of several threads each answer requests at once; a persistent connection that waits for
its next request occupies no thread. The application is loaded before the processes part, so they share its
memory. Each thread keeps its database connection between requests (CONN_MAX_AGE); a thread that has had none
for a while ends, and what it took is given back. A connection that a view takes away (`handover`) is forgotten.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.workers.gthread import ThreadWorker

from paperclip.core import handover
from paperclip.core.threads import PassingThreads, give_back

# What gunicorn imports only when it starts.
MODULES = ("gunicorn.glogging", "gunicorn.http.wsgi")

# Longer than the pause between two requests of clients that poll, so that they stay connected.
KEEP_ALIVE_SECONDS = 75
# Half of what a supervisor allows for a stop: connections a browser opened in advance hold it up to the end.
GRACE_SECONDS = 5
# The rows of a long list are no garbage: looking through them again and again took a tenth of its time.
COLLECT_AFTER_OBJECTS = 10_000
# After so long without a request a thread ends; the next one connects to the database anew, in a few milliseconds.
IDLE_SECONDS = 30
# A worker process that has not been seen alive for so long is replaced; slow requests do not count.
STUCK_SECONDS = 60


class _Server(BaseApplication):
    def __init__(self, load: Callable[[], Any], options: dict[str, Any]) -> None:
        self._load = load
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return self._load()


def serve(
    load: Callable[[], Any],
    *,
    host: str,
    port: int,
    workers: int,
    threads: int,
    at_thread_end: Callable[[], None] = lambda: None,
) -> None:
    """Serve the WSGI application that `load` returns until SIGTERM; requests in hand are finished first.

    `at_thread_end` is called in a thread before it ends. Never returns: the process exits with the server's exit code.
    """

    class Worker(ThreadWorker):  # gunicorn wants a class
        wsgi: Any

        def get_thread_pool(self) -> PassingThreads:
            return PassingThreads(
                threads, idle_seconds=IDLE_SECONDS, at_end=partial(_end_thread, at_thread_end)
            )

        def load_wsgi(self) -> None:
            super().load_wsgi()
            self.wsgi = handover.offering(self.wsgi)

        def handle_request(self, req: Any, conn: Any) -> bool:
            try:
                return bool(super().handle_request(req, conn))
            except handover.Taken:
                conn.is_taken = True
                return False

        def finish_request(self, conn: Any, fs: Any) -> None:
            if getattr(conn, "is_taken", False):
                self.nr_conns -= 1  # nothing is left to close
                return
            super().finish_request(conn, fs)

    memory = Path("/dev/shm")  # noqa: S108 - gunicorn's own heartbeat files, unlinked as soon as they are made
    options = {
        "bind": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        "workers": workers,
        "threads": threads,
        "worker_class": Worker,
        "preload_app": True,
        "keepalive": KEEP_ALIVE_SECONDS,
        "graceful_timeout": GRACE_SECONDS,
        "timeout": STUCK_SECONDS,
        # A disk under load must not make a live worker look stuck.
        "worker_tmp_dir": str(memory) if memory.is_dir() else None,
        "control_socket_disable": True,
        "loglevel": "warning",
        "pre_fork": _share_memory,
        "worker_exit": lambda server, worker: handover.server_ends(),
    }
    _Server(load, options).run()


def _share_memory(server: object, worker: object) -> None:
    """Keep the garbage collector from writing to, and thereby copying, what the processes share."""
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_OBJECTS)


def _end_thread(close: Callable[[], None]) -> None:
    close()
    give_back()
