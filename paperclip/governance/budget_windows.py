"""Months end: their budgets begin anew, and what they had stopped goes on (CW-24)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Min

from paperclip.companies import ledger
from paperclip.governance import policies, relief, thresholds
from paperclip.governance.models import BudgetPolicy

NAME = "budgets.windows"


@dataclass(frozen=True)
class Rolled:
    """How many budgets began a new window, and how many scopes went on with it."""

    rolled: int = 0
    resumed: int = 0


def next_due(now: datetime) -> datetime | None:
    """Return when the next window ends, None when no budget has one that does."""
    ends: datetime | None = BudgetPolicy.objects.filter(is_active=True).aggregate(at=Min("window_end"))["at"]
    return ends


def roll_due(*, now: datetime) -> Rolled:
    """Begin a new window for every active budget whose window is over. May be called by anyone, at any time, twice."""
    due = BudgetPolicy.objects.filter(is_active=True, window_end__lte=now)
    rolled = resumed = 0
    for company_id in due.order_by("company_id").values_list("company_id", flat=True).distinct():
        went = _roll(company_id, now)
        rolled, resumed = rolled + went.rolled, resumed + went.resumed
    return Rolled(rolled, resumed)


@transaction.atomic
def _roll(company_id: UUID, now: datetime) -> Rolled:
    ledger.lock(company_id)
    due = policies.rows().filter(company_id=company_id, is_active=True, window_end__lte=now)
    rolled = resumed = 0
    for policy in due.order_by("pk"):
        resumed += relief.roll(policy, now=now)
        rolled += 1
        # Costs may have been reported ahead of the month they belong to.
        thresholds.apply(policy, now=now)
    return Rolled(rolled, resumed)
