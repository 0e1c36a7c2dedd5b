"""What is known of the quotas of providers: each source knows some, and says so by itself (C-85)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True)
class QuotaWindow:
    """One window of a quota: how much of it is used, in per cent, and when it begins anew."""

    label: str
    used_percent: float | None
    resets_at: datetime | None
    value_label: str | None = None
    detail: str | None = None


@dataclass(frozen=True)
class Quota:
    """What is known of one provider; without windows nothing is in the way."""

    provider: str
    ok: bool = True
    error: str | None = None
    windows: list[QuotaWindow] = field(default_factory=list)


Source = Callable[[UUID, datetime], list[Quota]]
_sources: list[Source] = []


def register(source: Source) -> None:
    """Ask `source(company_id, now)` too; it answers from what is stored, in a fixed number of queries."""
    if source not in _sources:
        _sources.append(source)


def of_company(company_id: UUID, *, now: datetime) -> list[Quota]:
    """Return what is known of the providers a company uses, by name."""
    found = [quota for source in _sources for quota in source(company_id, now)]
    return sorted(found, key=lambda quota: quota.provider)
