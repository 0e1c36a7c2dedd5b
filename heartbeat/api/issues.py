"""The runs of an issue (H-178 to H-181)."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from heartbeat import environments, queries
from heartbeat.api.runs import live_many
from heartbeat.api.shapes import IssueRunOut, LiveRunOut
from heartbeat.models import Run
from issues.api.base import IssueView
from paperclip.core import redaction
from paperclip.core.api.schema import operation

_TOLD = frozenset(
    {
        "inputTokens",
        "cachedInputTokens",
        "outputTokens",
        "costUsd",
        "billingType",
        "cost_usd",
        "total_cost_usd",
    }
    | {"stopReason", "effectiveTimeoutSec", "timeoutConfigured", "timeoutSource", "timeoutFired"}
)


class IssueRunsView(IssueView):
    """`GET /issues/:id/runs`."""

    @operation("List the runs of an issue, newest first [H-178]", answers=IssueRunOut, many=True)
    def get(self, request: Request, issue_id: str) -> Response:
        """Answer every run that worked on the issue or touched it."""
        runs = queries.issue_runs(self.issue(issue_id))
        reasons = queries.exhausted_reasons([run.pk for run in runs])
        return Response([_ledger_row(run, reasons.get(run.pk)) for run in runs])


class IssueLiveRunsView(IssueView):
    """`GET /issues/:id/live-runs`."""

    @operation("List the issue's queued and running runs [H-180]", answers=LiveRunOut, many=True)
    def get(self, request: Request, issue_id: str) -> Response:
        """Answer what waits and runs for the issue."""
        return Response(live_many(queries.issue_live_runs(self.issue(issue_id)), now=self.now))


class ActiveRunView(IssueView):
    """`GET /issues/:id/active-run`."""

    @operation(
        "Read the run that works on an issue, or null [H-181]", answers=LiveRunOut, may_answer_null=True
    )
    def get(self, request: Request, issue_id: str) -> Response:
        """Answer the run that holds the issue, null when none does."""
        run = queries.active_run(self.issue(issue_id))
        return Response(live_many([run], now=self.now)[0] if run is not None else None)


def _ledger_row(run: Run, exhausted: str | None) -> dict[str, Any]:
    columns = {field.attname: getattr(run, field.attname) for field in _ledger_columns(run)}
    columns["usage_json"] = _told(run.usage_json)
    columns["result_json"] = _told(run.result_json)
    columns["context_snapshot"] = redaction.data(run.context_snapshot)
    lease = environments.lease_of(run)
    computed = {
        "run_id": run.pk,
        "adapter_type": run.agent.adapter_type,
        "environment": environments.LOCAL if lease is not None else None,
        "environment_lease": lease,
        "retry_exhausted_reason": exhausted,
    }
    return IssueRunOut.render({**columns, **computed})


def _ledger_columns(run: Run) -> list[Any]:
    wanted = set(IssueRunOut.Meta.fields)
    return [field for field in run._meta.concrete_fields if field.attname in wanted]


def _told(value: Any) -> dict[str, Any] | None:
    """Return the figures a ledger shows of a usage or result record."""
    if not isinstance(value, dict):
        return None
    return {key: item for key, item in value.items() if key in _TOLD} or None
