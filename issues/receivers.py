"""What the issues floor does on news from lower floors, and on its own.

Inside the transaction of the cause; own rows only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.dispatch import receiver

from issues import approval_links, departures, handoffs, monitors, signals
from issues.models import Issue
from paperclip.companies import signals as company_signals
from paperclip.companies.actors import Actor
from paperclip.companies.models import Member
from paperclip.governance import signals as governance_signals
from paperclip.governance.models import Approval


@receiver(governance_signals.approval_requested)
def link_approval(
    *, approval: Approval, issue_ids: Sequence[UUID], actor: Actor, now: datetime, **_: Any
) -> None:
    """Link the issues a question is about (C-73)."""
    if issue_ids:
        approval_links.link(approval=approval, issue_ids=issue_ids, actor=actor, now=now)


@receiver(company_signals.member_leaves)
def pass_on_work(
    *,
    member: Member,
    assignee_agent_id: UUID | None,
    assignee_user_id: UUID | None,
    actor: Actor,
    now: datetime,
    **_: Any,
) -> int:
    """Pass on the open issues of a person who leaves the company (C-34)."""
    return departures.pass_on(
        company_id=member.company_id,
        user_id=member.principal_id,
        to_agent_id=assignee_agent_id,
        to_user_id=assignee_user_id,
        actor=actor,
        now=now,
    )


@receiver(signals.status_changed)
def drop_monitor(*, issue: Issue, actor: Actor, now: datetime, **_: Any) -> None:
    """Clear the monitor of an issue that went where it cannot be monitored, by whatever door (I-111)."""
    monitors.drop_misfit(issue=issue, actor=actor, now=now)


@receiver(signals.status_changed)
def resolve_handoff(*, issue: Issue, before: str, actor: Actor, now: datetime, **_: Any) -> None:
    """Close the question how the work stands when somebody moved it on."""
    handoffs.resolve(issue=issue, before=before, actor=actor, now=now)
