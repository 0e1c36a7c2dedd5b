"""What a benchmark comes to: numbers, and how far they are from what was aimed at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """One line of the table.

    `value` is a median of what `unit` says: `ms`, `s` and `MB` are the better the smaller, `/s` the greater, `x` is a
    ratio between two sizes. `p95` is the 95th percentile of times, None where there is none. `goal` is in `unit`.
    """

    name: str
    unit: str
    value: float
    p95: float | None = None
    goal: float | None = None
    note: str = ""

    @property
    def times_goal(self) -> float | None:
        """Return how many times better than its goal this is; 1 is just met, None without a goal."""
        if self.goal is None or not self.value:
            return None
        return self.value / self.goal if self.unit == "/s" else self.goal / self.value


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest of `values` that `share` (0 to 1) of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median(values: Sequence[float]) -> float:
    """Return the middle one of `values`."""
    return percentile(values, 0.5)


def times(name: str, milliseconds: Sequence[float], *, goal: float | None = None, note: str = "") -> Measure:
    """Return the measure of a series of times in ms."""
    return Measure(name, "ms", median(milliseconds), percentile(milliseconds, 0.95), goal, note)
