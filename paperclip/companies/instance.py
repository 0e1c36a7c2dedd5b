"""What an instance admin has decided for the whole installation (C-105).

Settings live in one row of the database; what nobody has decided is what the environment says.
"""

from __future__ import annotations

import getpass
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from paperclip.companies import activity
from paperclip.companies.actors import Actor
from paperclip.companies.models import Company, InstanceSettings


@dataclass(frozen=True)
class General:
    """How the installation treats what it shows."""

    censor_username_in_logs: bool


@dataclass(frozen=True)
class Experimental:
    """Switches for what is not for everybody yet."""

    enable_issue_graph_liveness_auto_recovery: bool
    issue_graph_liveness_auto_recovery_lookback_hours: int


_CENSORED = "[user]"
_COLUMNS = {
    "enable_issue_graph_liveness_auto_recovery": "graph_auto_recovery",
    "issue_graph_liveness_auto_recovery_lookback_hours": "graph_lookback_hours",
}


def general() -> General:
    """Return the general settings as they hold now."""
    row = _row()
    return General(bool(row is not None and row.censor_username_in_logs))


def experimental() -> Experimental:
    """Return the experimental settings as they hold now; undecided ones come from the environment (H-151)."""
    row = _row()
    switch = row.graph_auto_recovery if row is not None else None
    hours = row.graph_lookback_hours if row is not None else None
    return Experimental(
        settings.GRAPH_AUTO_RECOVERY if switch is None else switch,
        settings.GRAPH_LOOKBACK_HOURS if hours is None else hours,
    )


def update(*, fields: Mapping[str, Any], part: str, actor: Actor, now: datetime) -> None:
    """Decide some settings of `part` (`general` or `experimental`); every company's log tells of it.

    `fields` by the names of the part's own class.
    """
    if not fields:
        return
    columns = {_COLUMNS.get(name, name): value for name, value in fields.items()}
    with transaction.atomic():
        InstanceSettings.objects.update_or_create(
            is_only=True,
            defaults={**columns, "updated_at": now},
            create_defaults={**columns, "created_at": now, "updated_at": now},
        )
        after = asdict(general() if part == "general" else experimental())
        for company_id in Company.objects.values_list("id", flat=True):
            activity.record(
                company_id=company_id,
                actor=actor,
                action=f"instance.settings.{part}_updated",
                entity_type="instance_settings",
                entity_id=part,
                details={"changedKeys": sorted(fields), **after},
                now=now,
            )


def names_to_censor() -> tuple[str, ...]:
    """Return the environment variables whose values a run's log must not show (C-105); none when nobody asked."""
    return ("USER", "LOGNAME", "USERNAME") if general().censor_username_in_logs else ()


def censored(text: str) -> str:
    """Return `text` without the name of the operating system's user, when the installation asks for it (C-105)."""
    if not general().censor_username_in_logs:
        return text
    return re.sub(rf"(?<![\w.-]){re.escape(getpass.getuser())}(?![\w-])", _CENSORED, text)


def _row() -> InstanceSettings | None:
    return InstanceSettings.objects.first()
