"""Configurations of agents without secrets, and what they were before (C-48, C-49, C-64)."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies import agents, queries, rights
from paperclip.companies.api.agents import AgentOut, AgentView, render
from paperclip.companies.api.base import CompanyView
from paperclip.companies.models import Agent, AgentConfigRevision
from paperclip.core import naming, redaction
from paperclip.core.api.outputs import ModelOutput
from paperclip.core.api.schema import operation
from paperclip.core.errors import NotFound


class ConfigurationOut(ModelOutput):
    """How an agent is run, secrets taken out."""

    adapter_config = serializers.DictField()
    runtime_config = serializers.DictField()
    permissions = serializers.DictField()
    reports_to = serializers.UUIDField(source="reports_to_id", allow_null=True)

    class Meta:
        model = Agent
        fields: ClassVar = [
            "id", "company_id", "name", "role", "title", "status", "reports_to", "adapter_type",
            "adapter_config", "runtime_config", "permissions", "updated_at",
        ]  # fmt: skip


class RevisionOut(ModelOutput):
    """A change of an agent's configuration."""

    changed_keys = serializers.ListField(child=serializers.CharField())
    before_config = serializers.DictField()
    after_config = serializers.DictField()

    class Meta:
        model = AgentConfigRevision
        fields: ClassVar = [
            "id", "company_id", "agent_id", "created_by_agent_id", "created_by_user_id", "source",
            "rolled_back_from_revision_id", "changed_keys", "before_config", "after_config", "created_at",
        ]  # fmt: skip


def _render_configuration(agent: Agent) -> dict[str, Any]:
    return ConfigurationOut.render(
        agent,
        adapterConfig=redaction.data(agent.adapter_config),
        runtimeConfig=redaction.data(agent.runtime_config),
        permissions={"canCreateAgents": agent.can_create_agents},
    )


def _render_revision(revision: AgentConfigRevision) -> dict[str, Any]:
    """Snapshots are stored without secrets; what a later rule knows for one is taken out on reading too."""
    return RevisionOut.render(
        revision,
        beforeConfig=redaction.data(revision.before_config),
        afterConfig=redaction.data(revision.after_config),
    )


class ConfigurationList(CompanyView):
    """The configurations of all agents."""

    @operation("List agent configurations [C-48]", answers=ConfigurationOut, many=True)
    def get(self, request: Request, company_id: str) -> Response:
        rights.require_agent_creator(self.actor, self.company.id)
        return Response([_render_configuration(agent) for agent in queries.agents_of(self.company.id)])


class _ConfigView(AgentView):
    """A view of one agent's configuration."""

    def find_configured(self, reference: str) -> Agent:
        """Return the agent, refusing whoever may not read configurations (C-26)."""
        agent = self.find_agent(reference)
        rights.require_agent_creator(self.actor, agent.company_id)
        return agent

    def find_revision(self, agent: Agent, reference: str) -> AgentConfigRevision:
        """Return a revision of `agent`. Raises NotFound."""
        revision_id = naming.as_uuid(reference)
        revision = agent.config_revisions.filter(pk=revision_id).first() if revision_id else None
        if revision is None:
            raise NotFound("Revision not found")
        return revision


class Configuration(_ConfigView):
    """One agent's configuration."""

    @operation("Get an agent's configuration [C-48]", answers=ConfigurationOut)
    def get(self, request: Request, agent_ref: str) -> Response:
        return Response(_render_configuration(self.find_configured(agent_ref)))


class RevisionList(_ConfigView):
    """What an agent's configuration was."""

    @operation("List configuration revisions, newest first [C-49]", answers=RevisionOut, many=True)
    def get(self, request: Request, agent_ref: str) -> Response:
        agent = self.find_configured(agent_ref)
        rows = agent.config_revisions.order_by("-created_at", "-id")
        return Response([_render_revision(row) for row in rows])


class RevisionDetail(_ConfigView):
    """One change of an agent's configuration."""

    @operation("Get a configuration revision [C-49]", answers=RevisionOut)
    def get(self, request: Request, agent_ref: str, revision_id: str) -> Response:
        agent = self.find_configured(agent_ref)
        return Response(_render_revision(self.find_revision(agent, revision_id)))


class RevisionRollback(_ConfigView):
    """Going back to an earlier configuration."""

    @operation("Roll an agent back to a revision [C-64]", answers=AgentOut)
    def post(self, request: Request, agent_ref: str, revision_id: str) -> Response:
        agent = self.find_agent(agent_ref)
        rights.require_agent_editor(self.actor, agent)
        revision = self.find_revision(agent, revision_id)
        agent = agents.roll_back(agent=agent, revision=revision, actor=self.actor, now=self.now)
        return Response(render(agent, self))
