"""Who am I: for the command line, for sessions, and a person's own profile (C-16, C-21)."""

from __future__ import annotations

import re
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies import keys, people
from paperclip.companies.api.base import ActorView
from paperclip.companies.api.members import UserOut
from paperclip.companies.models import User
from paperclip.core.api.fields import Text
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import Output
from paperclip.core.api.schema import operation
from paperclip.core.errors import BadRequest, Invalid, Unauthorized

_ASSET = re.compile(r"/api/assets/[0-9a-fA-F-]{36}/content")
_is_url = URLValidator(schemes=["http", "https"])


class MembershipOut(Output):
    """A person's place in one company."""

    company_id = serializers.UUIDField()
    membership_role = serializers.CharField(allow_null=True, source="role")
    status = serializers.CharField()


class MeOut(Output):
    """The person behind a board token or session."""

    user = UserOut()
    user_id = serializers.UUIDField()
    is_instance_admin = serializers.BooleanField()
    company_ids = serializers.ListField(child=serializers.UUIDField())
    memberships = MembershipOut(many=True)
    source = serializers.CharField()  # type: ignore[assignment]  # the answer has a field of this name
    key_id = serializers.UUIDField(allow_null=True)


class ProfilePatch(Input):
    """A person's name and picture."""

    name = Text(min_length=1, max_length=120, trim_whitespace=True)
    image = Text(required=False, allow_null=True, max_length=4_000)


class PersonView(ActorView):
    """A view for a person about themselves."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse agents as well as nobody: 401, for what is missing is a sign-in (C-16)."""
        super().initial(request, *args, **kwargs)
        if not self.actor.is_board:
            raise Unauthorized("Board authentication required")

    @property
    def user(self) -> User:
        """The calling person."""
        assert self.actor.user is not None
        return self.actor.user


class CliMe(PersonView):
    """The person behind a command line."""

    @operation("Get the calling person [C-21]", answers=MeOut)
    def get(self, request: Request) -> Response:
        memberships = list(self.actor.memberships.values())
        return Response(
            {
                "user": UserOut.render(self.user),
                "userId": self.user.id,
                "isInstanceAdmin": self.actor.is_instance_admin,
                "companyIds": [membership.company_id for membership in memberships],
                "memberships": MembershipOut.render_many(memberships),
                "source": self.actor.source,
                "keyId": self.actor.key_id,
            }
        )


class CliRevokeCurrent(PersonView):
    """Signing a command line out."""

    @operation("Revoke the token of this request [C-21]", answers=OpenApiTypes.OBJECT)
    def post(self, request: Request) -> Response:
        if self.actor.source != "board_key":
            raise BadRequest("Only board API keys can be revoked here")
        keys.revoke_board_token(user=self.user, token_id=self.actor.key_id, actor=self.actor, now=self.now)
        return Response({"revoked": True, "keyId": self.actor.key_id})


class GetSession(PersonView):
    """The session of a person."""

    @operation("Get the calling person's session [C-16]", answers=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        session = {"id": f"paperclip:{self.actor.source}:{self.user.id}", "userId": self.user.id}
        return Response({"session": session, "user": UserOut.render(self.user)})


class Profile(PersonView):
    """A person's own profile."""

    @operation("Get one's own profile [C-16]", answers=UserOut)
    def get(self, request: Request) -> Response:
        return Response(UserOut.render(self.user))

    @operation("Change one's own profile [C-16]", reads=ProfilePatch, answers=UserOut)
    def patch(self, request: Request) -> Response:
        fields = ProfilePatch.read(request.data)
        if fields.get("image"):
            _require_image(fields["image"])
        user = people.update_profile(user=self.user, fields=fields)
        return Response(UserOut.render(user))


def _require_image(address: str) -> None:
    if _ASSET.fullmatch(address):
        return
    try:
        _is_url(address)
    except ValidationError as error:
        raise Invalid.at("image", message="Expected an http(s) address or an asset of this server") from error
