"""Who listens: where somebody does, or did minutes ago, the output of runs is told as well."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db import connection

from paperclip.companies.live import tail


def announce(company_ids: Collection[UUID]) -> None:
    """Keep it known for some minutes that somebody listens to these companies. Companies that are gone are left out."""
    with connection.cursor() as cursor:
        cursor.execute(_ANNOUNCE, {"companies": sorted(company_ids), "kept": tail.KEPT_SECONDS})


_ANNOUNCE = """
INSERT INTO live_listeners (company_id, until)
SELECT id, clock_timestamp() + make_interval(secs => %(kept)s) FROM companies WHERE id = ANY(%(companies)s) ORDER BY id
ON CONFLICT (company_id) DO UPDATE SET until = excluded.until
"""
