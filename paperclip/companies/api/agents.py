"""Agents: reading, taking on, changing (C-40 to C-57)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies import agents, auth, org, org_chart, queries, rights, roster, shortnames
from paperclip.companies.agent_input import AgentPatchInput, NewAgentInput
from paperclip.companies.api import repeating
from paperclip.companies.api.base import ActorView, CompanyView
from paperclip.companies.api.members import GrantOut, MemberOut
from paperclip.companies.choices import AgentStatus
from paperclip.companies.models import Agent
from paperclip.core import naming, redaction
from paperclip.core.api.fields import Bool
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import ModelOutput, Output
from paperclip.core.api.schema import Ok, operation, query
from paperclip.core.errors import BadRequest, Invalid, Unauthorized, Unprocessable

COMPANY_QUERY = query("companyId", text="Company of a shortname; an agent's own company is assumed.")


class AgentOut(ModelOutput):
    """An agent; what it has spent is the sum of this UTC month."""

    url_key = serializers.CharField()
    icon = serializers.CharField(allow_null=True)
    spent_monthly_cents = serializers.IntegerField()
    adapter_config = serializers.DictField()
    runtime_config = serializers.DictField()
    default_environment_id = serializers.UUIDField(allow_null=True)
    reports_to = serializers.UUIDField(source="reports_to_id", allow_null=True)
    permissions = serializers.DictField()
    metadata = serializers.DictField(allow_null=True)

    class Meta:
        model = Agent
        fields: ClassVar = [
            "id", "company_id", "name", "url_key", "role", "title", "icon", "status", "pause_reason",
            "paused_at", "reports_to", "capabilities", "adapter_type", "adapter_config", "runtime_config",
            "default_environment_id", "budget_monthly_cents", "spent_monthly_cents", "permissions",
            "last_heartbeat_at", "metadata", "created_at", "updated_at",
        ]  # fmt: skip


class SuperiorOut(Output):
    """One manager in a chain of command."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    role = serializers.CharField()
    title = serializers.CharField(allow_null=True)


class AccessOut(Output):
    """What an agent may do, and where that comes from."""

    can_assign_tasks = serializers.BooleanField()
    task_assign_source = serializers.ChoiceField(
        choices=["ceo_role", "agent_creator", "explicit_grant", "none"]
    )
    membership = MemberOut(allow_null=True)
    grants = GrantOut(many=True)


class AgentDetailOut(AgentOut):
    """An agent with its chain of command and its access."""

    chain_of_command = SuperiorOut(many=True)
    access = AccessOut()

    class Meta(AgentOut.Meta):
        fields: ClassVar = [*AgentOut.Meta.fields, "chain_of_command", "access"]


class PermissionsInput(Input):
    """What an agent may do."""

    can_create_agents = Bool()
    can_assign_tasks = Bool()


@dataclass(frozen=True)
class Sight:
    """How much of other agents' configuration the caller sees."""

    actor_agent_id: UUID | None
    sees_configurations: bool
    is_board: bool

    def configs(self, agent: Agent, *, own_is_full: bool = True) -> dict[str, Any]:
        """Return both configurations as far as the caller may see them (C-43, C-47, CW-23).

        Whoever manages agents sees them as they are, an agent sees its own; agents see others without
        secrets.
        """
        is_own = own_is_full and agent.id == self.actor_agent_id
        if not self.sees_configurations and not is_own:
            return {"adapterConfig": {}, "runtimeConfig": {}}
        if self.is_board or is_own:
            return {"adapterConfig": agent.adapter_config, "runtimeConfig": agent.runtime_config}
        return {
            "adapterConfig": redaction.data(agent.adapter_config),
            "runtimeConfig": redaction.data(agent.runtime_config),
        }


class AgentView(ActorView):
    """A view of one agent, named in the path by id or shortname."""

    def find_agent(self, reference: str) -> Agent:
        """Return the agent that `reference` names (C-42), within the caller's companies."""
        if naming.as_uuid(reference) is not None:
            return self.find(Agent.objects.all(), reference, what="Agent")
        company_id = self._company_of_shortname()
        self.admit(company_id)
        rows = Agent.objects.filter(company_id=company_id).exclude(status=AgentStatus.TERMINATED)
        ambiguous = "Agent shortname is ambiguous in this company. Use the agent ID."
        named = shortnames.find(rows.only("id", "name"), reference, what="Agent", ambiguous=ambiguous)
        return Agent.objects.get(pk=named.pk)

    def find_managed(self, reference: str) -> Agent:
        """Return the agent, refusing whoever may not manage agents (the board half of C-26)."""
        agent = self.find_agent(reference)
        rights.require_agent_manager(self.actor, agent.company_id)
        return agent

    def _company_of_shortname(self) -> UUID:
        text = self.request.query_params.get("companyId")
        if text is None and self.actor.agent is not None:
            return self.actor.agent.company_id
        if text is None:
            raise Unprocessable("Agent shortname lookup requires companyId query parameter")
        company_id = naming.as_field_uuid(text)
        if company_id is None:
            raise BadRequest("companyId must be a company id")
        return company_id


def sight_of(view: ActorView, company_id: UUID) -> Sight:
    """Return what the caller sees of configurations in a company."""
    return Sight(view.actor.agent_id, auth.may_create_agents(view.actor, company_id), view.actor.is_board)


def render(agent: Agent, view: ActorView, *, sight: Sight | None = None) -> dict[str, Any]:
    """Return the plain row of an agent, as far as the caller may see it."""
    sight = sight or sight_of(view, agent.company_id)
    spent = queries.agent_spend([agent.id], now=view.now).get(agent.id, 0)
    return _render(agent, sight.configs(agent), spent)


def render_detail(agent: Agent, view: ActorView, *, sight: Sight | None = None) -> dict[str, Any]:
    """Return an agent with its chain of command and access (C-40)."""
    chain = SuperiorOut.render_many(org.chain_of_command(agent))
    access = AccessOut.render(roster.agent_access(agent))
    return render(agent, view, sight=sight) | {"chainOfCommand": chain, "access": access}


def _render(agent: Agent, configs: dict[str, Any], spent: int) -> dict[str, Any]:
    permissions = {"canCreateAgents": agent.can_create_agents}
    return AgentOut.render(
        agent, **configs, spentMonthlyCents=spent, defaultEnvironmentId=None, permissions=permissions
    )


class AgentList(CompanyView):
    """The agents of a company."""

    @operation("List agents, terminated ones left out [C-43]", answers=AgentOut, many=True)
    def get(self, request: Request, company_id: str) -> Response:
        unknown = sorted(set(request.query_params))
        if unknown:
            raise BadRequest(f"Unsupported query parameter{'s' if unknown[1:] else ''}: {', '.join(unknown)}")
        rows = list(queries.agents_of(self.company.id))
        spent = queries.agent_spend([row.id for row in rows], now=self.now)
        sight = sight_of(self, self.company.id)
        return Response(
            [
                _render(row, sight.configs(row, own_is_full=sight.sees_configurations), spent.get(row.id, 0))
                for row in rows
            ]
        )

    @operation("Create an agent [C-54]", reads=NewAgentInput, answers=AgentOut, status=201)
    @repeating.once
    def post(self, request: Request, company_id: str) -> Response:
        rights.require_agent_creator(self.actor, self.company.id)
        fields = NewAgentInput.read(request.data)
        agent = agents.create_directly(company=self.company, fields=fields, actor=self.actor, now=self.now)
        return Response(render(agent, self), status=201)


class AgentMe(ActorView):
    """The calling agent."""

    @operation("Get the calling agent [C-44]", answers=AgentDetailOut)
    def get(self, request: Request) -> Response:
        agent = self.actor.agent
        if agent is None:
            raise Unauthorized("Agent authentication required")
        return Response(render_detail(agent, self, sight=Sight(agent.id, False, False)))


class AgentDetail(AgentView):
    """One agent."""

    board_methods = ("DELETE",)

    @operation("Get an agent [C-47]", answers=AgentDetailOut, query=[COMPANY_QUERY])
    def get(self, request: Request, agent_ref: str) -> Response:
        return Response(render_detail(self.find_agent(agent_ref), self))

    @operation("Change an agent [C-56]", reads=AgentPatchInput, answers=AgentOut, query=[COMPANY_QUERY])
    def patch(self, request: Request, agent_ref: str) -> Response:
        agent = self.find_agent(agent_ref)
        rights.require_agent_editor(self.actor, agent)
        if isinstance(request.data, dict) and "permissions" in request.data:
            raise Invalid.at("permissions", message="Use /api/agents/:id/permissions for permission changes")
        fields = AgentPatchInput.read(request.data, partial=True)
        replace = fields.pop("replace_adapter_config", False)
        agent = agents.update(
            agent=agent, fields=fields, actor=self.actor, now=self.now, replace_adapter_config=replace
        )
        return Response(render(agent, self))

    @operation(
        "Take an agent out of the company, keeping its history [C-58]", answers=Ok, query=[COMPANY_QUERY]
    )
    def delete(self, request: Request, agent_ref: str) -> Response:
        agents.remove(agent=self.find_managed(agent_ref), actor=self.actor, now=self.now)
        return Response({"ok": True})


class AgentPermissions(AgentView):
    """What an agent may do."""

    @operation("Set an agent's permissions [C-57]", reads=PermissionsInput, answers=AgentDetailOut)
    def patch(self, request: Request, agent_ref: str) -> Response:
        agent = self.find_agent(agent_ref)
        rights.require_permission_giver(self.actor, agent)
        fields = PermissionsInput.read(request.data)
        agent = agents.set_permissions(agent=agent, **fields, actor=self.actor, now=self.now)
        return Response(render_detail(agent, self))


class AgentPause(AgentView):
    """Stopping an agent."""

    board_only = True

    @operation("Pause an agent [C-58]", answers=AgentOut)
    def post(self, request: Request, agent_ref: str) -> Response:
        agent = agents.pause(agent=self.find_managed(agent_ref), actor=self.actor, now=self.now)
        return Response(render(agent, self))


class AgentResume(AgentView):
    """Letting an agent work again."""

    board_only = True

    @operation("Resume an agent [C-58]", answers=AgentOut)
    def post(self, request: Request, agent_ref: str) -> Response:
        agent = agents.resume(agent=self.find_managed(agent_ref), actor=self.actor, now=self.now)
        return Response(render(agent, self))


class AgentApprove(AgentView):
    """Agreeing to a hired agent."""

    board_only = True

    @operation("Approve an agent [C-58]", answers=AgentOut)
    def post(self, request: Request, agent_ref: str) -> Response:
        agent = agents.approve(agent=self.find_managed(agent_ref), actor=self.actor, now=self.now)
        return Response(render(agent, self))


class AgentTerminate(AgentView):
    """Letting an agent go."""

    board_only = True

    @operation("Terminate an agent [C-58]", answers=AgentOut)
    def post(self, request: Request, agent_ref: str) -> Response:
        agent = agents.terminate(agent=self.find_managed(agent_ref), actor=self.actor, now=self.now)
        return Response(render(agent, self))


class OrgNodeOut(Output):
    """One agent of the tree, with those who report to it."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    role = serializers.CharField()
    status = serializers.CharField()
    reports = serializers.ListField(child=serializers.DictField())


class OrgTree(CompanyView):
    """Who reports to whom."""

    @operation("Get the tree of agents [C-50]", answers=OrgNodeOut, many=True)
    def get(self, request: Request, company_id: str) -> Response:
        return Response(org.tree(self.company.id))


_STYLE = query("style", text="Unknown ones are drawn as `warmth`.", enum=list(org_chart.STYLES))


class OrgDrawing(CompanyView):
    """Who reports to whom, as a drawing."""

    @operation(
        "Get the tree of agents as a drawing [C-50]",
        answers=OpenApiTypes.STR,
        media_type="image/svg+xml",
        query=[_STYLE],
    )
    def get(self, request: Request, company_id: str) -> HttpResponse:
        drawn = org_chart.svg(
            org.tree(self.company.id), title=self.company.name, style=request.query_params.get("style")
        )
        response = HttpResponse(drawn, content_type="image/svg+xml; charset=utf-8")
        response["Content-Security-Policy"] = "sandbox; default-src 'none'; style-src 'unsafe-inline'"
        response["X-Content-Type-Options"] = "nosniff"
        response["Cache-Control"] = "private, no-cache"
        return response


class OrgPicture(CompanyView):
    """Who reports to whom, as a picture."""

    @operation(
        "Get the tree of agents as a picture [C-50]",
        answers=OpenApiTypes.BINARY,
        media_type="image/png",
        query=[_STYLE],
    )
    def get(self, request: Request, company_id: str) -> HttpResponse:
        # Here, for only this address needs it, and it would take room in every process.
        from paperclip.companies import org_picture

        drawn = org_picture.png(org.tree(self.company.id), style=request.query_params.get("style"))
        response = HttpResponse(drawn, content_type="image/png")
        response["X-Content-Type-Options"] = "nosniff"
        response["Cache-Control"] = "private, no-cache"
        return response
