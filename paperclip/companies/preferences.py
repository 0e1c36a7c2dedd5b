"""What a person wants of their sidebar and inbox: an order, and what not to count (C-99)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from paperclip.companies.models import Company, InboxDismissal, SidebarPreference, User
from paperclip.core import naming
from paperclip.core.errors import Invalid

_KINDS = ("approval", "run", "join")


def item_key(text: str) -> str:
    """Return `text` as an item key: `approval:<id>`, `run:<id>` or `join:<id>`. Raises Invalid."""
    kind, _, reference = text.strip().partition(":")
    item_id = naming.as_field_uuid(reference)
    if kind not in _KINDS or item_id is None:
        raise Invalid.at("itemKey", message="Expected approval:<id>, run:<id> or join:<id>")
    return f"{kind}:{item_id}"


def order_of(*, user: User, company: Company | None) -> SidebarPreference | None:
    """Return the order a person chose, of their companies or within one; None when they never did."""
    return SidebarPreference.objects.filter(user=user, company=company).first()


def set_order(
    *, user: User, company: Company | None, ordered_ids: Sequence[str], now: datetime
) -> SidebarPreference:
    """Keep an order; ids that come twice are kept once."""
    kept = list(dict.fromkeys(ordered_ids))
    row, _ = SidebarPreference.objects.update_or_create(
        user=user,
        company=company,
        defaults={"ordered_ids": kept, "updated_at": now},
        create_defaults={"ordered_ids": kept, "created_at": now, "updated_at": now},
    )
    return row


def dismissals(*, user: User, company: Company) -> list[InboxDismissal]:
    """Return what a person does not want counted, the newest first."""
    rows = InboxDismissal.objects.filter(user=user, company=company)
    return list(rows.order_by("-dismissed_at", "id"))


def dismiss(*, user: User, company: Company, item: str, now: datetime) -> InboxDismissal:
    """Leave an item, named by its key, out of the person's counts until it changes; again renews it.

    Raises Invalid for what is no item key.
    """
    row, _ = InboxDismissal.objects.update_or_create(
        user=user,
        company=company,
        item_key=item_key(item),
        defaults={"dismissed_at": now, "updated_at": now},
        create_defaults={"dismissed_at": now, "created_at": now, "updated_at": now},
    )
    return row


def dismissed(*, user: User | None, company_id: UUID) -> Mapping[str, dict[UUID, datetime]]:
    """Return, by kind of item, when a person dismissed which."""
    found: dict[str, dict[UUID, datetime]] = {}
    if user is None:
        return found
    rows = InboxDismissal.objects.filter(user=user, company_id=company_id)
    for key, moment in rows.values_list("item_key", "dismissed_at"):
        kind, _, item_id = key.partition(":")
        found.setdefault(kind, {})[UUID(item_id)] = moment
    return found
