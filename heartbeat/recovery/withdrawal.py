"""Issues the product made to get other work going, taken back when nobody needs them any more."""

from __future__ import annotations

from datetime import datetime

from heartbeat.stranding import escalation
from issues import blockers, consequences, locks, stranding, wakes
from issues.models import Issue


def withdraw(issue: Issue, *, source: str, now: datetime) -> bool:
    """Cancel a locked issue, let go of what waits for it, and call whom it alone held up; whether it was open.

    The caller holds the company's relations lock. `source` is what the log puts it down to.
    """
    waiting = sorted(stranding.waiting_for(issue.pk))
    for waiting_id in waiting:
        held_up = locks.issue(waiting_id)
        change = stranding.stop_waiting(held_up, issue.pk, actor=escalation.ACTOR, now=now)
        consequences.record_blockers(held_up, change, actor=escalation.ACTOR, now=now)
    closed = stranding.call_off(issue, source=source, actor=escalation.ACTOR, now=now)
    batch = wakes.Batch()
    for wake in blockers.called_when_ready(waiting, resolved=issue.pk):
        batch.add(wake)
    batch.send(actor=escalation.ACTOR, now=now)
    return closed
