"""Runs, their events and logs (H-168 to H-176)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from heartbeat import lifecycle, outcomes, progress, queries, retention, silence
from heartbeat.api.shapes import (
    LiveRunOut,
    LogPageOut,
    RunEventOut,
    RunIssueOut,
    RunOut,
    RunRowOut,
    bounded_result,
    short_context,
    short_result,
)
from heartbeat.models import Run
from heartbeat.silence import Silence
from paperclip.companies.api.base import ActorView, CompanyView
from paperclip.core import naming, redaction
from paperclip.core.api.rendering import dumps
from paperclip.core.api.schema import operation, query
from paperclip.core.api.views import whole_number
from paperclip.core.errors import BadRequest, NotFound

MAX_LIST = 1000
DEFAULT_LIST = 200
CANCEL_WAIT_SECONDS = 3.0


class RunView(ActorView):
    """A view of one run."""

    def run(self, reference: str) -> Run:
        """Return the run the path names, or 404."""
        return self.find(Run.objects.select_related("agent"), reference, what="Heartbeat run")


class CompanyRunsView(CompanyView):
    """`GET /companies/:c/heartbeat-runs`."""

    @operation(
        "List runs, newest first [H-168]",
        answers=RunRowOut,
        many=True,
        query=[
            query("agentId", text="Only this agent's runs."),
            query("limit", int, "1 to 1000, default 200."),
        ],
    )
    def get(self, request: Request, company_id: str) -> Response:
        """Answer the newest runs of the company."""
        text = request.query_params.get("agentId")
        agent_id = naming.as_field_uuid(text) if text else None
        if text and agent_id is None:
            raise BadRequest("agentId must be an agent's id")
        limit = whole_number(request, "limit", default=MAX_LIST, least=0, most=MAX_LIST) or DEFAULT_LIST
        runs = queries.company_runs(self.company.pk, agent_id=agent_id)[:limit]
        return Response([_row(run) for run in runs])


class LiveRunsView(CompanyView):
    """`GET /companies/:c/live-runs`."""

    @operation(
        "List queued and running runs [H-169]",
        answers=LiveRunOut,
        many=True,
        query=[
            query("limit", int, "1 to 50, default 50."),
            query("minCount", int, "Fill up with recent runs to this number, 0 to 50."),
        ],
    )
    def get(self, request: Request, company_id: str) -> Response:
        """Answer what waits and runs, newest first."""
        most = whole_number(request, "limit", default=50, least=0, most=50) or 50
        least = whole_number(request, "minCount", default=0, least=0, most=50)
        return Response(live_many(queries.live_runs(self.company.pk, least=least, most=most), now=self.now))


class RunDetailView(RunView):
    """`GET /heartbeat-runs/:id`."""

    @operation("Read a run [H-171]", answers=RunOut)
    def get(self, request: Request, run_id: str) -> Response:
        """Answer the whole run."""
        return Response(self.whole(self.run(run_id)))

    def whole(self, run: Run) -> dict[str, Any]:
        """Return the run with its computed fields."""
        computed = {
            "retry_exhausted_reason": queries.exhausted_reasons([run.pk]).get(run.pk),
            "output_silence": silence.of(run, now=self.now).told(),
        }
        columns = {field.attname: getattr(run, field.attname) for field in run._meta.concrete_fields}
        columns["result_json"] = bounded_result(run.result_json, len(dumps(run.result_json)))
        columns["context_snapshot"] = redaction.data(run.context_snapshot)
        return RunOut.render({**columns, **computed})


class CancelRunView(RunDetailView):
    """`POST /heartbeat-runs/:id/cancel`."""

    board_only = True

    @operation("Cancel a run for good [H-160, H-172]", answers=RunOut)
    def post(self, request: Request, run_id: str) -> Response:
        """Stop the run and answer it, waiting a little for its program to be gone."""
        run = self.run(run_id)
        lifecycle.cancel(run_id=run.pk, reason="Cancelled by the board", actor=self.actor, now=self.now)
        lifecycle.record_cancel(run, actor=self.actor, source=None, now=self.now)
        until = time.monotonic() + CANCEL_WAIT_SECONDS
        run.refresh_from_db()
        while not progress.is_over(run.status) and time.monotonic() < until:
            time.sleep(0.05)
            run.refresh_from_db()
        return Response(self.whole(run))


class RunEventsView(RunView):
    """`GET /heartbeat-runs/:id/events`."""

    @operation(
        "List a run's events in order [H-174]",
        answers=RunEventOut,
        many=True,
        query=[query("afterSeq", int, "Only later ones."), query("limit", int, "1 to 1000, default 200.")],
    )
    def get(self, request: Request, run_id: str) -> Response:
        """Answer the events after a number."""
        run = self.run(run_id)
        after = whole_number(request, "afterSeq", default=0, least=0, most=2**31 - 1)
        limit = whole_number(request, "limit", default=200, least=1, most=1000)
        return Response(RunEventOut.render_many(queries.events(run, after=after, limit=limit)))


class RunLogView(RunView):
    """`GET /heartbeat-runs/:id/log`."""

    @operation(
        "Read a piece of a run's log [H-175]",
        answers=LogPageOut,
        query=[
            query("offset", int, "In bytes, default 0."),
            query("limitBytes", int, "1 to 1048576, default 256000."),
        ],
    )
    def get(self, request: Request, run_id: str) -> Response:
        """Answer whole lines from an offset; `nextOffset` only when more is there."""
        run = self.run(run_id)
        offset = whole_number(request, "offset", default=0, least=0, most=2**62)
        limit = whole_number(request, "limitBytes", default=256_000, least=1, most=1_048_576)
        page = queries.read_log(run, offset=offset, limit_bytes=limit)
        if page is None:
            raise NotFound(retention.why_no_log(run, now=self.now))
        body = {
            "runId": run.pk,
            "store": run.log_store or "local_file",
            "logRef": run.log_ref or outcomes.log_ref(run.pk),
            "content": page.content,
        }
        if page.next_offset is not None:
            body["nextOffset"] = page.next_offset
        return Response(body, headers={"Cache-Control": "no-store"})


class RunIssuesView(RunView):
    """`GET /heartbeat-runs/:id/issues`."""

    @operation("List the issues a run touched [H-176]", answers=RunIssueOut, many=True)
    def get(self, request: Request, run_id: str) -> Response:
        """Answer the run's own issue first; nothing for a run that is not the caller's to see."""
        known = naming.as_uuid(run_id)
        run = Run.objects.filter(pk=known, company_id__in=self.actor.company_ids).first() if known else None
        return Response(RunIssueOut.render_many(queries.run_issues(run)) if run is not None else [])


def live_many(runs: Sequence[Run], *, now: datetime) -> list[dict[str, Any]]:
    """Return runs as live lists show them, in two queries for any number."""
    silent = silence.of_many(runs, now=now)
    return [_live(run, silent[run.pk]) for run in runs]


def _live(run: Run, silent: Silence) -> dict[str, Any]:
    context = run.context_snapshot or {}
    columns = {
        name: getattr(run, name)
        for name in LiveRunOut.Meta.fields
        if name
        not in (
            "context_comment_id",
            "context_wake_comment_id",
            "agent_name",
            "adapter_type",
            "output_silence",
        )
    }
    return LiveRunOut.render(
        {
            **columns,
            "context_comment_id": context.get("commentId"),
            "context_wake_comment_id": context.get("wakeCommentId"),
            "agent_name": run.agent.name,
            "adapter_type": run.agent.adapter_type,
            "output_silence": silent.told(),
        }
    )


def _row(run: Run) -> dict[str, Any]:
    columns = {
        name: getattr(run, name)
        for name in RunRowOut.Meta.fields
        if name not in ("stdout_excerpt", "stderr_excerpt")
    }
    columns["context_snapshot"] = short_context(run.context_snapshot)
    columns["result_json"] = short_result(run.result_json)
    return RunRowOut.render({**columns, "stdout_excerpt": None, "stderr_excerpt": None})
