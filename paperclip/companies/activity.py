"""The log of who did what. Written in the transaction of the deed, never changed (C-95)."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from paperclip.companies.actors import Actor
from paperclip.companies.models import Activity
from paperclip.core import jsonable, redaction

DEFAULT_LIMIT = 100
MAX_LIMIT = 500

_written = threading.local()


def record(
    *,
    company_id: UUID,
    actor: Actor,
    action: str,
    entity_type: str,
    entity_id: UUID | str,
    now: datetime,
    details: Mapping[str, Any] | None = None,
    run_id: UUID | None = None,
) -> Activity:
    """Write one row; secrets in `details` are taken out. `run_id` overrides the actor's run."""
    return Activity.objects.create(
        company_id=company_id,
        actor_type=actor.type,
        actor_id=actor.id,
        action=action,
        entity_type=entity_type,
        entity_id=str(entity_id),
        agent_id=actor.agent_id,
        run_id=run_id or actor.run_id,
        details=jsonable.plain(redaction.data(details)) if details else None,
        created_at=now,
    )

