"""News of the companies floor. Sent inside the transaction of their cause.

| signal | arguments | receivers |
|---|---|---|
| `agent_stopped` | `agent`, `reason` (sentence for its runs), `actor`, `now` | heartbeat: cancels its live runs and waiting wakes; governance: withdraws the hire of an agent terminated before it was approved |
| `agent_approved` | `agent`, `actor`, `now` | governance: settles the hire approval that asked for it (CW-9) |
| `company_stopped` | `company`, `reason`, `actor`, `now` | heartbeat: cancels every live run and waiting wake of the company |
| `company_leaves` | `company`, `now` | heartbeat: raises Conflict while a program of it runs, and removes its run folders of this host after the commit |
| `member_leaves` | `member`, `assignee_agent_id`, `assignee_user_id` (who takes over, or None), `actor`, `now` | issues: passes on the person's open issues, returns how many |
| `monthly_budget_set` | `company`, `agent` (None for the company itself), `cents` (0 for no limit), `actor`, `now`; the ledger's lock is held | governance: puts a budget behind the figure (CW-12, CW-13) |
| `project_created` | `project`, `workspace` (the object sent with it, or None), `actor`, `now` | workspaces: checks and creates the first workspace, returns its id |
"""  # noqa: E501  a table row cannot be broken

from __future__ import annotations

from django.dispatch import Signal

agent_stopped = Signal()
agent_approved = Signal()
company_stopped = Signal()
company_leaves = Signal()
member_leaves = Signal()
monthly_budget_set = Signal()
project_created = Signal()
