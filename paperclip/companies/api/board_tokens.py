"""Tokens of people for the API (C-10, K-13)."""

from __future__ import annotations

from typing import ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies import keys, throttles
from paperclip.companies.api.base import ActorView
from paperclip.companies.models import BoardApiToken
from paperclip.core import naming
from paperclip.core.api.fields import Moment, Text, Uuid
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import ModelOutput
from paperclip.core.api.schema import Ok, operation
from paperclip.core.errors import Invalid


class BoardTokenInput(Input):
    """A token to make. Without `expiresAt` it lasts 30 days."""

    name = Text(min_length=1, max_length=200)
    requested_company_id = Uuid(required=False, allow_null=True)
    expires_at = Moment(required=False, allow_null=True)


class BoardTokenOut(ModelOutput):
    """A token, without its text."""

    class Meta:
        model = BoardApiToken
        fields: ClassVar = ["id", "name", "created_at", "last_used_at", "expires_at", "revoked_at"]


class NewBoardTokenOut(BoardTokenOut):
    """A token with its text, which is never shown again."""

    token = serializers.CharField()

    class Meta(BoardTokenOut.Meta):
        fields: ClassVar = [*BoardTokenOut.Meta.fields, "token"]


class BoardTokenList(ActorView):
    """The caller's own tokens."""

    board_only = True

    @operation("List one's own board tokens [K-13]", answers=BoardTokenOut, many=True)
    def get(self, request: Request) -> Response:
        rows = BoardApiToken.objects.filter(user=self.actor.user).order_by("-created_at", "id")
        return Response(BoardTokenOut.render_many(rows))

    @operation(
        "Create a board token; its text is shown only now [K-13]",
        reads=BoardTokenInput,
        answers=NewBoardTokenOut,
        status=201,
        refuses=(429,),
    )
    def post(self, request: Request) -> Response:
        fields = BoardTokenInput.read(request.data)
        if fields.get("requested_company_id") is not None:
            self.admit(fields["requested_company_id"])
        expires_at = fields.get("expires_at") or self.now + keys.BOARD_TOKEN_LIFE
        if expires_at <= self.now:
            raise Invalid.at("expiresAt", message="expiresAt must be in the future")
        assert self.actor.user is not None
        throttles.spend(throttles.KEY_CREATE, self.actor.user.id, now=self.now)
        row, token = keys.create_board_token(
            user=self.actor.user, name=fields["name"], actor=self.actor, now=self.now, expires_at=expires_at
        )
        return Response(NewBoardTokenOut.render(row, token=token), status=201)


class BoardTokenDetail(ActorView):
    """One of the caller's tokens."""

    board_only = True

    @operation("Revoke one of one's own board tokens [K-13]", answers=Ok)
    def delete(self, request: Request, token_id: str) -> Response:
        assert self.actor.user is not None
        keys.revoke_board_token(
            user=self.actor.user, token_id=naming.as_uuid(token_id), actor=self.actor, now=self.now
        )
        return Response({"ok": True})
