"""What governance does when an agent is agreed to or let go, and when a figure says what may be spent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from paperclip.companies import signals
from paperclip.companies.actors import Actor
from paperclip.companies.choices import AgentStatus
from paperclip.companies.models import Agent, Company
from paperclip.governance import budgets, hire_decisions


@receiver(signals.agent_approved)
def settle_hire(agent: Agent, actor: Actor, now: datetime, **_: Any) -> None:
    """Close the approval that asked for an agent the board agreed to."""
    hire_decisions.settle(agent=agent, actor=actor, now=now)


@receiver(signals.agent_stopped)
def withdraw_hire(agent: Agent, actor: Actor, now: datetime, **_: Any) -> None:
    """Withdraw the question about an agent that is gone before it began."""
    if agent.status == AgentStatus.TERMINATED:
        hire_decisions.withdraw(agent=agent, actor=actor, now=now)


@receiver(signals.monthly_budget_set)
def make_budget(
    company: Company, agent: Agent | None, cents: int, actor: Actor, now: datetime, **_: Any
) -> None:
    """Put a budget behind a figure that was written to a company or an agent (CW-12, CW-13)."""
    budgets.follow_figure(company=company, agent=agent, cents=cents, actor=actor, now=now)
