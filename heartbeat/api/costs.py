"""What an issue cost (C-86)."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from heartbeat import issue_costs
from issues.api.base import IssueView
from paperclip.core.api.outputs import Output
from paperclip.core.api.schema import operation, query


class IssueCostOut(Output):
    """What an issue and everything below it used and cost."""

    issue_id = serializers.UUIDField()
    issue_count = serializers.IntegerField()
    include_descendants = serializers.BooleanField()
    cost_cents = serializers.IntegerField()
    input_tokens = serializers.IntegerField()
    cached_input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    run_count = serializers.IntegerField()
    runtime_ms = serializers.IntegerField()


class IssueCostSummaryView(IssueView):
    """`GET /issues/:id/cost-summary`."""

    @operation(
        "Sum what an issue and everything below it cost [C-86]",
        answers=IssueCostOut,
        query=[query("excludeRoot", enum=["true", "1"], text="Leave the issue itself out.")],
    )
    def get(self, request: Request, issue_id: str) -> Response:
        """Answer the sums."""
        without_root = request.query_params.get("excludeRoot") in ("true", "1")
        issue = self.locate(issue_id)
        return Response(issue_costs.of_tree(issue, without_root=without_root, now=self.now))
