"""The picture that stands for a company (C-31, C-104)."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from paperclip.companies import assets, lifecycle
from paperclip.companies.actors import Actor
from paperclip.companies.models import Company
from paperclip.core.storage import Upload

NAMESPACE = "companies"


def put(*, company: Company, upload: Upload, actor: Actor, now: datetime) -> Company:
    """Keep a picture and make it the company's logo, in place of the one before.

    Raises Unprocessable for a file that is no picture or could act on a page, Conflict for an archived company.
    """
    with transaction.atomic():
        asset = assets.add_image(company=company, upload=upload, namespace=NAMESPACE, actor=actor, now=now)
        return lifecycle.update(company=company, fields={"logo_asset_id": asset.pk}, actor=actor, now=now)


def take_away(*, company: Company, actor: Actor, now: datetime) -> Company:
    """Leave the company without a logo; the picture is removed."""
    return lifecycle.update(company=company, fields={"logo_asset_id": None}, actor=actor, now=now)
