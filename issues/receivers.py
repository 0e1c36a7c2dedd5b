"""What the issues floor does on news from lower floors, and on its own.

Inside the transaction of the cause; own rows only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.dispatch import receiver

from issues import approval_links, monitors, signals
from issues.models import Issue
from paperclip.companies.actors import Actor
from paperclip.governance import signals as governance_signals
from paperclip.governance.models import Approval


@receiver(governance_signals.approval_requested)
def link_approval(
    *, approval: Approval, issue_ids: Sequence[UUID], actor: Actor, now: datetime, **_: Any
) -> None:
    """Link the issues a question is about (C-73)."""
    if issue_ids:
        approval_links.link(approval=approval, issue_ids=issue_ids, actor=actor, now=now)


@receiver(signals.status_changed)
def drop_monitor(*, issue: Issue, actor: Actor, now: datetime, **_: Any) -> None:
    """Clear the monitor of an issue that went where it cannot be monitored, by whatever door (I-111)."""
    monitors.drop_misfit(issue=issue, actor=actor, now=now)
