"""Deleting a company with all there is of it (C-30, CW-14).

Archiving keeps a company; this does not. What it had on the server's disk goes with it, but for the folders its
agents worked in: those may hold what nobody else has.
"""

from __future__ import annotations

import logging
import shutil
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction

from paperclip.companies import assets, lifecycle, signals
from paperclip.companies.actors import Actor
from paperclip.companies.models import Asset, Company
from paperclip.core import erasure
from paperclip.core.errors import Forbidden

log = logging.getLogger(__name__)


def remove(*, company: Company, actor: Actor, now: datetime) -> None:
    """Delete a company: first stop its work, then everything it has.

    Raises Forbidden where the installation does not allow it, and Conflict while a program of the company is still
    on its way to its end: the company is archived by then, and the same call succeeds a little later.
    """
    if not settings.COMPANY_DELETION:
        raise Forbidden("Deleting companies is switched off here; archive the company instead")
    lifecycle.archive(company=company, actor=actor, now=now)
    with transaction.atomic():
        row = Company.objects.select_for_update().get(pk=company.pk)
        signals.company_leaves.send(sender=Company, company=row, now=now)
        hashes = set(Asset.objects.filter(company=row).values_list("sha256", flat=True))
        gone = erasure.erase(Company, row.pk)
        transaction.on_commit(lambda: assets.drop_unnamed(hashes), robust=True)
        transaction.on_commit(lambda: _remove_texts(row), robust=True)
    log.warning("company %s was deleted by %s, with %d rows", row.pk, actor.id, sum(gone.values()))


def _remove_texts(company: Company) -> None:
    """Remove the instructions of the company's agents, and what was made of them for runs."""
    for root in (settings.INSTRUCTIONS_ROOT, settings.BUNDLES_ROOT):
        folder = Path(root) / str(company.pk)
        if folder.is_dir():
            shutil.rmtree(folder)
