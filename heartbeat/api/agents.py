"""Sessions and totals of an agent (H-165 to H-167), and the instance's timers (H-184)."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from heartbeat import queries, sessions
from heartbeat.api.shapes import ResetStateOut, RuntimeStateOut, SchedulerHeartbeatOut, TaskSessionOut
from heartbeat.models import RuntimeState, TaskSession
from paperclip.companies.api.agents import AgentView
from paperclip.core import redaction
from paperclip.core.api.fields import Text
from paperclip.core.api.inputs import Input
from paperclip.core.api.schema import operation
from paperclip.core.errors import Forbidden


class ResetIn(Input):
    """Which task's session to forget; all without one."""

    task_key = Text(required=False, allow_null=True, min_length=1)


class RuntimeStateView(AgentView):
    """`GET /agents/:id/runtime-state`."""

    @operation("Read an agent's totals and latest session [H-165]", answers=RuntimeStateOut)
    def get(self, request: Request, agent_id: str) -> Response:
        """Answer the state, made on first look."""
        agent = self.find_managed(agent_id)
        return Response(RuntimeStateOut.render(_state(sessions.runtime_state(agent, now=self.now))))


class TaskSessionsView(AgentView):
    """`GET /agents/:id/task-sessions`."""

    @operation("List an agent's task sessions, newest first [H-166]", answers=TaskSessionOut, many=True)
    def get(self, request: Request, agent_id: str) -> Response:
        """Answer the sessions, secrets taken out."""
        agent = self.find_managed(agent_id)
        rows = TaskSession.objects.filter(agent=agent).order_by("-updated_at")
        return Response(
            [
                TaskSessionOut.render(row, sessionParamsJson=redaction.data(row.session_params_json))
                for row in rows
            ]
        )


class ResetSessionView(AgentView):
    """`POST /agents/:id/runtime-state/reset-session`."""

    @operation("Forget an agent's sessions [H-167]", reads=ResetIn, answers=ResetStateOut)
    def post(self, request: Request, agent_id: str) -> Response:
        """Forget the session of one task, or all of them."""
        agent = self.find_managed(agent_id)
        key = ResetIn.read(request.data or {}).get("task_key")
        state, cleared = sessions.reset(agent=agent, key=key, actor=self.actor, now=self.now)
        shown = {**_state(state), "cleared_task_sessions": cleared, "session_display_id": None}
        return Response(ResetStateOut.render(shown))


class SchedulerHeartbeatsView(AgentView):
    """`GET /instance/scheduler-heartbeats`."""

    board_only = True

    @operation(
        "List the timers of every agent that may run [H-184]", answers=SchedulerHeartbeatOut, many=True
    )
    def get(self, request: Request) -> Response:
        """Answer for the caller's companies; instance admins only."""
        if not self.actor.is_instance_admin:
            raise Forbidden("Instance admin access required")
        rows = queries.scheduler_heartbeats(list(self.actor.company_ids))
        return Response(SchedulerHeartbeatOut.render_many(rows))


def _state(state: RuntimeState) -> dict[str, Any]:
    latest = sessions.latest(state.agent_id)
    return {
        **{field.attname: getattr(state, field.attname) for field in state._meta.concrete_fields},
        "session_display_id": latest.session_display_id if latest is not None else state.session_id,
        "session_params_json": redaction.data(latest.session_params_json) if latest is not None else None,
    }
