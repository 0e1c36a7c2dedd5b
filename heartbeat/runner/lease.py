"""The runner's row and lease: how others know that its runs are being followed."""

from __future__ import annotations

import fcntl
import os
import socket
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction

from heartbeat import runners
from heartbeat.choices import RunnerState
from heartbeat.models import Runner


class HomeInUse(Exception):
    """Another runner follows the runs of this home folder."""


class NameInUse(Exception):
    """A runner of this name works on another host: each would take the other's runs for its own."""


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


@transaction.atomic
def register(*, now: datetime) -> Runner:
    """Return this runner's row, alive from now on. The caller holds the home's lock.

    One that was drained stays so. Raises NameInUse while a runner of the same name lives on another host.
    """
    host = socket.gethostname()
    elsewhere = Runner.objects.filter(name=runners.own_name(), lease_expires_at__gt=now).exclude(host=host)
    other = elsewhere.exclude(state=RunnerState.STOPPED).first()
    if other is not None:
        raise NameInUse(
            f"Runner {other.name} works on host {other.host}: give this one another PAPERCLIP_RUNNER_NAME,"
            f" or wait {(other.lease_expires_at - now).seconds} s if that host is gone"
        )
    alive = {
        "host": host,
        "pid": os.getpid(),
        "state": RunnerState.ACTIVE,
        "capacity": settings.RUNNER_CAPACITY,
        "last_seen_at": now,
        "lease_expires_at": _expiry(now),
        "suspected_at": None,
        "stopped_at": None,
        "lost_at": None,
        "updated_at": now,
    }
    runner, _ = Runner.objects.update_or_create(
        name=runners.own_name(), defaults=alive, create_defaults={**alive, "created_at": now}
    )
    if runner.drain_requested_at is not None:
        runner.state = RunnerState.DRAINING
        runner.save(update_fields=["state"])
    runners.settle_lost(runner, now=now)
    return runner


def renew(runner: Runner, *, now: datetime) -> bool:
    """Say that the runner lives and follows its runs; False when it was given up meanwhile and must register anew."""
    mine = Runner.objects.filter(pk=runner.pk, pid=os.getpid()).exclude(state=RunnerState.STOPPED)
    return bool(
        mine.filter(lost_at__isnull=True).update(
            last_seen_at=now, lease_expires_at=_expiry(now), suspected_at=None, updated_at=now
        )
    )


def is_drained(runner: Runner) -> bool:
    """Return whether the runner is to take no work until it is told otherwise."""
    return Runner.objects.filter(pk=runner.pk, drain_requested_at__isnull=False).exists()


def retire(runner: Runner, *, now: datetime) -> None:
    """Say that the runner stops on purpose; its live runs go on under their shims."""
    Runner.objects.filter(pk=runner.pk, pid=os.getpid()).update(
        state=RunnerState.STOPPED, stopped_at=now, last_seen_at=now, updated_at=now
    )


def _expiry(now: datetime) -> datetime:
    return now + timedelta(seconds=settings.RUNNER_LEASE_SECONDS)
