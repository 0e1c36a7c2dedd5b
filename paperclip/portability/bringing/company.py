"""The company that a package is brought into: found it, or set it to what the package says."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from paperclip.companies import assets, lifecycle, members
from paperclip.companies.choices import MemberRole, MemberStatus, PrincipalType
from paperclip.companies.models import Company, Grant, Member
from paperclip.core.errors import Unprocessable
from paperclip.core.storage import Incoming, Upload
from paperclip.portability import files as package_files
from paperclip.portability.bringing.desk import Desk
from paperclip.portability.choices import Action
from paperclip.portability.shapes import COMPANY_SETTINGS


def ready(desk: Desk, people_of: Company | None) -> Company:
    """Return the company, found or changed as the plan says; `people_of` is whose people join a new one.

    Raises Unprocessable for a logo that is too large, or where nobody could own the new company.
    """
    company, part = desk.plan.options.company, desk.package.company
    if company is None:
        company = _found(desk, people_of)
    elif desk.plan.company_action == Action.UPDATE and part is not None:
        fields = {"description": part.description, "brand_color": part.brand_color}
        company = lifecycle.update(company=company, fields=fields, actor=desk.actor, now=desk.now)
    if part is not None and part.logo is not None and desk.plan.company_action != "none":
        _logo(desk, company)
    return company


def _found(desk: Desk, people_of: Company | None) -> Company:
    part = desk.package.company
    settings = part.settings if part is not None else {}
    fields: dict[str, Any] = {
        column: settings[name] for name, column in COMPANY_SETTINGS.items() if name in settings
    }
    if part is not None:
        fields |= {"description": part.description, "brand_color": part.brand_color}
    fields["name"] = desk.plan.company_name
    company = lifecycle.create(fields=fields, actor=desk.actor, now=desk.now)
    if people_of is not None:
        _copy_people(desk, people_of, company)
    return company


def _copy_people(desk: Desk, source: Company, company: Company) -> None:
    """Let the active people of one company into another, each in the same place and with the same grants."""
    rows = list(
        Member.objects.filter(
            company=source, principal_type=PrincipalType.USER, status=MemberStatus.ACTIVE
        ).order_by("created_at", "id")
    )
    if not rows:
        raise Unprocessable("The company has no active people who could own the new one")
    held: dict[UUID, list[str]] = {row.principal_id: [] for row in rows}
    grants = Grant.objects.filter(
        company=source, principal_type=PrincipalType.USER, principal_id__in=list(held)
    )
    for principal_id, key in grants.values_list("principal_id", "permission_key"):
        held[principal_id].append(key)
    for row in rows:
        members.join(
            company_id=company.pk,
            principal_type=PrincipalType.USER,
            principal_id=row.principal_id,
            role=MemberRole(row.membership_role or MemberRole.VIEWER),
            grants=held[row.principal_id],
            now=desk.now,
            granted_by=desk.actor.user,
        )


def _logo(desk: Desk, company: Company) -> None:
    logo = desk.package.company.logo if desk.package.company is not None else None
    assert logo is not None
    incoming = Incoming(limit=assets.limit(company))
    try:
        incoming.write(logo.content)
        if incoming.is_too_large:
            raise Unprocessable(f"{logo.path}: is larger than {incoming.limit} bytes")
        incoming.seal()
        upload = Upload(incoming, logo.path.rpartition("/")[2], package_files.type_of(logo.path))
        asset = assets.add_image(
            company=company, upload=upload, namespace="companies", actor=desk.actor, now=desk.now
        )
        assets.set_logo(company=company, asset_id=asset.pk, now=desk.now)
    finally:
        incoming.discard()
