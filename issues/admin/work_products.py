"""What came of the work, on an issue's page; what waits for a person is judged in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest

from issues import work_products
from issues.choices import HealthStatus, ReviewState, WorkProductStatus, WorkProductType
from issues.models import Issue, WorkProduct
from paperclip.core import clock, naming, panels
from paperclip.core.errors import BadRequest
from paperclip.core.panels import Panel
from paperclip.core.scope import scope_of

_SHOWN = 50
_ICONS = {
    WorkProductType.PREVIEW_URL: "preview",
    WorkProductType.RUNTIME_SERVICE: "dns",
    WorkProductType.PULL_REQUEST: "merge",
    WorkProductType.BRANCH: "fork_right",
    WorkProductType.COMMIT: "commit",
    WorkProductType.ARTIFACT: "inventory_2",
    WorkProductType.DOCUMENT: "description",
}
_WORDS = {WorkProductType.PREVIEW_URL: "Preview"}
_BEFORE_REVIEW = (WorkProductStatus.ACTIVE, WorkProductStatus.READY_FOR_REVIEW)
_VERDICTS = {
    ReviewState.APPROVED.value: "is approved",
    ReviewState.CHANGES_REQUESTED.value: "is sent back for changes",
}


@dataclass(frozen=True)
class Shown:
    """A work product as the page shows it; the address only where a browser may follow it."""

    row: WorkProduct
    icon: str
    kind: str
    url: str | None
    waits: bool
    states: Sequence[str]


def _context(issue: Issue, request: HttpRequest) -> dict[str, Any]:
    rows = list(work_products.of(issue.pk).defer("metadata")[: _SHOWN + 1])
    return {"products": [_shown(row) for row in rows[:_SHOWN]], "is_cut": len(rows) > _SHOWN}


def _shown(row: WorkProduct) -> Shown:
    kind = WorkProductType(row.type)
    is_web = urlsplit(row.url or "").scheme in ("http", "https")
    return Shown(
        row=row,
        icon=_ICONS[kind],
        kind=_WORDS.get(kind) or kind.label.capitalize(),
        url=row.url if is_web else None,
        waits=row.review_state == ReviewState.NEEDS_BOARD_REVIEW,
        states=_states(row),
    )


def _states(row: WorkProduct) -> list[str]:
    """Return the words that say how it stands, each once; one that waits for a person is not just ready for it."""
    waits = row.review_state == ReviewState.NEEDS_BOARD_REVIEW
    said = [
        None if waits and row.status in _BEFORE_REVIEW else row.status,
        None if row.review_state == ReviewState.NONE else row.review_state,
        None if row.health_status == HealthStatus.UNKNOWN else row.health_status,
    ]
    return list(dict.fromkeys(word for word in said if word is not None))


class WorkProductDeeds:
    """What can be done to work products on the page of an issue."""

    def review(self, request: HttpRequest, row: Issue) -> str:
        """Say what a person thinks of a work product."""
        wanted = naming.as_field_uuid(request.POST.get("product", ""))
        verdict = request.POST.get("state", "")
        if verdict not in _VERDICTS:
            raise BadRequest("state: choose whether it is approved or needs changes")
        found = work_products.of(row.pk).filter(pk=wanted).first() if wanted else None
        if found is None:
            raise BadRequest("This work product is not on the issue any more")
        work_products.update(
            product_id=found.pk,
            fields={"review_state": verdict},
            actor=scope_of(request).actor,
            now=clock.now(),
        )
        return f"{found.title} {_VERDICTS[verdict]}."


panels.register(
    "issue", Panel("work-products", "Results", "issues/parts/work_products.html", _context, order=5)
)
