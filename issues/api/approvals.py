"""Approvals of an issue and issues of an approval (I-194 to I-196, C-74)."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from issues import approval_links, listing
from issues.api.base import IssueView
from issues.api.listing import IssueRowOut
from issues.listing import Filters
from issues.models import ApprovalLink
from paperclip.companies.api.base import ActorView
from paperclip.core.api.fields import Uuid
from paperclip.core.api.inputs import Input
from paperclip.core.api.schema import Ok, operation
from paperclip.governance.api import approvals
from paperclip.governance.models import Approval


class ApprovalLinkInput(Input):
    """Which approval an issue waits for or led to."""

    approval_id = Uuid()


class IssueApprovalsView(IssueView):
    """`GET` and `POST /issues/:id/approvals`."""

    @operation("List the approvals of an issue [I-194]", answers=approvals.ApprovalOut, many=True)
    def get(self, request: Request, issue_id: str) -> Response:
        """Answer the approvals, newest link first."""
        links = ApprovalLink.objects.filter(issue_id=self.locate(issue_id)).select_related("approval")
        rows = links.order_by("-created_at", "-id")
        return Response([approvals.render(link.approval) for link in rows])

    @operation(
        "Link an approval to an issue [I-195]",
        reads=ApprovalLinkInput,
        answers=approvals.ApprovalOut,
        many=True,
        status=201,
    )
    def post(self, request: Request, issue_id: str) -> Response:
        """Link and answer the whole list."""
        target = self.locate(issue_id)
        approval_id = ApprovalLinkInput.read(request.data)["approval_id"]
        approval_links.add(issue_id=target, approval_id=approval_id, actor=self.actor, now=self.now)
        return Response(self.get(request, issue_id).data, status=201)


class IssueApprovalView(IssueView):
    """`DELETE /issues/:id/approvals/:approvalId`."""

    @operation("Take the link of an approval away [I-196]", answers=Ok)
    def delete(self, request: Request, issue_id: str, approval_id: str) -> Response:
        """Unlink."""
        target, approval = self.locate(issue_id), self.part(approval_id, what="Approval")
        approval_links.remove(issue_id=target, approval_id=approval, actor=self.actor, now=self.now)
        return Response({"ok": True})


class ApprovalIssuesView(ActorView):
    """`GET /approvals/:approvalId/issues`."""

    @operation("List the issues of an approval [C-74]", answers=IssueRowOut, many=True)
    def get(self, request: Request, approval_id: str) -> Response:
        """Answer the issues the question is about."""
        approval = self.find(Approval.objects.all(), approval_id, what="Approval")
        filters = Filters(approval_id=approval.pk, include_plugin_operations=True)
        return Response(listing.company(approval.company_id, filters, limit=listing.MAX_LIMIT))
