"""News of approvals and money. Sent inside the transaction of their cause.

| signal | arguments | receivers |
|---|---|---|
| `approval_requested` | `approval`, `issue_ids` (may be empty), `actor`, `now` | issues: checks and links the issues (C-73) |
| `approval_approved` | `approval`, `linked_issue_ids` (oldest link first), `actor`, `now` | heartbeat: wakes the requester (C-81) |
| `agent_hired` | `agent`, `approval` that let it begin, `actor`, `now` | heartbeat: tells its adapter (C-80) |
| `cost_recorded` | `event`, `actor`, `now` | – |
| `project_stopped` | `project`, `reason` (sentence for its runs), `actor`, `now` | heartbeat: cancels its live runs and waiting wakes (C-89) |
"""  # noqa: E501  a table row cannot be broken

from __future__ import annotations

from django.dispatch import Signal

approval_requested = Signal()
approval_approved = Signal()
agent_hired = Signal()
cost_recorded = Signal()
project_stopped = Signal()
