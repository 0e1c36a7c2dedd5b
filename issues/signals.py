"""News of the issues floor. All are sent inside the transaction of their cause; receivers write rows of their
own app and nothing else.

| signal | arguments | receivers |
|---|---|---|
| `agents_called` | `wakes: Sequence[wakes.Wake]`, `actor`, `now` | heartbeat: writes wakeups and runs |
| `work_stopped` | `issue`, `actor`, `source`, `reason`, `now` | heartbeat: cancels the run, returns its id |
"""

from __future__ import annotations

from django.dispatch import Signal

agents_called = Signal()
work_stopped = Signal()
