"""What people may change about themselves (C-16)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paperclip.companies.models import User


def update_profile(*, user: User, fields: Mapping[str, Any]) -> User:
    """Set a person's `name`, and `image` when it is given; an empty one removes the picture."""
    user.first_name, user.last_name = fields["name"], ""
    changed = ["first_name", "last_name"]
    if "image" in fields:
        user.image = fields["image"] or None
        changed.append("image")
    user.save(update_fields=changed)
    return user
