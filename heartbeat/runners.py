"""What people say to runners and hear of them: drain, take work again, and that one does not come back."""

from __future__ import annotations

import hashlib
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q

from heartbeat.choices import RunnerState, RunStatus
from heartbeat.models import Run, Runner, Tick
from heartbeat.recovery import lost_runs
from paperclip.governance import notices
from paperclip.governance.choices import NoticeKind

CHANNEL = "paperclip_runner"
WATCH = "heartbeat.runners"
_MAX_GAP = timedelta(seconds=90)
_PATH = "/admin/heartbeat/runner/"


@dataclass(frozen=True)
class Pass:
    """What one pass did."""

    lost: int


def drain(*, runner: Runner, now: datetime) -> bool:
    """Let the runner's live runs end and have it claim nothing more, after which it ends; False when it does already.

    Holds over restarts until `take_work`.
    """
    with transaction.atomic():
        asked = Runner.objects.filter(pk=runner.pk, drain_requested_at__isnull=True).update(
            drain_requested_at=now, updated_at=now
        )
        Runner.objects.filter(pk=runner.pk, state=RunnerState.ACTIVE).update(state=RunnerState.DRAINING)
        _tell(runner)
        return bool(asked)


def take_work(*, runner: Runner, now: datetime) -> bool:
    """Let a drained runner work again, or one that still drains; False when it was neither."""
    with transaction.atomic():
        asked = Runner.objects.filter(pk=runner.pk, drain_requested_at__isnull=False).update(
            drain_requested_at=None, updated_at=now
        )
        Runner.objects.filter(pk=runner.pk, state=RunnerState.DRAINING).update(state=RunnerState.ACTIVE)
        _tell(runner)
        return bool(asked)


def live_runs(runner: Runner) -> int:
    """Return how many runs the runner follows."""
    return Run.objects.filter(runner=runner, status=RunStatus.RUNNING).count()


def state(runner: Runner, *, now: datetime) -> str:
    """Return the one word that says how a runner is: active, draining, drained, stopped, silent or lost."""
    if runner.lost_at is not None:
        return "lost"
    if runner.state != RunnerState.STOPPED and runner.lease_expires_at < now:
        return "silent"
    if runner.state == RunnerState.STOPPED and runner.drain_requested_at is not None:
        return "drained"
    return runner.state


def watch(*, now: datetime) -> Pass:
    """Tell people of every runner that went away without a word and stays away; once of each.

    After an outage of everything nobody is called lost before the runners had time to come back: only while passes
    have been going on without a gap. The caller holds the pass's lock (see `duties`).
    """
    previous = Tick.objects.filter(name=WATCH).values_list("committed_at", flat=True).first()
    if previous is None or now - previous > _MAX_GAP:
        return Pass(lost=0)
    # A recovery pass may have written it off already, which shows in a stop after the end of its lease.
    left_alone = ~Q(state=RunnerState.STOPPED) | Q(stopped_at__gt=F("lease_expires_at"))
    silent = Runner.objects.filter(
        left_alone, lease_expires_at__lt=now - lost_runs.GRACE, lost_at__isnull=True
    )
    lost = 0
    for runner in silent.order_by("name"):
        written_off = {"lost_at": now, "state": RunnerState.STOPPED, "stopped_at": now, "updated_at": now}
        if silent.filter(pk=runner.pk).update(**written_off):
            lost += 1
            _tell_lost(runner, now=now)
    return Pass(lost)


def rests() -> str | None:
    """Return in words why this home's runner is not to be started, None when it is."""
    runner = Runner.objects.filter(name=own_name(), drain_requested_at__isnull=False).first()
    if runner is None:
        return None
    return (
        f"runner {runner.name} is drained and rests; `manage.py runner --take-work`, or the board's Runners page,"
        " lets it work again"
    )


def own_name() -> str:
    """Return this home's runner's name: configured, or made of host and home, so that it stays over restarts."""
    if settings.RUNNER_NAME:
        return str(settings.RUNNER_NAME)
    home = hashlib.sha256(str(settings.PAPERCLIP_HOME).encode()).hexdigest()[:6]
    return f"{socket.gethostname()}-{home}"


def settle_lost(runner: Runner, *, now: datetime) -> None:
    """Take back that the runner is lost: it is there."""
    notices.settle(company_id=None, kind=NoticeKind.RUNNER_LOST, key=runner.name, now=now)


def _tell_lost(runner: Runner, *, now: datetime) -> None:
    notices.tell(
        company_id=None,
        kind=NoticeKind.RUNNER_LOST,
        key=runner.name,
        title=f"Runner {runner.name} on host {runner.host} is gone",
        body=(
            f"It was last seen at {runner.last_seen_at:%Y-%m-%d %H:%M:%S} UTC. What it was at is started once more"
            " by another runner, if there is one. Look at the host, or start `manage.py runner` there again."
        ),
        path=_PATH,
        now=now,
    )


def _tell(runner: Runner) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, runner.name])
