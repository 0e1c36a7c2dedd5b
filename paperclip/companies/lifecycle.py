"""A company from its founding to its archive (C-29 to C-31)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from paperclip.companies import activity, assets, ledger, members, signals
from paperclip.companies.actors import Actor
from paperclip.companies.choices import CompanyStatus, PauseReason
from paperclip.companies.models import Company
from paperclip.core import naming
from paperclip.core.errors import Conflict

FEEDBACK_TERMS = "feedback-data-sharing-v1"
PAUSED_TEXT = "Cancelled because the company was paused"
ARCHIVED_TEXT = "Cancelled because the company was archived"
_NO_PREFIX = "CMP"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LONGEST_TAIL = 24
_ROUNDS = 50


def create(*, fields: Mapping[str, Any], actor: Actor, now: datetime) -> Company:
    """Found a company; the person who does becomes its owner with the owner's rights (CW-19).

    `fields`: `name`, and optionally `description`, `budget_monthly_cents`, `attachment_max_bytes`.
    """
    with transaction.atomic():
        company = _insert(fields, now)
        if actor.user is not None:
            members.join_as_owner(company_id=company.id, user=actor.user, now=now)
        _log(company, "company.created", actor, now, {"name": company.name})
        if company.budget_monthly_cents:
            _tell_budget(company, actor, now)
        return company


def update(
    *,
    company: Company,
    fields: Mapping[str, Any],
    actor: Actor,
    now: datetime,
    action: str = "company.updated",
) -> Company:
    """Change a company. `fields` holds only what was sent, by column name.

    A status of `paused` or `archived` stops its running work (CW-34). What the company has spent is computed,
    so a figure sent for it changes nothing. Raises NotFound or Unprocessable for a logo that cannot be (C-31), and
    Conflict for an archived company that is not brought back by it.
    """
    with transaction.atomic():
        if "budget_monthly_cents" in fields:
            ledger.lock(company.pk)
        row = Company.objects.select_for_update(no_key=True).get(pk=company.pk)
        if fields.get("status") in (None, CompanyStatus.ARCHIVED):
            refuse_archived(row)
        if "logo_asset_id" in fields:
            assets.set_logo(company=row, asset_id=fields["logo_asset_id"], now=now)
        values = _plain_values(fields) | _status_values(row, fields.get("status"), now)
        values |= _consent_values(row, fields.get("feedback_data_sharing_enabled"), actor, now)
        Company.objects.filter(pk=row.pk).update(**values, updated_at=now)
        _log(row, action, actor, now, {naming.camel(name): value for name, value in fields.items()})
        changed = _after_status_change(row, actor, now)
        if changed.budget_monthly_cents == row.budget_monthly_cents:
            return changed
        _tell_budget(changed, actor, now)
        return Company.objects.get(pk=row.pk)


def archive(*, company: Company, actor: Actor, now: datetime) -> Company:
    """Put a company away: its work stops, its rows stay (C-30). Archiving again changes nothing."""
    with transaction.atomic():
        row = Company.objects.select_for_update(no_key=True).get(pk=company.pk)
        values = _status_values(row, CompanyStatus.ARCHIVED, now)
        if not values:
            return row
        Company.objects.filter(pk=row.pk).update(**values, updated_at=now)
        _log(row, "company.archived", actor, now, None)
        return _after_status_change(row, actor, now)


def drain(*, company: Company, actor: Actor, now: datetime) -> Company:
    """Let nothing new start in a company while its runs come to their own end; wakes are taken and wait.

    Stands in the database, so it outlives every restart. Draining again changes nothing. Raises Conflict for an
    archived company.
    """
    return _set_drain(company, now, "company.drained", actor, now)


def undrain(*, company: Company, actor: Actor, now: datetime) -> Company:
    """Let the runs that waited through a drain start. Doing it again changes nothing."""
    return _set_drain(company, None, "company.undrained", actor, now)


def refuse_archived(company: Company) -> None:
    """Raise Conflict for an archived company: it is kept as it is until somebody brings it back (CW-34)."""
    if company.status == CompanyStatus.ARCHIVED:
        raise Conflict("The company is archived; make it active again before anything in it is changed")


def require_not_archived(company_id: UUID) -> None:
    """Raise Conflict if the company of that id is archived."""
    archived = Company.objects.filter(pk=company_id, status=CompanyStatus.ARCHIVED).only("status").first()
    if archived is not None:
        refuse_archived(archived)


def prefixes(name: str) -> Iterator[str]:
    """Yield the issue prefixes a company called `name` may take, best first (C-29).

    The first three letters of the name, then those with `A`, `AA` and so on; past a length at which nobody
    could read an issue's name any more, with a counter in letters.
    """
    base = re.sub(r"[^A-Z]", "", name.upper())[:3] or _NO_PREFIX
    yield base
    yield from (base + "A" * length for length in range(1, _LONGEST_TAIL + 1))
    for number in itertools.count():
        yield base + "B" + _in_letters(number)


def _set_drain(company: Company, since: datetime | None, action: str, actor: Actor, now: datetime) -> Company:
    with transaction.atomic():
        row = Company.objects.select_for_update(no_key=True).get(pk=company.pk)
        refuse_archived(row)
        if (row.draining_since is None) == (since is None):
            return row
        row.draining_since, row.updated_at = since, now
        row.save(update_fields=["draining_since", "updated_at"])
        _log(row, action, actor, now, None)
        return row


def _insert(fields: Mapping[str, Any], now: datetime) -> Company:
    for _ in range(_ROUNDS):
        start = next(prefixes(fields["name"]))
        taken = set(
            Company.objects.filter(issue_prefix__startswith=start).values_list("issue_prefix", flat=True)
        )
        prefix = next(candidate for candidate in prefixes(fields["name"]) if candidate not in taken)
        try:
            with transaction.atomic():
                return Company.objects.create(**fields, issue_prefix=prefix, created_at=now, updated_at=now)
        except IntegrityError as error:
            if "issue_prefix" not in str(error):
                raise
            # Another company took the prefix between the look and the write.
    raise Conflict("Too many companies of this name are being created; try again")


def _in_letters(number: int) -> str:
    text = ""
    while True:
        number, digit = divmod(number, len(_LETTERS))
        text = _LETTERS[digit] + text
        if number == 0:
            return text
        number -= 1


def _plain_values(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in fields.items()
        if name not in ("status", "spent_monthly_cents", "logo_asset_id", "feedback_data_sharing_enabled")
    }


def _status_values(company: Company, status: str | None, now: datetime) -> dict[str, Any]:
    if status is None or status == company.status:
        return {}
    if status == CompanyStatus.PAUSED:
        return {"status": status, "pause_reason": PauseReason.MANUAL, "paused_at": now}
    return {"status": status, "pause_reason": None, "paused_at": None}


def _consent_values(company: Company, enabled: bool | None, actor: Actor, now: datetime) -> dict[str, Any]:
    if enabled is None:
        return {}
    if not enabled or company.feedback_data_sharing_enabled:
        return {"feedback_data_sharing_enabled": enabled}
    return {
        "feedback_data_sharing_enabled": True,
        "feedback_data_sharing_consent_at": now,
        "feedback_data_sharing_consent_by_user_id": actor.id,
        "feedback_data_sharing_terms_version": FEEDBACK_TERMS,
    }


def _after_status_change(before: Company, actor: Actor, now: datetime) -> Company:
    company = Company.objects.get(pk=before.pk)
    if company.status == before.status or company.status == CompanyStatus.ACTIVE:
        return company
    reason = ARCHIVED_TEXT if company.status == CompanyStatus.ARCHIVED else PAUSED_TEXT
    signals.company_stopped.send(sender=Company, company=company, reason=reason, actor=actor, now=now)
    return company


def _tell_budget(company: Company, actor: Actor, now: datetime) -> None:
    signals.monthly_budget_set.send(
        sender=Company,
        company=company,
        agent=None,
        cents=company.budget_monthly_cents,
        actor=actor,
        now=now,
    )


def _log(
    company: Company, action: str, actor: Actor, now: datetime, details: Mapping[str, Any] | None
) -> None:
    activity.record(
        company_id=company.id,
        actor=actor,
        action=action,
        entity_type="company",
        entity_id=company.id,
        details=details,
        now=now,
    )
