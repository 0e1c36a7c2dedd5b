"""The files on an issue's page. They are uploaded through the interface, which reads them piece by piece."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.urls import get_script_prefix

from issues import attachments
from issues.models import Attachment, Issue
from paperclip.companies import assets
from paperclip.core import clock, naming, panels
from paperclip.core.errors import BadRequest
from paperclip.core.panels import Panel
from paperclip.core.scope import scope_of

_SHOWN = 100
# A page shows small pictures as they are; larger ones would be loaded for the sake of a thumbnail.
_LARGEST_THUMBNAIL = 2_000_000
_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml", "image/avif"})
_ICONS = {
    "application/pdf": "picture_as_pdf",
    "application/zip": "folder_zip",
    "application/json": "data_object",
    "text/csv": "table",
    "text/markdown": "description",
    "text/plain": "description",
    "text/html": "html",
}
_ICONS_BY_KIND = {"image": "image", "video": "movie", "audio": "music_note", "text": "description"}


@dataclass(frozen=True)
class Shown:
    """A file as the page shows it."""

    id: UUID
    name: str
    url: str
    icon: str
    is_thumbnail: bool
    row: Attachment


def _context(issue: Issue, request: HttpRequest) -> dict[str, Any]:
    related = ("asset__created_by_agent", "asset__created_by_user")
    rows = list(attachments.of(issue.pk).select_related(*related)[: _SHOWN + 1])
    company = scope_of(request).company
    limit = assets.limit(company) if company is not None and company.pk == issue.company_id else None
    return {
        "files": [_shown(row) for row in rows[:_SHOWN]],
        "is_cut": len(rows) > _SHOWN,
        "upload_url": _here(f"/api/companies/{issue.company_id}/issues/{issue.pk}/attachments"),
        "limit": limit,
    }


def _shown(row: Attachment) -> Shown:
    asset = row.asset
    kind = asset.content_type.partition("/")[0]
    return Shown(
        id=row.pk,
        name=asset.original_filename or "Unnamed file",
        url=_here(attachments.content_path(row.pk)),
        icon=_ICONS.get(asset.content_type) or _ICONS_BY_KIND.get(kind, "draft"),
        is_thumbnail=asset.content_type in _PICTURES and asset.byte_size <= _LARGEST_THUMBNAIL,
        row=row,
    )


def _here(path: str) -> str:
    """Return an address of the interface below wherever the product is mounted."""
    return get_script_prefix().rstrip("/") + path


class AttachmentDeeds:
    """What can be done to files on the page of an issue."""

    def detach(self, request: HttpRequest, row: Issue) -> str:
        """Delete a file of the issue."""
        wanted = naming.as_field_uuid(request.POST.get("attachment", ""))
        found = attachments.of(row.pk).filter(pk=wanted).first() if wanted else None
        if found is None:
            raise BadRequest("This file is not on the issue any more")
        attachments.remove(attachment_id=found.pk, actor=scope_of(request).actor, now=clock.now())
        return f"{found.asset.original_filename or 'The file'} is deleted."


panels.register("issue", Panel("attachments", "Files", "issues/parts/attachments.html", _context, order=4))
