"""How people name routines at the terminal: by title or id."""

from __future__ import annotations

from django.core.management.base import CommandError

from paperclip.companies.models import Company
from paperclip.core import naming
from routines.choices import RoutineStatus
from routines.models import Routine

_FEW = 5


def routine(text: str, *, within: Company | None = None) -> Routine:
    """Return the routine of an id or title; archived ones by id only. Raises CommandError with one line."""
    rows = Routine.objects.select_related("company", "assignee_agent")
    if within is not None:
        rows = rows.filter(company=within)
    row_id = naming.as_field_uuid(text)
    if row_id is not None:
        found = list(rows.filter(pk=row_id))
    else:
        titled = rows.filter(title__iexact=text).exclude(status=RoutineStatus.ARCHIVED)
        found = list(titled.order_by("created_at")[: _FEW + 1])
    if len(found) == 1:
        return found[0]
    if not found:
        raise CommandError(f"There is no routine {text!r}; `routine list` shows them")
    places = ", ".join(f"{row.company.issue_prefix} ({row.pk})" for row in found[:_FEW])
    raise CommandError(f"Several routines are called {text!r}: {places}. Name one by its id")
