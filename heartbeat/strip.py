"""The heartbeat strip: the last 24 hours of an agent as one small bar per run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from heartbeat.choices import RUN_LIVE
from heartbeat.models import Run
from paperclip.core import status_look
from paperclip.core.templatetags.board import duration

HOURS = 24
WIDTH = 144
HEIGHT = 20
_BARS_AT_MOST = 72
_TALLEST = timedelta(minutes=30)


@dataclass(frozen=True)
class Bar:
    """One run: where it stands on the strip, in SVG units, and what it says."""

    x: float
    height: float
    group: str
    title: str

    @property
    def y(self) -> float:
        """The upper edge."""
        return HEIGHT - self.height


@dataclass(frozen=True)
class Strip:
    """One agent's bars and how many runs they stand for."""

    bars: list[Bar] = field(default_factory=list)
    total: int = 0
    failed: int = 0
    width: int = WIDTH
    height: int = HEIGHT


def of(agent_ids: Sequence[UUID], *, now: datetime) -> dict[UUID, Strip]:
    """Return the strip of each agent in one query; of a busy agent the newest 72 runs are drawn."""
    since = now - timedelta(hours=HOURS)
    rows = Run.objects.filter(agent_id__in=agent_ids, created_at__gte=since).order_by("-created_at")
    columns = ("agent_id", "status", "created_at", "started_at", "finished_at")
    runs: dict[UUID, list[tuple[str, datetime, timedelta]]] = defaultdict(list)
    for agent_id, status, created_at, started_at, finished_at in rows.values_list(*columns)[
        : 200 * len(agent_ids)
    ]:
        taken = (finished_at or now) - started_at if started_at else timedelta()
        runs[agent_id].append((status, started_at or created_at, taken))
    return {agent_id: _strip(found, since) for agent_id, found in runs.items()}


def _strip(runs: list[tuple[str, datetime, timedelta]], since: datetime) -> Strip:
    return Strip(
        bars=[_bar(status, at, taken, since) for status, at, taken in reversed(runs[:_BARS_AT_MOST])],
        total=len(runs),
        failed=sum(1 for status, _, _ in runs if status in ("failed", "timed_out")),
    )


def _bar(status: str, at: datetime, taken: timedelta, since: datetime) -> Bar:
    share = max(0.0, (at - since) / timedelta(hours=HOURS))
    tall = min(1.0, taken / _TALLEST) ** 0.4 if taken else 0.0
    words = status_look.of(status).label
    length = "" if status in RUN_LIVE and not taken else f", {duration(taken)}"
    return Bar(
        x=round(min(share, 1.0) * (WIDTH - 3), 1),
        height=round(4 + tall * (HEIGHT - 4), 1),
        group=status_look.of(status).group,
        title=f"{at:%H:%M} UTC {words}{length}",
    )
