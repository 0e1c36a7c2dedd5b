"""Programs of services under the same shims as those of runs: they outlive runner and web server alike.

A launch has a directory like that of a run, in a place of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import UUID

from django.conf import settings

from heartbeat import runners
from heartbeat.runner import rundir
from heartbeat.runner.records import RunFileInvalid, Spec
from heartbeat.runner.rundir import RunDir, ShimAlive
from paperclip.core import redaction
from workspaces.programs import Ended

log = logging.getLogger(__name__)

GRACE_SECONDS = 2.0
LOST = Ended(is_lost=True)


class ServicePrograms:
    """Keeps services on this host, for `workspaces.programs`."""

    @property
    def host(self) -> str:
        """The name of this home's runner."""
        return runners.own_name()

    def start(self, launch_id: UUID, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> None:
        """Start a program under a shim of its own. Raises OSError."""
        spec = Spec(
            run_id=str(launch_id),
            argv=tuple(argv),
            cwd=str(cwd),
            stdin=None,
            timeout_sec=0,
            grace_sec=GRACE_SECONDS,
            max_log_bytes=settings.RUN_LOG_MAX_BYTES,
            adapter_type="service",
            claim_token=str(launch_id),
            mask_env=tuple(name for name in env if redaction.names_secret(name)),
        )
        rundir.start_shim(rundir.create(settings.SERVICES_ROOT, str(launch_id), spec, env))

    def pid(self, launch_id: UUID) -> int | None:
        """Return the process of a launch."""
        directory = _directory(launch_id)
        started = directory.read_started() if directory is not None else None
        return started.pid if started is not None else None

    def ended(self, launch_id: UUID) -> Ended | None:
        """Return how a launch ended; what a dead shim left running is ended first."""
        directory = _directory(launch_id)
        if directory is None or not directory.was_started():
            return LOST
        if directory.is_alive():
            return None
        try:
            found = directory.read_exit()
        except RunFileInvalid as error:
            log.error("service launch %s left an unreadable exit record: %s", launch_id, error)
            found = None
        if found is None:
            directory.kill_leftovers()
            return LOST
        said = found.error.message if found.error is not None and found.pid is None else None
        return Ended(exit_code=found.exit_code, signal=found.signal, error=said)

    def ask_to_end(self, launch_id: UUID, reason: str) -> None:
        """Ask the shim to end its program."""
        directory = _directory(launch_id)
        if directory is not None:
            directory.request_cancel(reason)

    def tail(self, launch_id: UUID) -> str:
        """Return the end of both streams."""
        directory = _directory(launch_id)
        if directory is None:
            return ""
        said = directory.tail_excerpt("stdout") + directory.tail_excerpt("stderr")
        return redaction.text(said)

    def forget(self, launch_id: UUID) -> None:
        """Remove the directory of a launch that has ended."""
        directory = _directory(launch_id)
        try:
            if directory is not None:
                directory.remove()
        except ShimAlive:
            log.error("service launch %s still lives", launch_id)


def _directory(launch_id: UUID) -> RunDir | None:
    return RunDir.open(settings.SERVICES_ROOT, str(launch_id))
