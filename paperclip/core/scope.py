"""Who looks at the board, at which company, and what they may change there.

The site works it out once per request and puts it there; pages ask for it and nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest

COMPANY_KEY = "board_company"  # under which the chosen company is kept in the session


@dataclass(frozen=True)
class Scope:
    """Who looks at the board, at which company, and where they may change things.

    `actor` and `company` are a floor above this one; `company` is None for a person without any. `archived` are the
    companies where nothing can be changed but that they are: the person could, were they active.
    """

    actor: Any
    company: Any | None
    companies: Sequence[Any] = ()
    writable: Collection[UUID] = frozenset()
    archived: Collection[UUID] = frozenset()
    is_instance_admin: bool = False

    @property
    def company_id(self) -> UUID | None:
        """The chosen company's id."""
        return None if self.company is None else self.company.id

    @property
    def chosen(self) -> Any:
        """The chosen company, where there must be one. Raises Http404 for a person without any."""
        if self.company is None:
            raise Http404("Choose a company first.")
        return self.company

    @property
    def company_ids(self) -> list[UUID]:
        """Every company the person may look into."""
        return [company.id for company in self.companies]

    @property
    def may_write(self) -> bool:
        """Whether the person may change things in the chosen company."""
        return self.company_id in self.writable


NOWHERE = Scope(actor=None, company=None)


def scope_of(request: HttpRequest) -> Scope:
    """Return the scope the site put on the request; a request it never saw may look at nothing."""
    scope: Scope = getattr(request, "scope", NOWHERE)
    return scope
