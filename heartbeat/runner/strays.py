"""Programs of this home that no run stands behind any more: taken from this runner while it was away."""

from __future__ import annotations

import logging
from collections.abc import Set
from pathlib import Path

from heartbeat.runner.rundir import RunDir

log = logging.getLogger(__name__)


def end(runs_root: Path, *, known: Set[str]) -> int:
    """End every program whose run is not among `known`; return how many there were.

    A live shim is asked to end its program. Of a dead one that left no exit record, what still carries the run's
    mark in its environment is killed.
    """
    if not runs_root.is_dir():
        return 0
    strays = 0
    for path in runs_root.iterdir():
        directory = RunDir(path)
        if path.name in known or not directory.was_started():
            continue
        if directory.is_alive():
            log.warning("run %s: is no longer this runner's; ending its program", path.name)
            strays += directory.request_cancel("The run was taken from this runner")
        elif not directory.has_exit():
            strays += bool(directory.kill_leftovers())
    return strays
