"""What whoever holds an invite may see and do (C-37)."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies import adapter_config, invite_texts, invites, joins, skills, throttles
from paperclip.companies.api.base import OpenView
from paperclip.companies.api.joins import JoinOut
from paperclip.companies.choices import InviteType, JoinType
from paperclip.companies.models import Asset, CompanyLogo, Invite, JoinRequest
from paperclip.core import outbound
from paperclip.core.api import downloads
from paperclip.core.api.fields import Enum, Object, Text
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import Output
from paperclip.core.api.schema import operation, query
from paperclip.core.api.views import whole_number
from paperclip.core.errors import BadRequest, Invalid, NotFound, Unauthorized

_KINDS = [(JoinType.HUMAN.value, JoinType.HUMAN.label), (JoinType.AGENT.value, JoinType.AGENT.label)]
PLAIN = "text/plain; charset=utf-8"


class InviteSummaryOut(Output):
    """An invite as whoever holds it sees it."""

    id = serializers.UUIDField()
    company_id = serializers.UUIDField(allow_null=True)
    company_name = serializers.CharField(allow_null=True)
    company_logo_url = serializers.CharField(allow_null=True)
    company_brand_color = serializers.CharField(allow_null=True)
    invite_type = serializers.ChoiceField(choices=InviteType.choices)
    allowed_join_types = serializers.ChoiceField(choices=JoinType.choices)
    human_role = serializers.CharField(allow_null=True)
    invited_by_user_name = serializers.CharField(allow_null=True)
    expires_at = serializers.DateTimeField()
    invite_message = serializers.CharField()
    onboarding_path = serializers.CharField()
    onboarding_url = serializers.CharField()
    onboarding_text_path = serializers.CharField()
    onboarding_text_url = serializers.CharField()
    join_request_status = serializers.CharField(allow_null=True)
    join_request_type = serializers.CharField(allow_null=True)


class OnboardingOut(Output):
    """The steps of an agent that follows an invite."""

    invite = InviteSummaryOut()
    onboarding = serializers.DictField()


class ResolutionOut(Output):
    """Whether this server reaches an address."""

    url = serializers.CharField()
    status = serializers.ChoiceField(choices=["reachable", "unreachable", "refused"])
    http_status = serializers.IntegerField(allow_null=True)
    message = serializers.CharField()


class InviteAcceptInput(Input):
    """Following an invite: as a person who is signed in, or as an agent."""

    request_type = Enum(choices=_KINDS)
    agent_name = Text(required=False, allow_null=True, min_length=1, max_length=120, trim_whitespace=True)
    adapter_type = Text(required=False, allow_null=True, min_length=1, max_length=64)
    capabilities = Text(required=False, allow_null=True, max_length=4000)
    agent_defaults_payload = Object(required=False, allow_null=True)


class InviteAcceptedOut(JoinOut):
    """Who asks to join; agents are told how to come by their key."""

    claim_secret = serializers.CharField(required=False)
    claim_api_key_path = serializers.CharField(required=False)
    onboarding = serializers.DictField(required=False)
    diagnostics = serializers.ListField(child=serializers.DictField(), required=False)

    class Meta(JoinOut.Meta):
        fields: ClassVar = [
            *JoinOut.Meta.fields,
            "claim_secret",
            "claim_api_key_path",
            "onboarding",
            "diagnostics",
        ]


class BootstrapAcceptedOut(Output):
    """The installation has a further admin."""

    invite_id = serializers.UUIDField()
    invite_type = serializers.ChoiceField(choices=InviteType.choices)
    bootstrap_accepted = serializers.BooleanField()
    user_id = serializers.UUIDField()


_ACCEPTED = PolymorphicProxySerializer(
    component_name="InviteAnswer",
    serializers=[InviteAcceptedOut, BootstrapAcceptedOut],
    resource_type_field_name=None,
)


class _InvitedView(OpenView):
    """A view for whoever holds an invite's token."""

    def invite(self, token: str) -> Invite:
        """Return the invite. Raises NotFound for a token that is not good, TooManyRequests for guessing."""
        throttles.spend(throttles.INVITE_LOOK, self.address, now=self.now)
        return invites.find(token, now=self.now)


class InviteSummary(_InvitedView):
    """An invite."""

    @operation("Look at an invite [C-37]", answers=InviteSummaryOut, refuses=(429,))
    def get(self, request: Request, token: str) -> Response:
        return Response(_summary(self.invite(token), token))


class InviteLogo(_InvitedView):
    """The logo of the company that invites."""

    @operation(
        "See the logo of the company that invites [C-37]",
        answers=downloads.CONTENT,
        media_type="*/*",
        also={304: downloads.UNCHANGED},
        refuses=(429,),
    )
    def get(self, request: Request, token: str) -> HttpResponseBase:
        logo = _logo(self.invite(token))
        if logo is None:
            raise NotFound("Logo not found")
        return downloads.answer(
            request, sha256=logo.sha256, content_type=logo.content_type, name=logo.original_filename
        )


class InviteOnboarding(_InvitedView):
    """The steps, as data."""

    @operation("Read how to join [C-37]", answers=OnboardingOut, refuses=(429,))
    def get(self, request: Request, token: str) -> Response:
        invite = self.invite(token)
        return Response({"invite": _summary(invite, token), "onboarding": _onboarding(invite, token)})


class InviteOnboardingText(_InvitedView):
    """The steps, as text."""

    @operation(
        "Read how to join, as text [C-37]", answers=OpenApiTypes.STR, media_type="text/plain", refuses=(429,)
    )
    def get(self, request: Request, token: str) -> HttpResponse:
        return HttpResponse(invite_texts.onboarding(self.invite(token), token), content_type=PLAIN)


class InviteSkills(_InvitedView):
    """How to work here."""

    @operation("List the skills of the product [C-37]", answers=OpenApiTypes.OBJECT, refuses=(429,))
    def get(self, request: Request, token: str) -> Response:
        self.invite(token)
        listed = [
            {
                "name": skill.name,
                "description": skill.description,
                "path": f"/api/invites/{token}/skills/{skill.name}",
            }
            for skill in skills.catalogue()
        ]
        return Response({"skills": listed})


class InviteSkill(_InvitedView):
    """One skill."""

    @operation(
        "Read a skill of the product [C-37]",
        answers=OpenApiTypes.STR,
        media_type="text/markdown",
        refuses=(429,),
    )
    def get(self, request: Request, token: str, name: str) -> HttpResponse:
        self.invite(token)
        return HttpResponse(skills.text_of(name), content_type="text/markdown; charset=utf-8")


class InviteResolution(_InvitedView):
    """Whether this server reaches the address an agent would be called at."""

    @operation(
        "Test whether this server reaches an address [C-37]",
        answers=ResolutionOut,
        query=[query("url"), query("timeoutMs", int)],
        refuses=(429,),
    )
    def get(self, request: Request, token: str) -> Response:
        invite = self.invite(token)
        url = request.query_params.get("url", "")
        if not url:
            raise BadRequest("url is required")
        timeout = whole_number(request, "timeoutMs", default=5000, least=1000, most=15_000, strict=True)
        throttles.spend(throttles.RESOLUTION_TEST, invite.id, now=self.now)
        return Response(_resolution(url, timeout / 1000))


class InviteAccept(OpenView):
    """Following an invite."""

    @operation(
        "Ask to join by an invite [C-37]",
        reads=InviteAcceptInput,
        answers=_ACCEPTED,
        status=202,
        refuses=(401, 429),
    )
    def post(self, request: Request, token: str) -> Response:
        throttles.spend(throttles.INVITE_ACCEPT, self.address, now=self.now)
        invite = invites.find(token, now=self.now)
        fields = InviteAcceptInput.read(request.data)
        if fields["request_type"] == JoinType.AGENT:
            return Response(self._as_agent(invite, fields), status=202)
        return Response(self._as_person(invite), status=202)

    def _as_person(self, invite: Invite) -> dict[str, Any]:
        user = self.actor.user
        if user is None:
            raise Unauthorized("Sign in before accepting the invite")
        if invite.invite_type == InviteType.BOOTSTRAP:
            accepted = invites.accept_bootstrap(invite=invite, user=user, now=self.now)
            return {
                "inviteId": accepted.id,
                "inviteType": accepted.invite_type,
                "bootstrapAccepted": True,
                "userId": user.id,
            }
        asked = joins.ask_as_person(invite=invite, user=user, address=self.address, now=self.now)
        return JoinOut.render(asked)

    def _as_agent(self, invite: Invite, fields: dict[str, Any]) -> dict[str, Any]:
        if not fields.get("agent_name"):
            raise Invalid.at("agentName", message="Required")
        if fields.get("adapter_type") is not None:
            adapter_config.require_known_type(fields["adapter_type"])
        asked, secret = joins.ask_as_agent(invite=invite, fields=fields, address=self.address, now=self.now)
        claim_path = f"/api/join-requests/{asked.id}/claim-api-key"
        return JoinOut.render(asked) | {
            "claimSecret": secret,
            "claimApiKeyPath": claim_path,
            "onboarding": {"claimApiKeyUrl": settings.PAPERCLIP_PUBLIC_URL + claim_path},
            "diagnostics": [],
        }


def _summary(invite: Invite, token: str) -> dict[str, Any]:
    base, company = settings.PAPERCLIP_PUBLIC_URL, invite.company
    asked = JoinRequest.objects.filter(invite=invite).first()
    has_logo = _logo(invite) is not None
    return {
        "id": invite.id,
        "companyId": invite.company_id,
        "companyName": company.name if company else None,
        "companyLogoUrl": f"/api/invites/{token}/logo" if has_logo else None,
        "companyBrandColor": company.brand_color if company else None,
        "inviteType": invite.invite_type,
        "allowedJoinTypes": invite.allowed_join_types,
        "humanRole": invite.human_role,
        "invitedByUserName": invite.invited_by_user.display_name if invite.invited_by_user else None,
        "expiresAt": invite.expires_at,
        "inviteMessage": invite_texts.message(invite, token),
        "onboardingPath": f"/api/invites/{token}/onboarding",
        "onboardingUrl": f"{base}/api/invites/{token}/onboarding",
        "onboardingTextPath": invite_texts.onboarding_path(token),
        "onboardingTextUrl": base + invite_texts.onboarding_path(token),
        "joinRequestStatus": asked.status if asked else None,
        "joinRequestType": asked.request_type if asked else None,
    }


def _onboarding(invite: Invite, token: str) -> dict[str, Any]:
    base = settings.PAPERCLIP_PUBLIC_URL
    return {
        "instructions": invite_texts.onboarding(invite, token),
        "acceptPath": f"/api/invites/{token}/accept",
        "acceptUrl": f"{base}/api/invites/{token}/accept",
        "claimApiKeyPathTemplate": "/api/join-requests/{requestId}/claim-api-key",
        "skillsPath": f"/api/invites/{token}/skills/index",
    }


def _logo(invite: Invite) -> Asset | None:
    if invite.company is None:
        return None
    logo = CompanyLogo.objects.filter(company=invite.company).select_related("asset").first()
    return logo.asset if logo is not None else None


def _resolution(url: str, timeout_seconds: float) -> dict[str, Any]:
    shown: dict[str, Any] = {"url": url[: outbound.MAX_URL_CHARS], "httpStatus": None}
    try:
        answer = outbound.get(url, headers={}, timeout_seconds=timeout_seconds)
    except outbound.Refused as refusal:
        return {**shown, "status": "refused", "message": str(refusal)}
    except outbound.Failed as failure:
        return {**shown, "status": "unreachable", "message": str(failure)}
    return {
        **shown,
        "status": "reachable",
        "httpStatus": answer.status,
        "message": f"It answered with status {answer.status}",
    }
