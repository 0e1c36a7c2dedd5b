"""`/issues/:id/monitor/check-now` (I-201, H-183)."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from issues import monitors
from issues.api.base import IssueView
from paperclip.core.api.schema import Ok, operation


class CheckNowView(IssueView):
    """`POST /issues/:id/monitor/check-now`."""

    @operation("Look at a monitored issue now [I-201, H-183]", answers=Ok)
    def post(self, request: Request, issue_id: str) -> Response:
        """Call the issue's agent at once; the monitor's look is used up by it."""
        monitors.check_now(issue_id=self.locate(issue_id), actor=self.actor, now=self.now)
        return Response({"ok": True})
