"""News of the issues floor. All are sent inside the transaction of their cause; receivers write rows of their
own app and nothing else.

| signal | arguments | receivers |
|---|---|---|
| `agents_called` | `wakes: Sequence[wakes.Wake]`, `actor`, `now` | heartbeat: writes wakeups and runs |
| `work_stopped` | `issue`, `actor`, `source`, `reason`, `now` | heartbeat: cancels the run, returns its id |
| `tree_stopped` | `hold`, `issue_ids`, `actor`, `now` | heartbeat: cancels runs and waiting wakes of the issues |
| `tree_resumed` | `hold` (an ended pause), `issue_ids`, `actor`, `now` | heartbeat: calls whom the pause had stopped |
| `workspace_settings_changed` | `issue` that stays in its own, `actor`, `now` | workspaces: it follows |
| `status_changed` | `issue` as it is now, `before`, `actor`, `now` | issues: monitors, hand-offs; routines: follow |
"""

from __future__ import annotations

from django.dispatch import Signal

agents_called = Signal()
work_stopped = Signal()
tree_stopped = Signal()
tree_resumed = Signal()
status_changed = Signal()
workspace_settings_changed = Signal()
