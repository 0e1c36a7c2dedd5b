"""News of the companies floor. Sent inside the transaction of their cause.

| signal | arguments | receivers |
|---|---|---|
| `agent_stopped` | `agent`, `reason` (sentence for its runs), `actor`, `now` | heartbeat: cancels its live runs and waiting wakes; governance: withdraws the hire of an agent terminated before it was approved |
| `agent_approved` | `agent`, `actor`, `now` | governance: settles the hire approval that asked for it (CW-9) |
| `company_stopped` | `company`, `reason`, `actor`, `now` | heartbeat: cancels every live run and waiting wake of the company |
| `project_created` | `project`, `workspace` (the object sent with it, or None), `actor`, `now` | workspaces: checks and creates the first workspace, returns its id |
"""  # noqa: E501  a table row cannot be broken

from __future__ import annotations

from django.dispatch import Signal

agent_stopped = Signal()
agent_approved = Signal()
company_stopped = Signal()
project_created = Signal()
