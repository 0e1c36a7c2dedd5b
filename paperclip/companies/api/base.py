"""The base of every view: who calls, and company scope, are known before anything else is looked at."""

from __future__ import annotations

from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from rest_framework.request import Request

from paperclip.companies import auth, lifecycle
from paperclip.companies.actors import NOBODY, Actor
from paperclip.companies.models import Company
from paperclip.core import clock, hosts, naming
from paperclip.core.api import document
from paperclip.core.api.views import ApiView
from paperclip.core.errors import NotFound, Unauthorized
from paperclip.core.rows import one

_Row = TypeVar("_Row", bound=Model)


class ActorView(ApiView):
    """A view that needs to know its caller. Nobody gets 401, or on board routes 403 (C-25)."""

    credentials: tuple[str, ...] = (document.BEARER, document.SESSION)
    board_only: bool = False
    # Methods of an otherwise open view that only the board may call.
    board_methods: tuple[str, ...] = ()
    # Unsafe methods that also work in an archived company.
    archived_methods: tuple[str, ...] = ()

    actor: Actor

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Find out who calls and refuse who may not."""
        super().initial(request, *args, **kwargs)
        self.actor = request.auth  # type: ignore[assignment]  # the stubs know only tokens of the library
        self.now = clock.now()
        if self.board_only or request.method in self.board_methods:
            auth.require_board(self.actor)
        auth.require_signed_in(self.actor)

    def find(self, rows: QuerySet[_Row], reference: str, *, what: str) -> _Row:
        """Return the row of `rows` that a path names by id, within the caller's companies.

        A row of another company answers as one that does not exist: 404 `<what> not found`. A viewer's unsafe
        method is refused after that. `rows` must have a `company` column.
        """
        row_id = naming.as_uuid(reference)
        row = one(rows.filter(company_id__in=self.actor.company_ids, pk=row_id)) if row_id else None
        if row is None:
            raise NotFound(f"{what} not found")
        self.admit(row.company_id)  # type: ignore[attr-defined]
        return row

    def admit(self, company_id: UUID) -> None:
        """Refuse a caller who may not use this method in that company (C-24), or not while it is archived."""
        method = self.request.method or "GET"
        auth.admit(self.actor, company_id, method=method)
        if method not in (*auth.SAFE_METHODS, *self.archived_methods):
            lifecycle.require_not_archived(company_id)


class OpenView(ApiView):
    """A view for anybody who holds what the path or the body names; `actor` may be nobody.

    A credential that does not verify counts as none: whoever starts anew may still carry the old one.
    """

    credentials = (document.NOTHING, document.BEARER, document.SESSION)
    actor: Actor

    def perform_authentication(self, request: Request) -> None:
        """Leave it to `initial`, which takes a bad credential for none."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Find out who calls, if anybody."""
        super().initial(request, *args, **kwargs)
        self.now = clock.now()
        try:
            self.actor = request.auth  # type: ignore[assignment]  # the stubs know only tokens of the library
        except Unauthorized:
            self.actor = NOBODY

    @property
    def address(self) -> str:
        """The address the request comes from."""
        return hosts.client_address(self.request._request)


class CompanyView(ActorView):
    """A view under `/companies/<company_id>/`."""

    company: Company

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let the caller into the company the path names, or refuse (C-24)."""
        super().initial(request, *args, **kwargs)
        company_id = naming.as_uuid(str(kwargs["company_id"]))
        method = request.method or "GET"
        auth.admit(self.actor, company_id, method=method)
        company = one(Company.objects.filter(pk=company_id)) if company_id else None
        if company is None:
            raise NotFound("Company not found")
        if method not in (*auth.SAFE_METHODS, *self.archived_methods):
            lifecycle.refuse_archived(company)
        self.company = company
