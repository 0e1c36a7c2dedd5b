"""A command line that asks a person to act in their name; the first admin of an installation (C-21)."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies import challenges, invites, throttles, tokens
from paperclip.companies.api.base import OpenView
from paperclip.companies.api.members import UserOut
from paperclip.companies.choices import ChallengeState, CliAccess, InviteState, InviteType
from paperclip.companies.models import CliChallenge, Invite
from paperclip.core import naming
from paperclip.core.api.fields import Enum, Text, Uuid
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import Output
from paperclip.core.api.schema import operation, query
from paperclip.core.errors import Conflict, NotFound, Unauthorized

_POLL_MS = 1000


class ChallengeInput(Input):
    """A command line that wants to be let in."""

    command = Text(min_length=1, max_length=240)
    client_name = Text(required=False, allow_null=True, max_length=120)
    requested_access = Enum(choices=CliAccess.choices, default=CliAccess.BOARD)
    requested_company_id = Uuid(required=False, allow_null=True)


class TokenInput(Input):
    """The secret of a question."""

    token = Text(min_length=16, max_length=256)


class NewChallengeOut(Output):
    """A question that was put; both tokens are shown only now."""

    id = serializers.UUIDField()
    token = serializers.CharField()
    board_api_token = serializers.CharField()
    approval_path = serializers.CharField()
    approval_url = serializers.CharField()
    poll_path = serializers.CharField()
    expires_at = serializers.DateTimeField()
    suggested_poll_interval_ms = serializers.IntegerField()


class ChallengeOut(Output):
    """A question as whoever holds its token sees it."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=ChallengeState.choices)
    command = serializers.CharField()
    client_name = serializers.CharField(allow_null=True)
    requested_access = serializers.ChoiceField(choices=CliAccess.choices)
    requested_company_id = serializers.UUIDField(allow_null=True)
    requested_company_name = serializers.CharField(allow_null=True)
    approved_at = serializers.DateTimeField(allow_null=True)
    cancelled_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField()
    approved_by_user = UserOut(allow_null=True)
    requires_sign_in = serializers.BooleanField()
    can_approve = serializers.BooleanField()
    current_user_id = serializers.UUIDField(allow_null=True)


class ApprovedOut(Output):
    """A question that was answered with yes."""

    approved = serializers.BooleanField()
    status = serializers.CharField()
    user_id = serializers.UUIDField()
    key_id = serializers.UUIDField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)


class CancelledOut(Output):
    """A question that was withdrawn, or was not."""

    status = serializers.CharField()
    cancelled = serializers.BooleanField()


class ClaimOut(Output):
    """How a claim code stands."""

    status = serializers.ChoiceField(choices=["available", "claimed", "expired", "invalid"])
    requires_sign_in = serializers.BooleanField()
    expires_at = serializers.DateTimeField(allow_null=True)


class ClaimedBoardOut(Output):
    """The installation has its admin."""

    claimed = serializers.BooleanField()
    user_id = serializers.UUIDField()


class ChallengeList(OpenView):
    """Putting a question."""

    @operation(
        "Ask to act for a person [C-21]",
        reads=ChallengeInput,
        answers=NewChallengeOut,
        status=201,
        refuses=(429,),
    )
    def post(self, request: Request) -> Response:
        throttles.spend(throttles.CHALLENGE_CREATE, self.address, now=self.now)
        asked = challenges.create(fields=ChallengeInput.read(request.data), now=self.now)
        path = f"/cli-auth/{asked.challenge.id}?token={asked.token}"
        answer = {
            "id": asked.challenge.id,
            "token": asked.token,
            "boardApiToken": asked.board_token,
            "approvalPath": path,
            "approvalUrl": settings.PAPERCLIP_PUBLIC_URL + path,
            "pollPath": f"/cli-auth/challenges/{asked.challenge.id}",
            "expiresAt": asked.challenge.expires_at,
            "suggestedPollIntervalMs": _POLL_MS,
        }
        return Response(answer, status=201)


class _ChallengeView(OpenView):
    def challenge(self, reference: str, token: str) -> CliChallenge:
        """Return the question. Raises NotFound for a token that is not its own, TooManyRequests for guessing."""
        throttles.spend(throttles.CHALLENGE_LOOK, self.address, now=self.now)
        return challenges.find(naming.as_uuid(reference), token)


class ChallengeDetail(_ChallengeView):
    """A question and what has become of it."""

    @operation("Look at a question [C-21]", answers=ChallengeOut, query=[query("token")], refuses=(429,))
    def get(self, request: Request, challenge_id: str) -> Response:
        challenge = self.challenge(challenge_id, request.query_params.get("token", ""))
        return Response(self._render(challenge))

    def _render(self, row: CliChallenge) -> dict[str, Any]:
        state = challenges.state(row, now=self.now)
        is_open = state == ChallengeState.PENDING
        company, person = row.requested_company, row.approved_by_user
        return {
            "id": row.id,
            "status": state,
            "command": row.command,
            "clientName": row.client_name,
            "requestedAccess": row.requested_access,
            "requestedCompanyId": row.requested_company_id,
            # The name of a company is not for whoever merely asks about it.
            "requestedCompanyName": company.name
            if company and company.id in self.actor.company_ids
            else None,
            "approvedAt": row.approved_at,
            "cancelledAt": row.cancelled_at,
            "expiresAt": row.expires_at,
            "approvedByUser": UserOut.render(person) if person is not None else None,
            "requiresSignIn": is_open and not self.actor.is_board,
            "canApprove": is_open
            and self.actor.is_board
            and challenges.reason_against(row, self.actor) is None,
            "currentUserId": self.actor.user_id,
        }


class ChallengeApprove(_ChallengeView):
    """Saying yes."""

    @operation(
        "Let the command line act for the caller [C-21]",
        reads=TokenInput,
        answers=ApprovedOut,
        refuses=(401, 429),
    )
    def post(self, request: Request, challenge_id: str) -> Response:
        if not self.actor.is_board:
            raise Unauthorized("Sign in before approving CLI access")
        challenge = self.challenge(challenge_id, TokenInput.read(request.data)["token"])
        row = challenges.approve(challenge=challenge, actor=self.actor, now=self.now)
        return Response(
            {
                "approved": True,
                "status": ChallengeState.APPROVED,
                "userId": row.approved_by_user_id,
                "keyId": row.board_token_id,
                "expiresAt": row.board_token.expires_at if row.board_token else None,
            }
        )


class ChallengeCancel(_ChallengeView):
    """Taking the question back."""

    @operation("Withdraw a question [C-21]", reads=TokenInput, answers=CancelledOut, refuses=(429,))
    def post(self, request: Request, challenge_id: str) -> Response:
        challenge = self.challenge(challenge_id, TokenInput.read(request.data)["token"])
        row, cancelled = challenges.cancel(challenge=challenge, now=self.now)
        return Response({"status": challenges.state(row, now=self.now), "cancelled": cancelled})


class BoardClaim(OpenView):
    """A claim code of a fresh installation."""

    @operation("Look at a claim code [C-21]", answers=ClaimOut, refuses=(429,))
    def get(self, request: Request, token: str) -> Response:
        throttles.spend(throttles.INVITE_LOOK, self.address, now=self.now)
        invite = _claim(token)
        return Response(
            {
                "status": self._state(invite),
                "requiresSignIn": not self.actor.is_board,
                "expiresAt": invite.expires_at if invite is not None else None,
            }
        )

    def _state(self, invite: Invite | None) -> str:
        found = invites.state(invite, now=self.now) if invite is not None else None
        words = {
            InviteState.ACTIVE: "available",
            InviteState.ACCEPTED: "claimed",
            InviteState.EXPIRED: "expired",
        }
        return words.get(found, "invalid") if found is not None else "invalid"


class BoardClaimTake(OpenView):
    """Becoming the first admin."""

    @operation("Become instance admin by a claim code [C-21]", answers=ClaimedBoardOut, refuses=(401, 429))
    def post(self, request: Request, token: str) -> Response:
        throttles.spend(throttles.INVITE_ACCEPT, self.address, now=self.now)
        if self.actor.user is None or self.actor.source != "session":
            raise Unauthorized("Sign in before claiming board ownership")
        invite = _claim(token)
        if invite is None:
            raise NotFound("Board claim not found")
        if invites.state(invite, now=self.now) != InviteState.ACTIVE:
            raise Conflict("Board claim is no longer available")
        invites.accept_bootstrap(invite=invite, user=self.actor.user, now=self.now)
        return Response({"claimed": True, "userId": self.actor.user.id})


def _claim(token: str) -> Invite | None:
    return Invite.objects.filter(token_hash=tokens.digest(token), invite_type=InviteType.BOOTSTRAP).first()
