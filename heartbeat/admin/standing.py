"""What keeps an agent from being called, on its page: loops that were stopped, and accounts that take no calls."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import reverse

from heartbeat import breaker, providers
from heartbeat.models import LoopStop, ProviderGate
from paperclip.companies.models import Agent
from paperclip.core import clock, forms, naming, panels
from paperclip.core.errors import Refusal
from paperclip.core.panels import Panel
from paperclip.core.scope import scope_of

_SHOWN = 20


def lift(request: HttpRequest, stop_id: str) -> HttpResponse:
    """Let an agent go on that went round in circles."""
    stop = _find(request, LoopStop, stop_id)
    try:
        outcome = breaker.clear(stop=stop, actor=scope_of(request).actor, now=clock.now())
    except Refusal as refusal:
        messages.error(request, forms.sentence(refusal))
    else:
        said = outcome.refused.message if outcome.refused is not None else "The agent is called again."
        messages.success(request, said)
    return HttpResponseRedirect(_agent_url(stop.agent_id))


def open_gate(request: HttpRequest, gate_id: str, agent_id: str) -> HttpResponse:
    """Let the runs of a provider's account start again."""
    gate = _find(request, ProviderGate, gate_id)
    agent = _find(request, Agent, agent_id)
    try:
        providers.open_by_hand(gate=gate, actor=scope_of(request).actor, now=clock.now())
    except Refusal as refusal:
        messages.error(request, forms.sentence(refusal))
    else:
        messages.success(request, f"{gate.label} is called again.")
    return HttpResponseRedirect(_agent_url(agent.pk))


def _find(request: HttpRequest, model: Any, row_id: str) -> Any:
    """Return the row of a company the person may change. Raises Http404."""
    scope = scope_of(request)
    pk = naming.as_field_uuid(row_id)
    row = None if pk is None else model.objects.filter(pk=pk, company_id__in=scope.company_ids).first()
    if row is None or row.company_id not in scope.writable:
        raise Http404("There is no such thing.")
    return row


def only_post(request: HttpRequest) -> HttpResponse | None:
    """Return the answer to anything but a POST."""
    return None if request.method == "POST" else HttpResponseNotAllowed(["POST"])


def _agent_url(agent_id: Any) -> str:
    return reverse("admin:companies_agent_change", args=[agent_id])


def _of_agent(agent: Any, request: HttpRequest) -> dict[str, Any]:
    stops = LoopStop.objects.filter(agent=agent, closed_at__isnull=True).select_related("issue")
    gate = ProviderGate.objects.filter(company_id=agent.company_id, key=providers.key_of(agent))
    shut = gate.exclude(state="open").first()
    return {
        "stops": list(stops.order_by("-created_at")[:_SHOWN]),
        "gate": shut,
        "agent": agent,
        "may_write": agent.company_id in scope_of(request).writable,
    }


panels.register(
    "agent", Panel("standing", "What keeps it", "heartbeat/parts/standing.html", _of_agent, order=5)
)
