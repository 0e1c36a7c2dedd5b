"""What `manage.py doctor` says of this host's runner and of the runs it follows."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import UUID

from django.conf import settings

from heartbeat import retention, runners
from heartbeat.models import Run, Runner
from heartbeat.runner import folders
from paperclip.core import clock
from paperclip.core.doctor import Finding, looks_at

_FORGOTTEN = timedelta(days=7)
UUID_TEXT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@looks_at("runner")
def look_at_runner() -> Finding:
    """Whether the runner of this home is alive by its lease, and how many runs it follows."""
    start = "`manage.py up` or `manage.py runner` starts it; agents at work go on meanwhile."
    runner = Runner.objects.filter(name=runners.own_name()).order_by("-last_seen_at").first()
    if runner is None:
        return Finding("runner", "warn", "has never worked on this host", start)
    runs = f"{runners.live_runs(runner)} of {runner.capacity} runs live"
    seen = f"last seen {runner.last_seen_at:%Y-%m-%d %H:%M:%S} UTC"
    work = "`manage.py runner --take-work`, or the board's Runners page, lets it work again."
    state = runners.state(runner, now=clock.now())
    if state == "drained":
        return Finding("runner", "warn", f"{runner.name} is drained and takes no work; {runs}", work)
    if state == "draining":
        return Finding("runner", "warn", f"{runner.name} drains and takes no work; {runs}", work)
    if state == "stopped":
        return Finding("runner", "warn", f"{runner.name} stopped, {seen}; {runs}", start)
    if state in ("silent", "lost"):
        return Finding("runner", "fail", f"{runner.name} is {state}, {seen}; {runs}", start)
    return Finding("runner", "ok", f"{runner.name}, {runs}")


@looks_at("other runners")
def look_at_other_runners() -> Finding:
    """Whether the runners of other hosts are alive; those that were stopped on purpose are not looked for."""
    now = clock.now()
    others = Runner.objects.exclude(name=runners.own_name()).filter(last_seen_at__gt=now - _FORGOTTEN)
    states = {runner.name: runners.state(runner, now=now) for runner in others}
    gone = sorted(name for name, state in states.items() if state in ("silent", "lost"))
    if gone:
        hint = "Look at their hosts; what they were at is started once more by another runner."
        return Finding("other runners", "warn", f"{', '.join(gone)} gone without a word", hint)
    working = sum(state in ("active", "draining") for state in states.values())
    return Finding("other runners", "ok", f"{working} at work" if working else "none")


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


@looks_at("run logs")
def look_at_run_logs() -> Finding:
    """How much of the disk the logs of this home take, and how long they are kept."""
    taken = folders.space()
    size = f"{'at least ' if taken.is_partial else ''}{taken.bytes / 1024**2:.0f} MiB"
    kept = f"kept {retention.log_days()} days" if retention.log_days() else "kept for ever"
    return Finding("run logs", "ok", f"{taken.folders} runs, {size}, {kept}")
