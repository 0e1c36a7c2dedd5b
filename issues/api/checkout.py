"""`/issues/:id/checkout`, `/release` and `/admin/force-release` (I-166 to I-168)."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from issues import checkout, queries
from issues.api.base import IssueView
from issues.api.shapes import IssueOut
from issues.choices import IssueStatus
from paperclip.core.api.fields import Enum, Items, Uuid
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import Output
from paperclip.core.api.schema import operation, query
from paperclip.core.api.views import flag


class CheckoutInput(Input):
    """Who wants the issue, and in which states they expect it."""

    agent_id = Uuid()
    expected_statuses = Items(child=Enum(choices=IssueStatus.choices), allow_empty=False)


class HoldersOut(Output):
    """The runs that held an issue."""

    checkout_run_id = serializers.UUIDField(allow_null=True)
    execution_run_id = serializers.UUIDField(allow_null=True)


class ForcedOut(Output):
    """An issue that was taken from its holders."""

    issue = IssueOut()
    previous = HoldersOut()


class CheckoutView(IssueView):
    """`POST /issues/:id/checkout`."""

    @operation("Take an issue to work on it [I-166]", reads=CheckoutInput, answers=IssueOut)
    def post(self, request: Request, issue_id: str) -> Response:
        """Take the issue, or answer 409 with its holder; a client must not try that again."""
        target = self.locate(issue_id)
        values = CheckoutInput.read(request.data)
        checkout.acquire(
            issue_id=target,
            agent_id=values["agent_id"],
            expected_statuses=values["expected_statuses"],
            actor=self.actor,
            now=self.now,
        )
        return Response(queries.issue_object(target))


class ReleaseView(IssueView):
    """`POST /issues/:id/release`."""

    @operation("Give an issue back [I-167]", answers=IssueOut)
    def post(self, request: Request, issue_id: str) -> Response:
        """Put the issue back to `todo` without an agent."""
        target = self.locate(issue_id)
        checkout.release(issue_id=target, actor=self.actor, now=self.now)
        return Response(queries.issue_object(target))


class ForceReleaseView(IssueView):
    """`POST /issues/:id/admin/force-release`."""

    board_only = True

    @operation(
        "Take an issue from whoever holds it [I-168]", answers=ForcedOut, query=[query("clearAssignee", bool)]
    )
    def post(self, request: Request, issue_id: str) -> Response:
        """Drop checkout and lock, and the assignee if asked."""
        target = self.locate(issue_id)
        forced = checkout.force_release(
            issue_id=target, clear_assignee=flag(request, "clearAssignee"), actor=self.actor, now=self.now
        )
        previous = {
            "checkoutRunId": forced.previous_checkout_run_id,
            "executionRunId": forced.previous_execution_run_id,
        }
        return Response({"issue": queries.issue_object(target), "previous": previous})
