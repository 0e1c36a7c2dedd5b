"""The span of time a budget is for (C-88). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from paperclip.core import clock
from paperclip.governance.choices import BudgetWindow

_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Window:
    """From `start` on, up to but without `end`."""

    start: datetime
    end: datetime

    def holds(self, moment: datetime) -> bool:
        """Return whether `moment` lies in the window."""
        return self.start <= moment < self.end


def of(kind: str, now: datetime) -> Window:
    """Return the window of `kind` that holds `now`: its UTC month, or all time."""
    if kind == BudgetWindow.LIFETIME:
        return Window(_FIRST, _LAST)
    return Window(clock.month_start(now), clock.next_month_start(now))
