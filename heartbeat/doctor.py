"""What `manage.py doctor` says of this host's runner and of the runs it follows."""

from __future__ import annotations

import re
from uuid import UUID

from django.conf import settings

from heartbeat.choices import RunnerState, RunStatus
from heartbeat.models import Run, Runner
from heartbeat.runner import lease
from paperclip.core import clock
from paperclip.core.doctor import Finding, looks_at

UUID_TEXT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@looks_at("runner")
def look_at_runner() -> Finding:
    """Whether the runner of this home is alive by its lease, and how many runs it follows."""
    start = "`manage.py up` or `manage.py runner` starts it; agents at work go on meanwhile."
    runner = Runner.objects.filter(name=lease.name()).order_by("-last_seen_at").first()
    if runner is None:
        return Finding("runner", "warn", "has never worked on this host", start)
    live = Run.objects.filter(runner=runner, status=RunStatus.RUNNING).count()
    runs = f"{live} of {runner.capacity} runs live"
    seen = f"last seen {runner.last_seen_at:%Y-%m-%d %H:%M:%S} UTC"
    if runner.state == RunnerState.STOPPED:
        return Finding("runner", "warn", f"{runner.name} stopped, {seen}; {runs}", start)
    if runner.lease_expires_at < clock.now():
        return Finding("runner", "fail", f"{runner.name} is silent, {seen}; {runs}", start)
    return Finding("runner", "ok", f"{runner.name}, {runs}")


@looks_at("run folders")
def look_at_run_folders() -> Finding:
    """Whether every run folder of this home belongs to a run the database knows."""
    root = settings.RUNS_ROOT
    names = [each.name for each in root.iterdir() if each.is_dir()] if root.is_dir() else []
    ids = [UUID(name) for name in names if UUID_TEXT.fullmatch(name)]
    known = {str(pk) for pk in Run.objects.filter(pk__in=ids).values_list("pk", flat=True)}
    strangers = sorted(set(names) - known)
    if strangers:
        return Finding(
            "run folders",
            "warn",
            f"{len(strangers)} of {len(names)} belong to no run, such as {root / strangers[0]}",
            "They are left over from another database: remove them when no agent works in them.",
        )
    return Finding("run folders", "ok", f"{len(names)} in {root}")
