"""Those who ask to join a company (C-38)."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies import joins, rights, throttles
from paperclip.companies.api.base import CompanyView, OpenView
from paperclip.companies.choices import JoinStatus, JoinType, Permission
from paperclip.companies.models import JoinRequest
from paperclip.core import naming
from paperclip.core.api.fields import Text
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import ModelOutput, Output
from paperclip.core.api.schema import operation, query
from paperclip.core.errors import BadRequest, NotFound

_MOST = 500
_KINDS = (JoinType.HUMAN.value, JoinType.AGENT.value)


class JoinOut(ModelOutput):
    """Somebody who asks to join."""

    agent_defaults_payload = serializers.DictField(allow_null=True)

    class Meta:
        model = JoinRequest
        fields: ClassVar = [
            "id", "company_id", "invite_id", "request_type", "status", "request_ip", "requesting_user_id",
            "request_email", "agent_name", "adapter_type", "capabilities", "agent_defaults_payload",
            "claim_secret_expires_at", "claim_secret_consumed_at", "created_agent_id", "approved_by_user_id",
            "approved_at", "rejected_by_user_id", "rejected_at", "created_at", "updated_at",
        ]  # fmt: skip


class ClaimInput(Input):
    """The secret that was given out when the agent asked."""

    claim_secret = Text(min_length=16, max_length=256)


class ClaimedOut(Output):
    """An agent's key, which is never shown again."""

    key_id = serializers.UUIDField()
    token = serializers.CharField()
    agent_id = serializers.UUIDField()
    created_at = serializers.DateTimeField()


class _JoinView(CompanyView):
    """A view for those who may let others in."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse everybody else."""
        super().initial(request, *args, **kwargs)
        rights.require_permission(self.actor, self.company.id, Permission.JOINS_APPROVE)

    def find_request(self, reference: str) -> JoinRequest:
        """Return the request a path names. Raises NotFound."""
        request_id = naming.as_uuid(reference)
        rows = JoinRequest.objects.filter(company=self.company)
        found = rows.filter(pk=request_id).first() if request_id else None
        if found is None:
            raise NotFound("Join request not found")
        return found


class JoinList(_JoinView):
    """Who asked to join."""

    @operation(
        "List who asked to join, the newest first [C-38]",
        answers=JoinOut,
        many=True,
        query=[query("status", enum=JoinStatus.values), query("requestType", enum=_KINDS)],
    )
    def get(self, request: Request, company_id: str) -> Response:
        rows = JoinRequest.objects.filter(company=self.company).order_by("-created_at", "id")
        status, kind = request.query_params.get("status"), request.query_params.get("requestType")
        if status is not None and status not in JoinStatus.values:
            raise BadRequest("Unknown status")
        if kind is not None and kind not in _KINDS:
            raise BadRequest("Unknown requestType")
        if status is not None:
            rows = rows.filter(status=status)
        if kind is not None:
            rows = rows.filter(request_type=kind)
        return Response(JoinOut.render_many(rows[:_MOST]))


class JoinApprove(_JoinView):
    """Letting somebody in."""

    @operation("Let somebody in [C-38]", answers=JoinOut)
    def post(self, request: Request, company_id: str, request_id: str) -> Response:
        asked = self.find_request(request_id)
        return Response(JoinOut.render(joins.approve(request=asked, actor=self.actor, now=self.now)))


class JoinReject(_JoinView):
    """Turning somebody away."""

    @operation("Turn somebody away [C-38]", answers=JoinOut)
    def post(self, request: Request, company_id: str, request_id: str) -> Response:
        asked = self.find_request(request_id)
        return Response(JoinOut.render(joins.reject(request=asked, actor=self.actor, now=self.now)))


class ClaimKey(OpenView):
    """An agent's first key, for the secret it was given when it asked."""

    @operation(
        "Claim an API key, once [C-38]", reads=ClaimInput, answers=ClaimedOut, status=201, refuses=(429,)
    )
    def post(self, request: Request, request_id: str) -> Response:
        fields = ClaimInput.read(request.data)
        throttles.spend(throttles.CLAIM, request_id, now=self.now)
        key, token = joins.claim_key(
            request_id=naming.as_uuid(request_id), secret=fields["claim_secret"], now=self.now
        )
        claimed = {"keyId": key.id, "token": token, "agentId": key.agent_id, "createdAt": key.created_at}
        return Response(claimed, status=201)
