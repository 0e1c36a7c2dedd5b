"""Waking an agent (C-60, H-162 to H-164, H-186)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from heartbeat import wakeups
from heartbeat.api.shapes import RunRowOut, SkippedOut
from heartbeat.choices import RUN_LIVE, InvocationSource, TriggerDetail
from heartbeat.models import Run
from heartbeat.wakeups import Call, Outcome
from issues.models import Issue
from paperclip.companies import activity, auth
from paperclip.companies.api.agents import AgentView
from paperclip.companies.models import Agent
from paperclip.core import naming
from paperclip.core.api.fields import Bool, Enum, Object, Text
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import Output
from paperclip.core.api.schema import operation
from paperclip.core.errors import Conflict, Forbidden


class WakeIn(Input):
    """What a wake may say."""

    source = Enum(  # type: ignore[assignment]  # DRF names an attribute of fields so; the interface names ours
        choices=InvocationSource.choices, required=False, default=InvocationSource.ON_DEMAND
    )
    trigger_detail = Enum(choices=TriggerDetail.choices, required=False, default=TriggerDetail.MANUAL)
    reason = Text(required=False, allow_null=True, max_length=96)
    payload = Object(required=False, allow_null=True)
    idempotency_key = Text(required=False, allow_null=True, max_length=255)
    force_fresh_session = Bool(required=False, allow_null=True)


class NotInvokedOut(Output):
    """No run follows."""

    status = serializers.CharField()


_WOKEN = PolymorphicProxySerializer("WokenOut", [RunRowOut, SkippedOut], resource_type_field_name=None)
_INVOKED = PolymorphicProxySerializer("InvokedOut", [RunRowOut, NotInvokedOut], resource_type_field_name=None)


class _WakingView(AgentView):
    def wakeable(self, reference: str) -> Agent:
        """Return the agent the caller may wake: itself, or any for a person who manages agents."""
        agent = self.find_agent(reference)
        if self.actor.is_agent and self.actor.agent_id != agent.pk:
            raise Forbidden("Agent can only invoke itself")
        if self.actor.is_board and not auth.may_manage_agents(self.actor, agent.company_id):
            raise Forbidden("Missing permission: agents:create")
        return agent

    def wake(self, agent: Agent, call: Call) -> Outcome:
        """Enqueue the call; a refusal that is an error answers 409 after its row was kept."""
        outcome = wakeups.enqueue(
            agent_id=agent.pk, company_id=agent.company_id, call=call, actor=self.actor, now=self.now
        )
        if outcome.kind == "refused" and outcome.refused is not None:
            raise Conflict(outcome.refused.message, details=outcome.refused.details)
        if outcome.run is not None:
            activity.record(
                company_id=agent.company_id,
                actor=self.actor,
                action="heartbeat.invoked",
                entity_type="heartbeat_run",
                entity_id=outcome.run.pk,
                details={"agentId": agent.pk},
                now=self.now,
            )
        return outcome

    def context(self, *, fresh: bool | None) -> dict[str, Any]:
        """Return who woke the agent, and whether its session starts anew."""
        named = {"triggeredBy": "board" if self.actor.is_board else "agent", "actorId": self.actor.id}
        return named if fresh is None else {**named, "forceFreshSession": fresh}


class WakeupView(_WakingView):
    """`POST /agents/:id/wakeup`."""

    @operation("Wake an agent [C-60, H-162]", reads=WakeIn, answers=_WOKEN, status=202)
    def post(self, request: Request, agent_id: str) -> Response:
        """Wake the agent; answer the run, or why there is none."""
        agent = self.wakeable(agent_id)
        given = WakeIn.read(request.data)
        outcome = self.wake(
            agent,
            Call(
                source=given["source"],
                trigger_detail=given["trigger_detail"],
                reason=given.get("reason"),
                payload=given.get("payload"),
                idempotency_key=given.get("idempotency_key"),
                context=self.context(fresh=bool(given.get("force_fresh_session"))),
            ),
        )
        if outcome.run is not None:
            return Response(RunRowOut.render(outcome.run), status=202)
        return Response(_skipped(outcome, given.get("payload")), status=202)


class InvokeView(_WakingView):
    """`POST /agents/:id/heartbeat/invoke`: the same, for callers that say little (H-164)."""

    @operation("Wake an agent on demand [H-164]", answers=_INVOKED, status=202)
    def post(self, request: Request, agent_id: str) -> Response:
        """Wake the agent; fields of the wrong type are passed over."""
        agent = self.wakeable(agent_id)
        given = request.data if isinstance(request.data, dict) else {}
        reason, payload, key = given.get("reason"), given.get("payload"), given.get("idempotencyKey")
        outcome = self.wake(
            agent,
            Call(
                source=InvocationSource.ON_DEMAND,
                trigger_detail=TriggerDetail.MANUAL,
                reason=reason[:96] if isinstance(reason, str) else None,
                payload=payload if isinstance(payload, dict) else None,
                idempotency_key=key[:255] if isinstance(key, str) else None,
                context=self.context(fresh=True if given.get("forceFreshSession") is True else None),
            ),
        )
        if outcome.run is not None:
            return Response(RunRowOut.render(outcome.run), status=202)
        return Response({"status": "skipped"}, status=202)


def _skipped(outcome: Outcome, payload: Any) -> dict[str, Any]:
    """Say that no run follows, which check was in the way, and who executes the issue (H-163, beats HW-23)."""
    named = payload.get("issueId") if isinstance(payload, dict) else None
    issue_id = naming.as_field_uuid(named) if isinstance(named, str) else None
    holder = None
    if issue_id is not None and outcome.kind == "deferred":
        holder = Run.objects.select_related("agent").filter(issue_id=issue_id, status__in=RUN_LIVE).first()
    refused = outcome.refused
    deferred = outcome.kind == "deferred"
    message = "The wake waits until the issue's run has ended" if deferred else "The wake was skipped"
    return SkippedOut.render(
        {
            "status": "skipped",
            "reason": "issue_execution_deferred" if deferred else "wakeup_skipped",
            "message": refused.message if refused is not None else message,
            "gate": refused.code if refused is not None else None,
            "issue_id": str(issue_id) if Issue.objects.filter(pk__in=[issue_id]).exists() else None,
            "execution_run_id": holder.pk if holder else None,
            "execution_agent_id": holder.agent_id if holder else None,
            "execution_agent_name": holder.agent.name if holder else None,
        }
    )
