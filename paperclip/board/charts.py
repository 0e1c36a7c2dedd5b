"""Figures turned into the geometry of inline SVG. Pure: counts in, coordinates out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

WIDTH = 420
HEIGHT = 96
_GAP = 6
# Bottom to top, as they are stacked.
OUTCOMES = (("succeeded", "succeeded"), ("failed", "failed or timed out"), ("other", "cancelled or live"))


@dataclass(frozen=True)
class Piece:
    """One rectangle of a stacked bar."""

    x: float
    y: float
    width: float
    height: float
    kind: str


@dataclass(frozen=True)
class Day:
    """One day's bar with what it says."""

    x: float
    width: float
    pieces: list[Piece]
    title: str
    label: str


@dataclass(frozen=True)
class RunChart:
    """Bars per day: runs by outcome, or what the day cost."""

    days: list[Day]
    peak: int
    total: int
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def first(self) -> str:
        """The first day's date."""
        return self.days[0].label if self.days else ""

    @property
    def last(self) -> str:
        """The last day's date."""
        return self.days[-1].label if self.days else ""


@dataclass(frozen=True)
class Share:
    """One horizontal bar of a list: its share of the largest, 0 to 100."""

    status: str
    count: int
    width: float


def run_chart(days: Sequence[tuple[date, Mapping[str, int]]]) -> RunChart:
    """Return the bars of `days`, each a mapping of outcome to number of runs."""
    totals = [sum(counts[kind] for kind, _ in OUTCOMES) for _, counts in days]
    peak = max(totals, default=0)
    step = WIDTH / max(len(days), 1)
    return RunChart(
        days=[_day(index * step, step - _GAP, day, counts, peak) for index, (day, counts) in enumerate(days)],
        peak=peak,
        total=sum(totals),
    )


def cost_chart(days: Sequence[tuple[date, int]]) -> RunChart:
    """Return the bars of `days`, each with what it cost in cents."""
    peak = max((cents for _, cents in days), default=0)
    step = WIDTH / max(len(days), 1)
    width = max(step - min(_GAP, step / 3), 0.5)
    return RunChart(
        days=[_cost_day(index * step, width, day, cents, peak) for index, (day, cents) in enumerate(days)],
        peak=peak,
        total=sum(cents for _, cents in days),
    )


def shares(counts: Sequence[tuple[str, int]]) -> list[Share]:
    """Return one bar per status, as long as its part of the largest."""
    peak = max((count for _, count in counts), default=0)
    return [Share(status, count, round(100 * count / peak, 1) if peak else 0) for status, count in counts]


def _cost_day(x: float, width: float, day: date, cents: int, peak: int) -> Day:
    height = max(2.0, cents / peak * (HEIGHT - 4)) if cents else 0
    bar = Piece(round(x, 1), round(HEIGHT - height, 1), round(width, 1), round(height, 1), "spent")
    label = f"{day.day} {day:%b}"
    title = f"{day:%a} {label}: ${cents / 100:,.2f}"
    return Day(round(x, 1), round(width, 1), [bar] if cents else [], title, label)


def _day(x: float, width: float, day: date, counts: Mapping[str, int], peak: int) -> Day:
    pieces = []
    top = float(HEIGHT)
    for kind, _ in OUTCOMES:
        if not counts.get(kind):
            continue
        height = max(2.0, counts[kind] / peak * (HEIGHT - 4))
        top -= height
        pieces.append(Piece(round(x, 1), round(max(top, 0), 1), round(width, 1), round(height, 1), kind))
    told = ", ".join(f"{counts[kind]} {words}" for kind, words in OUTCOMES if counts.get(kind)) or "no runs"
    label = f"{day.day} {day:%b}"
    return Day(round(x, 1), round(width, 1), pieces, f"{day:%a} {label}: {told}", label)
