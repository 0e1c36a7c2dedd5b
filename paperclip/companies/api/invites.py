"""Invites: making, listing and ending them (C-36)."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies import invite_texts, invites, rights, throttles
from paperclip.companies.api.base import ActorView, CompanyView
from paperclip.companies.choices import InviteState, JoinType, MemberRole, Permission
from paperclip.companies.models import Company, Invite
from paperclip.core.api.fields import Enum, Object, Text
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import ModelOutput, Output
from paperclip.core.api.schema import operation, query
from paperclip.core.api.views import whole_number
from paperclip.core.errors import BadRequest

_MESSAGE_CHARS = 4000


class InviteInput(Input):
    """Somebody to invite."""

    allowed_join_types = Enum(choices=JoinType.choices, default=JoinType.BOTH)
    human_role = Enum(choices=MemberRole.choices, required=False, allow_null=True)
    defaults_payload = Object(required=False, allow_null=True)
    agent_message = Text(required=False, allow_null=True, max_length=_MESSAGE_CHARS)


class PromptInput(Input):
    """What to say to the agent that is invited."""

    agent_message = Text(required=False, allow_null=True, max_length=_MESSAGE_CHARS)


class InviteOut(ModelOutput):
    """An invite, without its token."""

    defaults_payload = serializers.DictField(allow_null=True)
    state = serializers.ChoiceField(choices=InviteState.choices)

    class Meta:
        model = Invite
        fields: ClassVar = [
            "id", "company_id", "invite_type", "allowed_join_types", "human_role", "defaults_payload",
            "agent_message", "expires_at", "invited_by_user_id", "invited_by_agent_id", "revoked_at",
            "accepted_at", "created_at", "updated_at", "state",
        ]  # fmt: skip


class NewInviteOut(InviteOut):
    """An invite with its token, which is never shown again."""

    token = serializers.CharField()
    invite_path = serializers.CharField()
    invite_url = serializers.CharField()
    company_name = serializers.CharField()
    onboarding_text_path = serializers.CharField()
    onboarding_text_url = serializers.CharField()
    invite_message = serializers.CharField()

    class Meta(InviteOut.Meta):
        fields: ClassVar = [
            *InviteOut.Meta.fields, "token", "invite_path", "invite_url", "company_name", "onboarding_text_path",
            "onboarding_text_url", "invite_message",
        ]  # fmt: skip


class InviteListOut(Output):
    """A page of invites; `nextOffset` is null on the last one."""

    invites = InviteOut(many=True)
    next_offset = serializers.IntegerField(allow_null=True)


class InviteList(CompanyView):
    """The invites of a company."""

    @operation(
        "List invites, the newest first [C-36]",
        answers=InviteListOut,
        query=[query("state", enum=InviteState.values), query("limit", int), query("offset", int)],
    )
    def get(self, request: Request, company_id: str) -> Response:
        rights.require_permission(self.actor, self.company.id, Permission.USERS_INVITE)
        rows = Invite.objects.filter(company=self.company).order_by("-created_at", "id")
        state = request.query_params.get("state")
        if state is not None:
            if state not in InviteState.values:
                raise BadRequest("Unknown state")
            rows = invites.in_state(rows, state, now=self.now)
        limit = whole_number(request, "limit", default=20, least=1, most=100, strict=True)
        offset = whole_number(request, "offset", default=0, least=0, most=1_000_000, strict=True)
        page = list(rows[offset : offset + limit + 1])
        return Response(
            {
                "invites": [self._render(invite) for invite in page[:limit]],
                "nextOffset": offset + limit if len(page) > limit else None,
            }
        )

    @operation(
        "Invite a person or an agent; the token is shown only now [C-36]",
        reads=InviteInput,
        answers=NewInviteOut,
        status=201,
        refuses=(429,),
    )
    def post(self, request: Request, company_id: str) -> Response:
        fields = InviteInput.read(request.data or {})
        throttles.spend(throttles.INVITE_CREATE, self.company.id, now=self.now)
        invite, token = invites.create(company=self.company, fields=fields, actor=self.actor, now=self.now)
        return Response(render_new(invite, token, self.company, self), status=201)

    def _render(self, invite: Invite) -> dict[str, Any]:
        return InviteOut.render(invite, state=invites.state(invite, now=self.now))


class AgentInvite(CompanyView):
    """An invite for an agent that runs elsewhere."""

    @operation(
        "Invite an agent that runs elsewhere [C-36]",
        reads=PromptInput,
        answers=NewInviteOut,
        status=201,
        refuses=(429,),
    )
    def post(self, request: Request, company_id: str) -> Response:
        fields = PromptInput.read(request.data or {})
        throttles.spend(throttles.INVITE_CREATE, self.company.id, now=self.now)
        invite, token = invites.create_for_agent(
            company=self.company, message=fields.get("agent_message"), actor=self.actor, now=self.now
        )
        return Response(render_new(invite, token, self.company, self), status=201)


class InviteRevoke(ActorView):
    """Ending an invite."""

    @operation("Revoke an invite [C-36]", answers=InviteOut)
    def post(self, request: Request, invite_ref: str) -> Response:
        invite = self.find(Invite.objects.all(), invite_ref, what="Invite")
        company_id = invites.company_id_of(invite)
        rights.require_permission(self.actor, company_id, Permission.USERS_INVITE)
        revoked = invites.revoke(invite=invite, actor=self.actor, now=self.now)
        return Response(InviteOut.render(revoked, state=invites.state(revoked, now=self.now)))


def render_new(invite: Invite, token: str, company: Company, view: ActorView) -> dict[str, Any]:
    """Return a fresh invite with everything there is to send along."""
    base = settings.PAPERCLIP_PUBLIC_URL
    return NewInviteOut.render(
        invite,
        state=invites.state(invite, now=view.now),
        token=token,
        invitePath=invite_texts.path(token),
        inviteUrl=base + invite_texts.path(token),
        companyName=company.name,
        onboardingTextPath=invite_texts.onboarding_path(token),
        onboardingTextUrl=base + invite_texts.onboarding_path(token),
        inviteMessage=invite_texts.message(invite, token),
    )
