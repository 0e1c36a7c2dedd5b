"""What the activity log says of a thing."""

from __future__ import annotations

from typing import Any

from paperclip.companies.models import Activity


def actions(entity: Any) -> list[str]:
    """Return the actions on an entity, oldest first."""
    rows = Activity.objects.filter(entity_id=str(getattr(entity, "pk", entity))).order_by("created_at", "id")
    return list(rows.values_list("action", flat=True))


def details(entity: Any, action: str) -> dict[str, Any]:
    """Return the details of the one row of that action."""
    return Activity.objects.get(entity_id=str(getattr(entity, "pk", entity)), action=action).details
