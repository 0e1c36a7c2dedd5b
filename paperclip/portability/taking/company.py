"""The company itself, its picture and its goals."""

from __future__ import annotations

from paperclip.companies.models import Asset, CompanyLogo, Goal
from paperclip.core import storage
from paperclip.portability.shapes import COMPANY_SETTINGS, CompanyPart, GoalPart, Logo
from paperclip.portability.taking.desk import Desk, slugs

_LOGO_SUFFIXES = {
    "image/png": "png", "image/jpeg": "jpg", "image/jpg": "jpg", "image/gif": "gif", "image/webp": "webp",
    "image/svg+xml": "svg",
}  # fmt: skip
_LOGO_MAX_BYTES = 2 * 1024 * 1024


def part(desk: Desk) -> CompanyPart:
    """Return what there is to say of the company."""
    settings = {name: getattr(desk.company, column) for name, column in COMPANY_SETTINGS.items()}
    return CompanyPart(
        name=desk.text(desk.company.name, "COMPANY.md: name") or desk.company.issue_prefix,
        description=desk.text(desk.company.description, "COMPANY.md"),
        brand_color=desk.company.brand_color,
        settings={name: value for name, value in settings.items() if value is not None},
        logo=_logo(desk),
    )


def _logo(desk: Desk) -> Logo | None:
    asset_id = CompanyLogo.objects.filter(company=desk.company).values_list("asset_id", flat=True).first()
    asset = Asset.objects.filter(pk=asset_id).first() if asset_id is not None else None
    suffix = _LOGO_SUFFIXES.get(asset.content_type) if asset is not None else None
    if asset is None or suffix is None:
        return None
    if asset.byte_size > _LOGO_MAX_BYTES:
        desk.warnings.append(f"The logo is larger than {_LOGO_MAX_BYTES} bytes and is left out")
        return None
    with storage.open_file(asset.sha256) as file:
        content = file.read()
    return Logo(f"images/company-logo.{suffix}", content, asset.content_type)


def goals(desk: Desk) -> tuple[GoalPart, ...]:
    """Return the company's goals, oldest first."""
    rows = list(Goal.objects.filter(company=desk.company).order_by("created_at", "id"))
    titles = {row.pk: desk.text(row.title, f"goal {row.title[:40]}") for row in rows}
    desk.goal_slugs = slugs(((row.pk, titles[row.pk] or "") for row in rows), "goal")
    return tuple(
        GoalPart(
            slug=desk.goal_slugs[row.pk],
            title=titles[row.pk] or "",
            description=desk.text(row.description, f"goal {desk.goal_slugs[row.pk]}"),
            level=row.level,
            status=row.status,
            parent=desk.goal_slugs.get(row.parent_id) if row.parent_id else None,
            owner=desk.agent_slugs.get(row.owner_agent_id) if row.owner_agent_id else None,
        )
        for row in rows
    )
