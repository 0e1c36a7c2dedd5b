"""The run folders of this home: how much they take, and which are old enough to go.

Every host sees to its own. A folder goes when its run has ended long ago by its row, and nobody holds its lock; one
of a run the database does not know is left for a person to judge (see `doctor`).
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from django.conf import settings

from heartbeat import retention, runners
from heartbeat.choices import RUN_TERMINAL
from heartbeat.models import Run
from heartbeat.runner.rundir import RunDir, ShimAlive
from paperclip.core import doctor, naming
from paperclip.governance import notices
from paperclip.governance.choices import NoticeKind

log = logging.getLogger(__name__)

NAME = "heartbeat.home"
BATCH = 500
_LOOKED_AT = 20_000
_ASKED_AT_ONCE = 1000


@dataclass(frozen=True)
class Pass:
    """How many run folders one pass removed from this host."""

    folders: int


@dataclass(frozen=True)
class Space:
    """What the run folders of this home take: how many, and the bytes of the logs in those that were looked at."""

    folders: int
    bytes: int
    is_partial: bool


def prune(*, now: datetime) -> Pass:
    """Remove old run folders of this home, and tell people when its disk is nearly full. Each host does so."""
    _look_at_disk(now)
    cutoff = retention.cutoff(retention.log_days(), now)
    removed = 0
    for directory in _old(cutoff) if cutoff is not None else ():
        removed += _remove(directory)
        if removed >= BATCH:
            break
    return Pass(removed)


def forget(run_ids: Collection[UUID]) -> int:
    """Remove the folders of these runs from this home, however young; how many that were."""
    return sum(_remove(RunDir(path)) for path, _ in _folders() if UUID(path.name) in run_ids)


def space() -> Space:
    """Return what the run folders of this home take; of very many only some are looked at."""
    folders = size = 0
    for path, _ in _folders():
        folders += 1
        if folders <= _LOOKED_AT:
            stat = RunDir(path).log_stat()
            size += stat.bytes if stat is not None else 0
    return Space(folders, size, is_partial=folders > _LOOKED_AT)


def _old(cutoff: datetime) -> Iterator[RunDir]:
    """Yield the folders of runs that ended before `cutoff`, by their rows.

    A folder's own time is that of its last file, the exit record: for younger ones no row needs to be asked.
    """
    candidates = sorted(
        (written, path) for path, written in _folders() if datetime.fromtimestamp(written, UTC) < cutoff
    )[:_LOOKED_AT]
    for start in range(0, len(candidates), _ASKED_AT_ONCE):
        paths = {UUID(path.name): path for _, path in candidates[start : start + _ASKED_AT_ONCE]}
        ended = Run.objects.filter(pk__in=paths, status__in=RUN_TERMINAL, finished_at__lt=cutoff)
        for run_id in ended.order_by("finished_at").values_list("pk", flat=True):
            yield RunDir(paths[run_id])


def _folders() -> Iterator[tuple[Path, float]]:
    """Yield every run folder with its time in seconds since 1970."""
    root: Path = settings.RUNS_ROOT
    if not root.is_dir():
        return
    with os.scandir(root) as entries:
        for entry in entries:
            if naming.as_field_uuid(entry.name) is None:
                continue
            with contextlib.suppress(FileNotFoundError):
                yield Path(entry.path), entry.stat(follow_symlinks=False).st_mtime


def _remove(directory: RunDir) -> int:
    try:
        directory.remove()
    except ShimAlive:
        return 0  # its run ended without it; the runner that finds it ends it
    except FileNotFoundError:
        return 0  # another process of this host was at it
    except OSError as error:
        log.warning("run %s: its folder cannot be removed: %s", directory.run_id, error.strerror)
        return 0
    return 1


def _look_at_disk(now: datetime) -> None:
    home: Path = settings.PAPERCLIP_HOME
    if not home.is_dir():
        return
    free = shutil.disk_usage(home).free
    key = runners.own_name()
    if free >= doctor.FEW_BYTES:
        notices.settle(company_id=None, kind=NoticeKind.DISK_FULL, key=key, now=now)
        return
    notices.tell(
        company_id=None,
        kind=NoticeKind.DISK_FULL,
        key=key,
        title=f"The disk of {key} is nearly full",
        body=(
            f"{free / 1024**3:.1f} GiB are free where runs keep their logs. Free some space, or shorten how long"
            " logs are kept (PAPERCLIP_RUN_LOG_DAYS)."
        ),
        now=now,
    )
