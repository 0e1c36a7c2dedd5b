"""What a person wants of their sidebar and inbox (C-99)."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies import preferences
from paperclip.companies.api.base import ActorView, CompanyView
from paperclip.companies.models import Company, InboxDismissal, SidebarPreference, User
from paperclip.core.api.fields import Items, Text
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import ModelOutput, Output
from paperclip.core.api.schema import operation


class OrderInput(Input):
    """An order of the sidebar."""

    ordered_ids = Items(child=Text(min_length=1, max_length=128), max_length=1000)


class OrderOut(Output):
    """An order of the sidebar; `updatedAt` is null when none was ever chosen."""

    ordered_ids = serializers.ListField(child=serializers.CharField())
    updated_at = serializers.DateTimeField(allow_null=True)


class DismissalInput(Input):
    """Something not to count until it changes: `approval:<id>`, `run:<id>` or `join:<id>`."""

    item_key = Text(min_length=1, max_length=80)


class DismissalOut(ModelOutput):
    """Something that is not counted until it changes."""

    class Meta:
        model = InboxDismissal
        fields: ClassVar = [
            "id", "company_id", "user_id", "item_key", "dismissed_at", "created_at", "updated_at"
        ]  # fmt: skip


class SidebarOrder(ActorView):
    """The order of a person's companies."""

    board_only = True

    @operation("Get the order of one's companies [C-99]", answers=OrderOut)
    def get(self, request: Request) -> Response:
        return Response(_order(preferences.order_of(user=_person(self), company=None)))

    @operation("Set the order of one's companies [C-99]", reads=OrderInput, answers=OrderOut)
    def put(self, request: Request) -> Response:
        return Response(_set_order(self, request, None))


class CompanySidebarOrder(CompanyView):
    """The order of a company's projects, as one person wants it."""

    board_only = True

    @operation("Get the order of a company's sidebar [C-99]", answers=OrderOut)
    def get(self, request: Request, company_id: str) -> Response:
        return Response(_order(preferences.order_of(user=_person(self), company=self.company)))

    @operation("Set the order of a company's sidebar [C-99]", reads=OrderInput, answers=OrderOut)
    def put(self, request: Request, company_id: str) -> Response:
        return Response(_set_order(self, request, self.company))


class Dismissals(CompanyView):
    """What a person does not want counted."""

    board_only = True

    @operation("List what one does not want counted [C-99]", answers=DismissalOut, many=True)
    def get(self, request: Request, company_id: str) -> Response:
        rows = preferences.dismissals(user=_person(self), company=self.company)
        return Response(DismissalOut.render_many(rows))

    @operation(
        "Leave something out of one's counts until it changes [C-99]",
        reads=DismissalInput,
        answers=DismissalOut,
        status=201,
    )
    def post(self, request: Request, company_id: str) -> Response:
        item = DismissalInput.read(request.data)["item_key"]
        row = preferences.dismiss(user=_person(self), company=self.company, item=item, now=self.now)
        return Response(DismissalOut.render(row), status=201)


def _person(view: ActorView) -> User:
    assert view.actor.user is not None
    return view.actor.user


def _order(row: SidebarPreference | None) -> dict[str, Any]:
    return {
        "orderedIds": row.ordered_ids if row is not None else [],
        "updatedAt": row.updated_at if row is not None else None,
    }


def _set_order(view: ActorView, request: Request, company: Company | None) -> dict[str, Any]:
    ids = OrderInput.read(request.data)["ordered_ids"]
    return _order(preferences.set_order(user=_person(view), company=company, ordered_ids=ids, now=view.now))
