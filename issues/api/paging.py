"""How a query asks for a piece of a long list of one issue: `after` an entry, up to a `limit` (IW-35)."""

from __future__ import annotations

from uuid import UUID

from rest_framework.request import Request

from paperclip.core import naming
from paperclip.core.api.schema import query

MAX_PAGE = 500
AFTER = query("after", text="Only what the list has behind the entry with this id, which is not returned.")
PIECE = [AFTER, query("limit", int, f"At most {MAX_PAGE}; all when absent.")]
_NOTHING = UUID(int=0)


def anchor(request: Request, *names: str) -> UUID | None:
    """Return the id after which the list goes on, None when none is asked for.

    `names` are those of the parameter, `after` unless told otherwise. What cannot be an id is that of no entry.
    """
    text = next((found for name in names or ("after",) if (found := request.query_params.get(name))), "")
    return naming.as_field_uuid(text) or _NOTHING if text else None


def limit(request: Request) -> int | None:
    """Return how many entries are asked for; anything that is no positive number asks for all (I-70)."""
    try:
        count = int(float(request.query_params.get("limit", "")))
    except (ValueError, OverflowError):
        return None
    return min(count, MAX_PAGE) if count > 0 else None
