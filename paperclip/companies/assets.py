"""Files that belong to a company: pictures, its logo, and what hangs on issues (I-20, C-31, C-104).

A row and its file stand in this order: the file is on disk before the row commits, and goes after the row is
gone. Rows may share a file, so both ends hold the lock of its hash: a file is never removed while a row that
names it is being written. What a crash leaves in between is an orphan file, and the sweep takes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatch
from itertools import islice
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection, transaction
from django.urls import get_script_prefix

from paperclip.companies import activity
from paperclip.companies.actors import Actor
from paperclip.companies.models import Asset, Company, CompanyLogo
from paperclip.core import images, storage
from paperclip.core.errors import NotFound, Unprocessable
from paperclip.core.storage import Upload

MAX_BYTES = 1_073_741_824
FOLDER = "assets"

# A file may be on disk for so long before a row names it, and half received for so long.
_GRACE = timedelta(hours=1)
_LONGEST_UPLOAD = timedelta(days=1)
_BATCH = 500
_NOT_IN_KEYS = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_IN_KEY = 120


def limit(company: Company) -> int:
    """Return how many bytes a file of the company may have: its own limit within the server's (I-137)."""
    return min(company.attachment_max_bytes, MAX_BYTES, settings.ATTACHMENT_MAX_BYTES)


def store(*, company_id: UUID, upload: Upload, folder: str, actor: Actor, now: datetime) -> Asset:
    """Keep a received file and write its row, in the caller's transaction. Logs nothing.

    `folder` is the part of its key after the company's id, such as `issues/<id>`. Raises Unavailable when the disk
    takes no more.
    """
    _hold(upload.file.sha256)
    upload.file.keep()
    asset_id = uuid4()
    return Asset.objects.create(
        id=asset_id,
        company_id=company_id,
        object_key=f"{company_id}/{folder}/{now:%Y/%m/%d}/{asset_id}{_in_key(upload.name)}",
        content_type=upload.content_type,
        byte_size=upload.file.size,
        sha256=upload.file.sha256,
        original_filename=upload.name,
        created_by_agent_id=actor.agent_id,
        created_by_user_id=actor.user_id,
        created_at=now,
        updated_at=now,
    )


def add_image(*, company: Company, upload: Upload, namespace: str, actor: Actor, now: datetime) -> Asset:
    """Keep a picture of the company (C-104) and return its row; `namespace` is where its key files it.

    Raises Unprocessable for a type that is not taken, and for a file that is not what its type says or that could
    act on a page.
    """
    if not any(fnmatch(upload.content_type, pattern) for pattern in settings.ASSET_TYPES):
        raise Unprocessable(f"Unsupported image type: {upload.content_type}")
    with upload.file.open() as file:
        fault = images.fault(file, upload.content_type)
    if fault is not None:
        raise Unprocessable(f"Image {fault}")
    folder = f"{FOLDER}/{namespace}"
    with transaction.atomic():
        asset = store(company_id=company.pk, upload=upload, folder=folder, actor=actor, now=now)
        details = {
            "originalFilename": asset.original_filename,
            "contentType": asset.content_type,
            "byteSize": asset.byte_size,
        }
        activity.record(
            company_id=company.pk,
            actor=actor,
            action="asset.created",
            entity_type="asset",
            entity_id=asset.pk,
            details=details,
            now=now,
        )
    return asset


def set_logo(*, company: Company, asset_id: UUID | None, now: datetime) -> None:
    """Make a picture the logo of a locked company, or take the logo away; the one before it is removed (C-31).

    Raises NotFound, or Unprocessable for what belongs to another company or hangs on an issue.
    """
    before = CompanyLogo.objects.filter(company=company).values_list("asset_id", flat=True).first()
    if asset_id == before:
        return
    if asset_id is not None:
        _require_logo(company, asset_id)
        defaults = {"asset_id": asset_id, "updated_at": now}
        CompanyLogo.objects.update_or_create(
            company=company, defaults=defaults, create_defaults={**defaults, "created_at": now}
        )
    if before is not None:
        remove([before])


def logos(company_ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """Return the logo's asset id by company, in one query; companies without one are left out."""
    rows = CompanyLogo.objects.filter(company_id__in=list(company_ids))
    return dict(rows.values_list("company_id", "asset_id"))


def content_path(asset_id: UUID) -> str:
    """Return the address that answers an asset's file."""
    return f"/api/assets/{asset_id}/content"


def page_path(asset_id: UUID) -> str:
    """Return the same address as pages name it, below wherever the product is mounted."""
    return get_script_prefix().rstrip("/") + content_path(asset_id)


def remove(asset_ids: Sequence[UUID]) -> None:
    """Delete rows, and after the commit the files that no other row names."""
    rows = Asset.objects.filter(pk__in=asset_ids)
    hashes = set(rows.values_list("sha256", flat=True))
    rows.delete()
    transaction.on_commit(lambda: drop_unnamed(hashes), robust=True)  # the sweep takes what this misses


SWEEP = "companies.assets"  # the name of the duty


@dataclass(frozen=True)
class Swept:
    """What a sweep took away."""

    orphans: int
    unfinished: int


def sweep(*, now: datetime) -> Swept:
    """Remove files that no row names and uploads that were never finished. May run anywhere, at any time, twice."""
    orphans = 0
    kept = storage.kept_before(now - _GRACE)
    while batch := list(islice(kept, _BATCH)):
        named = set(Asset.objects.filter(sha256__in=batch).values_list("sha256", flat=True))
        orphans += drop_unnamed(set(batch) - named)
    return Swept(orphans, storage.drop_unfinished(before=now - _LONGEST_UPLOAD))


def drop_unnamed(hashes: Iterable[str]) -> int:
    """Remove those of the files that no row names any more; how many that were."""
    return sum(_drop_orphan(sha256) for sha256 in hashes)


def _drop_orphan(sha256: str) -> bool:
    with transaction.atomic():
        _hold(sha256)
        is_named = Asset.objects.filter(sha256=sha256).exists()
        return not is_named and storage.remove(sha256)


def _hold(sha256: str) -> None:
    """Wait for the lock of a file and hold it to the end of the transaction; it is the last to be taken."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 2))", [sha256])


def _require_logo(company: Company, asset_id: UUID) -> None:
    asset = Asset.objects.filter(pk=asset_id).only("company_id", "object_key").first()
    if asset is None:
        raise NotFound("Logo asset not found")
    if asset.company_id != company.pk:
        raise Unprocessable("Logo asset must belong to the same company")
    # What hangs on an issue goes with the issue, and would take the logo along.
    if not asset.object_key.startswith(f"{company.pk}/{FOLDER}/"):
        raise Unprocessable("Logo asset must be an image that was uploaded for the company")


def _in_key(name: str | None) -> str:
    """Return a file's name as its key ends with it."""
    plain = _NOT_IN_KEYS.sub("-", name or "").strip("-.")
    return f"-{plain[-_LONGEST_IN_KEY:]}" if plain else ""
