"""The list of runs and the page of one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet, Sum
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import reverse

from heartbeat import chains, lifecycle, model_profiles, wakeups, words
from heartbeat.admin import movement, standing
from heartbeat.choices import RUN_LIVE, RUN_TERMINAL, RunStatus
from heartbeat.models import Run, RunEvent
from heartbeat.retries import retry_now
from issues import comments
from issues.models import Issue
from paperclip.companies import rights
from paperclip.companies.actors import Actor
from paperclip.companies.models import Agent, User
from paperclip.core import clock, forms, fragments, links, naming
from paperclip.core.admin import BoardModelAdmin
from paperclip.core.errors import BadRequest, Conflict, Refusal
from paperclip.core.filters import ScopedFilter
from paperclip.core.links import Link
from paperclip.core.lists import Heading
from paperclip.core.scope import scope_of
from paperclip.governance.models import CostEvent

EVENTS_SHOWN = 200
_LONGEST_REASON = 96  # as long as the request keeps


class RunAgentFilter(ScopedFilter):
    """Whose runs."""

    title = "agent"
    parameter_name = "agent"
    model = Agent
    field = "agent_id"

    def choose(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return the agents by name."""
        return rows.only("id", "name").order_by("name")


class OutcomeFilter(admin.SimpleListFilter):
    """Live, good or bad."""

    title = "outcome"
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """Return the outcomes."""
        return [
            ("live", "Live"),
            ("succeeded", "Succeeded"),
            ("failed", "Failed or timed out"),
            ("cancelled", "Cancelled"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the runs with that outcome."""
        statuses = {
            "live": RUN_LIVE,
            "succeeded": (RunStatus.SUCCEEDED,),
            "failed": (RunStatus.FAILED, RunStatus.TIMED_OUT),
            "cancelled": (RunStatus.CANCELLED,),
        }.get(self.value() or "")
        return queryset if statuses is None else queryset.filter(status__in=statuses)


@admin.register(Run)
class RunAdmin(BoardModelAdmin):
    """Heartbeat runs, named by what they did."""

    board_name = "run"
    icon = "play_circle"
    row_template = "heartbeat/run_row.html"
    page_template = "heartbeat/run_page.html"
    empty_title = "No agent has run yet"
    empty_text = (
        "Assign an issue to an agent, or press Wake on an agent's page: the run appears here within a second."
    )
    headings = (
        Heading("Run", css="grow"),
        Heading("Status", "status"),
        Heading("Why"),
        Heading("Took", css="num"),
        Heading("When", "created_at", css="time"),
        Heading("", css="act"),
    )
    deferred = chains.WIDE
    list_filter = (OutcomeFilter, RunAgentFilter, "invocation_source")
    list_select_related = ("agent", "issue", "wakeup_request")
    live_on = "heartbeat.run.queued heartbeat.run.status"
    deeds = {"cancel": "cancel", "retry": "retry"}

    def get_custom_urls(self) -> tuple[tuple[str, str, Any], ...]:
        """Return the addresses beside those every page has."""
        return (
            ("<str:object_id>/part/<slug:part>/", "heartbeat_run_part", self.part_view),
            ("wake/<str:agent_id>/", "heartbeat_wake", self.wake_view),
            ("mend/<str:issue_id>/", "heartbeat_mend", self.mend_view),
            ("stop/<str:stop_id>/lift/", "heartbeat_lift_stop", self.lift_view),
            ("account/<str:gate_id>/open/<str:agent_id>/", "heartbeat_open_gate", self.open_gate_view),
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the company's runs, without what their issue and request carry beside their names."""
        return super().get_queryset(request).defer(*self.deferred, *_narrow())

    def page_rows(self, request: HttpRequest, company_ids: Sequence[UUID]) -> QuerySet[Any]:
        """Return runs with all their page names."""
        related = ("agent", "issue", "wakeup_request", "runner")
        return self.rows_of(request, company_ids).select_related(*related).defer(*_narrow())

    def prepare_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Put on each run what it did and why."""
        super().prepare_rows(request, rows)
        told = words.tell(rows)
        for row in rows:
            row.told = told[row.pk]
            row.is_live = row.status in RUN_LIVE

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Return the run's chain, facts and events; the log is read by the page itself."""
        return {
            **self._head(request, row),
            **self._events(request, row),
            "title": f"{row.agent.name} on {row.issue.identifier}" if row.issue else row.agent.name,
            "chain": chains.of(row),
            "caused_by": _cause(row),
            "cost_cents": CostEvent.objects.filter(heartbeat_run=row).aggregate(cents=Sum("cost_cents"))[
                "cents"
            ],
            "context": row.context_snapshot,
            "model": model_profiles.in_words(row.context_snapshot),
            "log_url": f"/api/heartbeat-runs/{row.pk}/log",
            "head_url": reverse("admin:heartbeat_run_part", args=[row.pk, "head"]),
            "events_url": reverse("admin:heartbeat_run_part", args=[row.pk, "events"]),
            "is_over": row.status in RUN_TERMINAL,
        }

    def _head(self, request: HttpRequest, row: Run) -> dict[str, Any]:
        self.prepare_rows(request, [row])
        return {"followup": words.followup(row), "is_over": row.status in RUN_TERMINAL}

    def _events(self, request: HttpRequest, row: Run) -> dict[str, Any]:
        newest = RunEvent.objects.filter(run=row).order_by("-seq").defer("payload")[:EVENTS_SHOWN]
        return {"events": list(newest)[::-1]}

    def part_view(self, request: HttpRequest, object_id: str, part: str, **_: Any) -> HttpResponse:
        """Return the part of a run's page that changes while it is live; polling stops at its end."""
        row = self.find(request, object_id)
        parts = {"head": self._head, "events": self._events}
        if part not in parts:
            raise Http404("There is no such part.")
        context = {
            "row": row,
            "may_write": self.has_change_permission(request, row),
            **parts[part](request, row),
        }
        return fragments.answer(
            request, f"heartbeat/run_{part}.html", context, is_final=row.status in RUN_TERMINAL
        )

    def wake_view(self, request: HttpRequest, agent_id: str, **_: Any) -> HttpResponse:
        """Call an agent by hand: for nothing in particular, for an issue, or with words that it finds there."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        scope = scope_of(request)
        pk = naming.as_field_uuid(agent_id)
        agent = None if pk is None else Agent.objects.filter(pk=pk, company_id__in=scope.company_ids).first()
        if agent is None or agent.company_id not in scope.writable:
            raise Http404("There is no such agent.")
        try:
            rights.require_agent_manager(scope.actor, agent.company_id)
            run, excuse = wake(agent, request.POST, actor=scope.actor, now=clock.now())
        except Refusal as refusal:
            messages.error(request, forms.sentence(refusal))
        else:
            if run is not None:
                return HttpResponseRedirect(self.row_url(run))
            messages.warning(request, excuse)
        return HttpResponseRedirect(reverse("admin:companies_agent_change", args=[agent.pk]))

    def mend_view(self, request: HttpRequest, issue_id: str, **_: Any) -> HttpResponse:
        """Do about an issue that stands still what its page offers."""
        return movement.mend(request, issue_id)

    def lift_view(self, request: HttpRequest, stop_id: str, **_: Any) -> HttpResponse:
        """Let an agent go on that went round in circles."""
        return standing.only_post(request) or standing.lift(request, stop_id)

    def open_gate_view(self, request: HttpRequest, gate_id: str, agent_id: str, **_: Any) -> HttpResponse:
        """Let the runs of a provider's account start again."""
        return standing.only_post(request) or standing.open_gate(request, gate_id, agent_id)

    def retry(self, request: HttpRequest, row: Run) -> str:
        """Start a waiting retry at once."""
        return f"{retry_now.run(run_id=row.pk, actor=scope_of(request).actor, now=clock.now()).message}."

    def cancel(self, request: HttpRequest, row: Run) -> str:
        """Stop the run for good."""
        if row.status not in RUN_LIVE:
            raise Conflict("The run has already ended")
        actor = scope_of(request).actor
        now = clock.now()
        reason = request.POST.get("reason", "").strip() or f"Stopped by {actor.user.display_name}"
        if (run := lifecycle.cancel(run_id=row.pk, reason=reason, actor=actor, now=now)) is not None:
            lifecycle.record_cancel(run, actor=actor, source="board", now=now)
        return "The run is being stopped."


def wake(agent: Agent, sent: Mapping[str, str], *, actor: Actor, now: datetime) -> tuple[Run | None, str]:
    """Carry out the wake form; return the run that answers it, or why there is none.

    Words for the agent become a comment on the issue, which is where agents read. Raises BadRequest for words
    without an issue.
    """
    reason, said = sent.get("reason", "").strip()[:_LONGEST_REASON], sent.get("said", "").strip()
    issue_id = naming.as_field_uuid(sent.get("issue", ""))
    issue = Issue.objects.filter(pk=issue_id, assignee_agent=agent).first() if issue_id else None
    if said and issue is None:
        raise BadRequest("Choose the issue your words are about: the agent reads them there")
    if said and issue is not None:
        comments.add(issue_id=issue.pk, body=said, actor=actor, now=now)
        run = Run.objects.filter(issue=issue, agent=agent, status__in=RUN_LIVE).first()
        return run, "The comment is on the issue; nobody is woken for an issue of this status."
    payload = {"issueId": str(issue.pk)} if issue is not None else None
    outcome = wakeups.enqueue(
        agent_id=agent.pk,
        company_id=agent.company_id,
        call=wakeups.manual(reason or None, payload),
        actor=actor,
        now=now,
    )
    return outcome.run, outcome.refused.message if outcome.refused else "The call waits for its turn."


def _narrow() -> tuple[str, ...]:
    return (
        *(
            f"agent__{name}"
            for name in ("adapter_config", "runtime_config", "metadata", "permissions", "capabilities")
        ),
        *(f"issue__{name}" for name in ("description", "execution_policy", "execution_state")),
        "wakeup_request__payload",
    )


def _cause(row: Run) -> str:
    """Return who called the run."""
    request = row.wakeup_request
    if request is None or request.requested_by_actor_id is None:
        return ""
    actor_id = naming.as_field_uuid(request.requested_by_actor_id)
    if actor_id is None:
        return "Paperclip"
    if request.requested_by_actor_type == "user":
        person = User.objects.filter(pk=actor_id).first()
        return person.display_name if person else "a person"
    if request.requested_by_actor_type == "agent":
        agent = Agent.objects.filter(pk=actor_id, company_id=row.company_id).only("name").first()
        return agent.name if agent else "an agent"
    return "Paperclip"


def _links(company_id: UUID, ids: Collection[UUID]) -> dict[UUID, Link]:
    rows = Run.objects.filter(company_id=company_id, pk__in=ids).select_related("agent", "issue")
    rows = rows.only("id", "status", "agent__name", "issue__identifier")
    return {
        row.pk: Link(
            f"{row.agent.name} on {row.issue.identifier}" if row.issue else f"run of {row.agent.name}",
            reverse("admin:heartbeat_run_change", args=[row.pk]),
            row.get_status_display(),
        )
        for row in rows
    }


links.register("heartbeat_run", _links)
