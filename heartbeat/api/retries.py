"""Starting a waiting retry at once (H-132, H-182)."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from heartbeat.models import Run
from heartbeat.retries import retry_now
from issues.api.base import IssueView
from issues.api.shapes import ScheduledRetryOut
from paperclip.core.api.outputs import Output
from paperclip.core.api.schema import operation


class RetryNowOut(Output):
    """What became of the wish, in a word and a sentence, and the retry as it stands now."""

    outcome = serializers.ChoiceField(
        ["promoted", "gate_suppressed", "already_promoted", "no_scheduled_retry"]
    )
    message = serializers.CharField()
    scheduled_retry = ScheduledRetryOut(allow_null=True)


class RetryNowView(IssueView):
    """`POST /issues/:id/scheduled-retry/retry-now`."""

    board_only = True

    @operation("Start the waiting retry of an issue at once [H-182]", answers=RetryNowOut)
    def post(self, request: Request, issue_id: str) -> Response:
        """Promote the retry if the gates allow it, and answer what became of it."""
        found = retry_now.issue(issue_id=self.locate(issue_id), actor=self.actor, now=self.now)
        retry = _retry(found.run) if found.run is not None else None
        answer = {"outcome": found.outcome, "message": found.message, "scheduled_retry": retry}
        return Response(RetryNowOut.render(answer))


def _retry(run: Run) -> dict[str, Any]:
    return {
        "run_id": run.pk,
        "status": run.status,
        "agent_id": run.agent_id,
        "agent_name": run.agent.name,
        "retry_of_run_id": run.retry_of_run_id,
        "scheduled_retry_at": run.scheduled_retry_at,
        "scheduled_retry_attempt": run.scheduled_retry_attempt,
        "scheduled_retry_reason": run.scheduled_retry_reason,
        "error": run.error,
        "error_code": run.error_code,
    }
