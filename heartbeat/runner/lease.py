"""The runner's row and lease: how others know that its runs are being followed."""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings

from heartbeat.choices import RunnerState
from heartbeat.models import Runner


class HomeInUse(Exception):
    """Another runner follows the runs of this home folder."""


def lock_home(home: Path) -> int:
    """Take the home for this process until it ends; return the open lock. Raises HomeInUse.

    The lock is the kernel's: it ends with the process, however that ends.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(home / "runner.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise HomeInUse(f"Another runner already works in {home}") from error
    return descriptor


def name() -> str:
    """Return the runner's name: configured, or made of the host and the home, so that a restart is the same runner."""
    if settings.RUNNER_NAME:
        return str(settings.RUNNER_NAME)
    home = hashlib.sha256(str(settings.PAPERCLIP_HOME).encode()).hexdigest()[:6]
    return f"{socket.gethostname()}-{home}"


def register(*, now: datetime) -> Runner:
    """Return this runner's row, alive from now on. The caller holds the home's lock."""
    alive = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "state": RunnerState.ACTIVE,
        "capacity": settings.RUNNER_CAPACITY,
        "last_seen_at": now,
        "lease_expires_at": _expiry(now),
        "suspected_at": None,
        "stopped_at": None,
        "updated_at": now,
    }
    runner, _ = Runner.objects.update_or_create(
        name=name(), defaults=alive, create_defaults={**alive, "created_at": now}
    )
    return runner


def renew(runner: Runner, *, now: datetime) -> None:
    """Say that the runner lives and follows its runs."""
    Runner.objects.filter(pk=runner.pk).update(
        last_seen_at=now, lease_expires_at=_expiry(now), suspected_at=None, updated_at=now
    )


def retire(runner: Runner, *, now: datetime) -> None:
    """Say that the runner stops on purpose; its live runs go on under their shims."""
    Runner.objects.filter(pk=runner.pk, pid=os.getpid()).update(
        state=RunnerState.STOPPED, stopped_at=now, last_seen_at=now, updated_at=now
    )


def _expiry(now: datetime) -> datetime:
    return now + timedelta(seconds=settings.RUNNER_LEASE_SECONDS)
