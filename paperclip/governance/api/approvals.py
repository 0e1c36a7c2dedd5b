"""Questions put to the board (C-71 to C-82)."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies.api import repeating
from paperclip.companies.api.base import ActorView, CompanyView
from paperclip.core import redaction
from paperclip.core.api.fields import Enum, Items, Object, Text, Uuid
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import ModelOutput
from paperclip.core.api.schema import operation, query
from paperclip.governance import approval_comments, approvals
from paperclip.governance.choices import ApprovalStatus, ApprovalType
from paperclip.governance.models import Approval, ApprovalComment


class ApprovalOut(ModelOutput):
    """A question and its answer; the payload without secrets."""

    payload = serializers.DictField()

    class Meta:
        model = Approval
        fields: ClassVar = [
            "id", "company_id", "type", "requested_by_agent_id", "requested_by_user_id", "status", "payload",
            "decision_note", "decided_by_user_id", "decided_at", "created_at", "updated_at",
        ]  # fmt: skip


class ApprovalInput(Input):
    """A question."""

    type = Enum(choices=ApprovalType.choices)
    payload = Object()
    requested_by_agent_id = Uuid(required=False, allow_null=True)
    issue_ids = Items(child=Uuid(), required=False, max_length=200)


class DecisionInput(Input):
    """An answer. Who gave it is known from the request."""

    decision_note = Text(required=False, allow_null=True, max_length=20_000, multiline=True)


class ResubmitInput(Input):
    """A question put again; without a payload the earlier one stands."""

    payload = Object(required=False)


class ApprovalCommentInput(Input):
    """A word on a question."""

    body = Text(min_length=1, max_length=100_000, multiline=True)


class ApprovalCommentOut(ModelOutput):
    """A word on a question."""

    class Meta:
        model = ApprovalComment
        fields: ClassVar = [
            "id", "company_id", "approval_id", "author_agent_id", "author_user_id", "body", "created_at", "updated_at",
        ]  # fmt: skip


def render(approval: Approval) -> dict[str, Any]:
    """Return an approval, secrets in its payload taken out (C-71)."""
    return ApprovalOut.render(approval, payload=redaction.data(approval.payload))


class ApprovalList(CompanyView):
    """The approvals of a company."""

    @operation(
        "List approvals, newest first [C-72]",
        answers=ApprovalOut,
        many=True,
        query=[query("status", enum=ApprovalStatus.values)],
    )
    def get(self, request: Request, company_id: str) -> Response:
        rows = approvals.of_company(self.company.id, status=request.query_params.get("status"))
        return Response([render(row) for row in rows])

    @operation("Ask the board [C-73]", reads=ApprovalInput, answers=ApprovalOut, status=201)
    @repeating.once
    def post(self, request: Request, company_id: str) -> Response:
        fields = ApprovalInput.read(request.data)
        approval = approvals.create(company=self.company, **fields, actor=self.actor, now=self.now)
        return Response(render(approval), status=201)


class ApprovalView(ActorView):
    """A view of one approval."""

    def find_approval(self, reference: str) -> Approval:
        """Return the approval a path names."""
        return self.find(Approval.objects.select_related("company"), reference, what="Approval")

    def read_note(self, request: Request) -> str | None:
        """Return the note of a decision, if there is one."""
        note: str | None = DecisionInput.read(request.data or {}).get("decision_note")
        return note


class ApprovalDetail(ApprovalView):
    """One approval."""

    @operation("Get an approval [C-74]", answers=ApprovalOut)
    def get(self, request: Request, approval_id: str) -> Response:
        return Response(render(self.find_approval(approval_id)))


class ApprovalApprove(ApprovalView):
    """Saying yes."""

    board_only = True

    @operation("Approve [C-75]", reads=DecisionInput, answers=ApprovalOut)
    def post(self, request: Request, approval_id: str) -> Response:
        approval, note = self.find_approval(approval_id), self.read_note(request)
        return Response(
            render(approvals.approve(approval=approval, note=note, actor=self.actor, now=self.now))
        )


class ApprovalReject(ApprovalView):
    """Saying no."""

    board_only = True

    @operation("Reject [C-75]", reads=DecisionInput, answers=ApprovalOut)
    def post(self, request: Request, approval_id: str) -> Response:
        approval, note = self.find_approval(approval_id), self.read_note(request)
        return Response(
            render(approvals.reject(approval=approval, note=note, actor=self.actor, now=self.now))
        )


class ApprovalRequestRevision(ApprovalView):
    """Sending a question back."""

    board_only = True

    @operation("Ask for a better question [C-76]", reads=DecisionInput, answers=ApprovalOut)
    def post(self, request: Request, approval_id: str) -> Response:
        approval, note = self.find_approval(approval_id), self.read_note(request)
        row = approvals.request_revision(approval=approval, note=note, actor=self.actor, now=self.now)
        return Response(render(row))


class ApprovalResubmit(ApprovalView):
    """Putting a question again."""

    @operation("Put a question again [C-77]", reads=ResubmitInput, answers=ApprovalOut)
    def post(self, request: Request, approval_id: str) -> Response:
        approval = self.find_approval(approval_id)
        payload = ResubmitInput.read(request.data or {}).get("payload")
        row = approvals.resubmit(approval=approval, payload=payload, actor=self.actor, now=self.now)
        return Response(render(row))


class ApprovalComments(ApprovalView):
    """What is said about a question."""

    @operation("List the comments on an approval, oldest first [C-74]", answers=ApprovalCommentOut, many=True)
    def get(self, request: Request, approval_id: str) -> Response:
        approval = self.find_approval(approval_id)
        return Response(ApprovalCommentOut.render_many(approval_comments.of(approval)))

    @operation(
        "Comment on an approval [C-78]", reads=ApprovalCommentInput, answers=ApprovalCommentOut, status=201
    )
    @repeating.once
    def post(self, request: Request, approval_id: str) -> Response:
        approval = self.find_approval(approval_id)
        body = ApprovalCommentInput.read(request.data)["body"]
        comment = approval_comments.add(approval=approval, body=body, actor=self.actor, now=self.now)
        return Response(ApprovalCommentOut.render(comment), status=201)
