"""The installation: its settings and its people (C-39, C-105)."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies import instance, instance_admins, rights
from paperclip.companies.api.base import ActorView
from paperclip.companies.api.members import UserOut
from paperclip.companies.models import Member, User
from paperclip.core import naming
from paperclip.core.api.fields import Bool, Int, Items, Uuid
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import Output
from paperclip.core.api.schema import operation, query

_MOST_COMPANIES = 1000


class GeneralOut(Output):
    """How the installation treats what it shows."""

    censor_username_in_logs = serializers.BooleanField()


class GeneralPatch(Input):
    """Changes of the general settings."""

    strict = True

    censor_username_in_logs = Bool(required=False)


class ExperimentalOut(Output):
    """Switches for what is not for everybody yet."""

    enable_issue_graph_liveness_auto_recovery = serializers.BooleanField()
    issue_graph_liveness_auto_recovery_lookback_hours = serializers.IntegerField()


class ExperimentalPatch(Input):
    """Changes of the experimental settings."""

    strict = True

    enable_issue_graph_liveness_auto_recovery = Bool(required=False)
    issue_graph_liveness_auto_recovery_lookback_hours = Int(required=False, min_value=1, max_value=720)


class PlaceOut(Output):
    """A person's place in one company, with the company's name."""

    company_id = serializers.UUIDField()
    company_name = serializers.CharField()
    membership_role = serializers.CharField(allow_null=True)
    status = serializers.CharField()


class AdminUserOut(UserOut):
    """A person, as those see them who run the installation."""

    is_instance_admin = serializers.BooleanField()
    companies = PlaceOut(many=True)


class CompanyAccessOut(Output):
    """Which companies a person is let into."""

    user = UserOut()
    company_access = PlaceOut(many=True)


class CompanyAccessInput(Input):
    """The companies a person shall be let into; all others are closed to them."""

    company_ids = Items(child=Uuid(), max_length=_MOST_COMPANIES)


class AdminFlagOut(Output):
    """Whether a person is instance admin."""

    user_id = serializers.UUIDField()
    is_instance_admin = serializers.BooleanField()


class _SettingsView(ActorView):
    """A view for people of any company; only instance admins change what they see."""

    board_only = True

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse who belongs to no company (C-25)."""
        super().initial(request, *args, **kwargs)
        rights.require_org_gate(self.actor)
        if request.method == "PATCH":
            rights.require_admin_gate(self.actor)


class GeneralSettings(_SettingsView):
    """The general settings."""

    @operation("Get the general settings [C-105]", answers=GeneralOut)
    def get(self, request: Request) -> Response:
        return Response(GeneralOut.render(instance.general()))

    @operation("Change the general settings [C-105]", reads=GeneralPatch, answers=GeneralOut)
    def patch(self, request: Request) -> Response:
        fields = GeneralPatch.read(request.data, partial=True)
        instance.update(fields=fields, part="general", actor=self.actor, now=self.now)
        return Response(GeneralOut.render(instance.general()))


class ExperimentalSettings(_SettingsView):
    """The experimental settings."""

    @operation("Get the experimental settings [C-105]", answers=ExperimentalOut)
    def get(self, request: Request) -> Response:
        return Response(ExperimentalOut.render(instance.experimental()))

    @operation("Change the experimental settings [C-105]", reads=ExperimentalPatch, answers=ExperimentalOut)
    def patch(self, request: Request) -> Response:
        fields = ExperimentalPatch.read(request.data, partial=True)
        instance.update(fields=fields, part="experimental", actor=self.actor, now=self.now)
        return Response(ExperimentalOut.render(instance.experimental()))


class _AdminView(ActorView):
    """A view for those who run the installation."""

    board_only = True

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse everybody else (C-25)."""
        super().initial(request, *args, **kwargs)
        rights.require_admin_gate(self.actor)


class AdminUserList(_AdminView):
    """The people of the installation."""

    @operation("Search people, at most 50 [C-39]", answers=AdminUserOut, many=True, query=[query("query")])
    def get(self, request: Request) -> Response:
        users = instance_admins.search(request.query_params.get("query", ""))
        places = instance_admins.places(users)
        return Response(
            [
                UserOut.render(user)
                | {
                    "isInstanceAdmin": user.is_superuser,
                    "companies": [_place(place) for place in places.get(user.id, [])],
                }
                for user in users
            ]
        )


class CompanyAccess(_AdminView):
    """Which companies a person is let into."""

    @operation("Get which companies a person is let into [C-39]", answers=CompanyAccessOut)
    def get(self, request: Request, user_id: str) -> Response:
        return Response(_access(instance_admins.find(naming.as_field_uuid(user_id))))

    @operation(
        "Set which companies a person is let into [C-39]", reads=CompanyAccessInput, answers=CompanyAccessOut
    )
    def put(self, request: Request, user_id: str) -> Response:
        user = instance_admins.find(naming.as_field_uuid(user_id))
        wanted = CompanyAccessInput.read(request.data)["company_ids"]
        instance_admins.set_companies(user=user, company_ids=wanted, actor=self.actor, now=self.now)
        return Response(_access(user))


class Promote(_AdminView):
    """Making somebody instance admin."""

    @operation("Make a person instance admin [C-39]", answers=AdminFlagOut, status=201)
    def post(self, request: Request, user_id: str) -> Response:
        user = instance_admins.find(naming.as_field_uuid(user_id))
        return Response(_flag(instance_admins.promote(user=user, actor=self.actor)), status=201)


class Demote(_AdminView):
    """Making an instance admin a plain person."""

    @operation("Make an instance admin a plain person [C-39]", answers=AdminFlagOut)
    def post(self, request: Request, user_id: str) -> Response:
        user = instance_admins.find(naming.as_field_uuid(user_id))
        return Response(_flag(instance_admins.demote(user=user, actor=self.actor)))


def _place(member: Member) -> dict[str, Any]:
    return PlaceOut.render(member, companyName=member.company.name)


def _access(user: User) -> dict[str, Any]:
    places = instance_admins.places([user]).get(user.id, [])
    return {"user": UserOut.render(user), "companyAccess": [_place(place) for place in places]}


def _flag(user: User) -> dict[str, Any]:
    return {"userId": user.id, "isInstanceAdmin": user.is_superuser}
