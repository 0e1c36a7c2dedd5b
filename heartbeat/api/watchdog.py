"""Decisions about silent runs (H-173)."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from heartbeat import watchdog
from heartbeat.api.runs import RunView
from heartbeat.choices import WatchdogVerdict
from heartbeat.models import WatchdogDecision
from paperclip.core.api import fields
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import ModelOutput
from paperclip.core.api.schema import operation


class WatchdogDecisionIn(Input):
    """What somebody says to a silent run. `snoozedUntil` lies in the future; `reason` is cut to 4,000 characters."""

    decision = fields.Enum(choices=WatchdogVerdict.values)
    evaluation_issue_id = fields.Uuid(required=False, allow_null=True)
    reason = fields.Text(required=False, allow_null=True, multiline=True)
    snoozed_until = fields.Moment(required=False, allow_null=True)
    created_by_run_id = fields.Uuid(required=False, allow_null=True)


class WatchdogDecisionOut(ModelOutput):
    """A decision about a silent run (H-18)."""

    class Meta:
        model = WatchdogDecision
        fields = [
            "id",
            "company_id",
            "run_id",
            "evaluation_issue_id",
            "decision",
            "snoozed_until",
            "reason",
            "created_by_agent_id",
            "created_by_user_id",
            "created_by_run_id",
            "created_at",
        ]


class WatchdogDecisionsView(RunView):
    """`POST /heartbeat-runs/:id/watchdog-decisions`."""

    @operation(
        "Decide about a run that has gone silent [H-153, H-173]",
        reads=WatchdogDecisionIn,
        answers=WatchdogDecisionOut,
    )
    def post(self, request: Request, run_id: str) -> Response:
        """Store the decision; `snooze` and `continue` keep the watchdog quiet for a time."""
        run = self.run(run_id)
        wanted = WatchdogDecisionIn.read(request.data)
        made = watchdog.decide(run=run, actor=self.actor, now=self.now, **wanted)
        return Response(WatchdogDecisionOut.render(made))
