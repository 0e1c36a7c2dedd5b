"""Threads for a server that is idle most of the time: they come with the work and end when there is none.

With a thread goes what it has grown: its database connection, the server process behind that, its share of the heap.
"""

from __future__ import annotations

import ctypes
import gc
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

_Params = ParamSpec("_Params")
_Result = TypeVar("_Result")


def give_back() -> None:
    """Return to the system what this process does not need any more: glibc would keep it for the next thread."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class PassingThreads(Executor):
    """Runs work in `size` threads at most, each of which ends after `idle_seconds` without any.

    `at_end` is called in every thread that ends, as the last thing.
    """

    def __init__(self, size: int, *, idle_seconds: float, at_end: Callable[[], None]) -> None:
        self._size = size
        self._idle_seconds = idle_seconds
        self._at_end = at_end
        self._changed = threading.Condition()
        self._work: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._living: set[threading.Thread] = set()
        self._idle = 0
        self._is_over = False

    def submit(
        self, fn: Callable[_Params, _Result], /, *args: _Params.args, **kwargs: _Params.kwargs
    ) -> Future[_Result]:
        """Have `fn` called with the arguments. Raises RuntimeError after `shutdown`."""
        future: Future[_Result] = Future()
        with self._changed:
            if self._is_over:
                raise RuntimeError("no work is taken any more")
            if len(self._work) >= self._idle and len(self._living) < self._size:
                thread = threading.Thread(target=self._live)
                thread.start()
                self._living.add(thread)
            self._work.append((future, lambda: fn(*args, **kwargs)))
            self._changed.notify()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more work; do what was taken, unless it is cancelled, and let the threads end."""
        with self._changed:
            self._is_over = True
            while cancel_futures and self._work:
                self._work.popleft()[0].cancel()
            self._changed.notify_all()
            living = list(self._living)
        for thread in living if wait else ():
            thread.join()

    def _live(self) -> None:
        try:
            while self._do_next():
                pass
        finally:
            self._at_end()

    def _do_next(self) -> bool:
        """Wait for work and do it; False when there is none and this thread has left the ranks."""
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._work or self._is_over, self._idle_seconds)
            self._idle -= 1
            if not self._work:
                self._living.discard(threading.current_thread())
                return False
            future, call = self._work.popleft()
        if future.set_running_or_notify_cancel():
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever asks the future
                future.set_exception(error)
            else:
                future.set_result(result)
        return True
