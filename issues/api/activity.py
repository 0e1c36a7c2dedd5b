"""`/issues/:id/activity` (I-209)."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from issues import queries
from issues.api import paging
from issues.api.base import IssueView
from paperclip.companies.api.activity import ActivityOut
from paperclip.core.api.schema import operation, query
from paperclip.core.api.views import whole_number


class IssueActivityView(IssueView):
    """`GET /issues/:id/activity`."""

    @operation(
        "List what happened to an issue, newest first [I-209]",
        answers=ActivityOut,
        many=True,
        query=[paging.AFTER, query("limit", int, "1 to 1000; 1000 when absent.")],
    )
    def get(self, request: Request, issue_id: str) -> Response:
        """Answer the issue's part of the log."""
        most = queries.MAX_ACTIVITY
        limit = whole_number(request, "limit", default=most, least=1, most=most)
        rows = queries.activity(self.locate(issue_id), after=paging.anchor(request), limit=limit)
        return Response(ActivityOut.render_many(rows))
