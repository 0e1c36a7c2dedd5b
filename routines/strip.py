"""The outcome strip: the newest runs of a routine as small bars, the newest on the right."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from paperclip.core import status_look
from routines import queries
from routines.choices import FOLDED, RunOutcome, RunStatus
from routines.models import RoutineRun

SHOWN = 14
HEIGHT = 20
_STEP = 7
_WIDTH = 5
# Work that was taken up or left out by other work stands lower than work that was done.
_LOW = 8


@dataclass(frozen=True)
class Bar:
    """One run: where it stands on the strip, in SVG units, and what it says."""

    x: int
    height: int
    group: str
    title: str
    width: int = _WIDTH

    @property
    def y(self) -> int:
        """The upper edge."""
        return HEIGHT - self.height


@dataclass(frozen=True)
class Strip:
    """A routine's bars, and how many of its newest runs failed."""

    bars: list[Bar] = field(default_factory=list)
    failed: int = 0
    width: int = SHOWN * _STEP
    height: int = HEIGHT


def of(routine_ids: Collection[UUID]) -> dict[UUID, Strip]:
    """Return the strip of each routine that ever ran, in one query."""
    newest = queries.newest_runs(routine_ids, most=SHOWN)
    return {routine_id: _strip(runs) for routine_id, runs in newest.items()}


def _strip(runs: Sequence[RoutineRun]) -> Strip:
    """Return the bars of runs, which come newest first."""
    offset = SHOWN - len(runs)
    bars = [_bar((offset + place) * _STEP, run) for place, run in enumerate(reversed(runs))]
    return Strip(bars, failed=sum(ended(run) == RunOutcome.FAILED for run in runs))


def ended(run: RoutineRun) -> str | None:
    """Return what became of the work of a run: completed, failed, or None while it is open or when there is none."""
    if run.status in FOLDED:
        return run.outcome
    return run.status if run.status in (RunStatus.COMPLETED, RunStatus.FAILED) else None


def _bar(x: int, run: RoutineRun) -> Bar:
    look = status_look.of(run.status)
    group = status_look.of(run.outcome).group if run.status in FOLDED and run.outcome else look.group
    issue = f", {run.linked_issue.identifier}" if run.linked_issue is not None else ""
    return Bar(
        x=x,
        height=_LOW if run.status in FOLDED else HEIGHT,
        group=group,
        title=f"{run.triggered_at.day} {run.triggered_at:%b %H:%M} UTC {look.label}{issue}",
    )
