"""Which company a person looks at, and what they may do there: the board's one answer to both."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db.models import F
from django.http import HttpRequest

from paperclip.companies import actors
from paperclip.companies.choices import CompanyStatus
from paperclip.companies.models import Company, User
from paperclip.core import naming
from paperclip.core.scope import COMPANY_KEY, NOWHERE, Scope


def scope(request: HttpRequest) -> Scope:
    """Return what the signed-in person may see: their companies, the chosen one first of all.

    The choice is kept in the session. A choice that is gone, or was never made, falls to the oldest company
    that is not archived.
    """
    if not isinstance(request.user, User):
        return NOWHERE
    actor = actors.for_user(request.user)
    # Their logos come along, for every page shows them in the switcher.
    rows = Company.objects.filter(pk__in=actor.company_ids).annotate(logo_asset=F("logo__asset_id"))
    companies = list(rows.order_by("created_at", "id"))
    archived = {company.id for company in companies if company.status == CompanyStatus.ARCHIVED}
    own = frozenset(
        company_id
        for company_id, membership in actor.memberships.items()
        if membership.may_write or actor.is_instance_admin
    )
    return Scope(
        actor=actor,
        company=_chosen(request, companies),
        companies=companies,
        writable=own - archived,
        archived=own & archived,
        is_instance_admin=actor.is_instance_admin,
    )


def choose(request: HttpRequest, company_id: UUID) -> None:
    """Remember the chosen company in the session."""
    request.session[COMPANY_KEY] = str(company_id)


def _chosen(request: HttpRequest, companies: Sequence[Company]) -> Company | None:
    wanted = naming.as_field_uuid(request.session.get(COMPANY_KEY, ""))
    by_id = {company.id: company for company in companies}
    if wanted in by_id:
        return by_id[wanted]
    lively = [company for company in companies if company.status != CompanyStatus.ARCHIVED]
    return next(iter(lively or companies), None)
