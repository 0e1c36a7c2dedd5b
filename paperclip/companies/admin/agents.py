"""The pages of agents."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from paperclip.companies import (
    agents,
    auth,
    instructions,
    keys,
    org,
    queries,
    rights,
    skill_sync,
    skills,
    told,
)
from paperclip.companies.admin import agent_form, instruction_pages, secret_lines
from paperclip.companies.admin.instruction_pages import InstructionPages
from paperclip.companies.choices import AgentStatus, SkillSync
from paperclip.companies.models import Activity, Agent, AgentApiKey, AgentConfigRevision
from paperclip.core import clock, links, naming, panels
from paperclip.core.admin import BoardModelAdmin, FormPage
from paperclip.core.errors import BadRequest, NotFound
from paperclip.core.filters import StatusFilter
from paperclip.core.links import Link
from paperclip.core.lists import Heading
from paperclip.core.scope import scope_of

_REVISIONS_SHOWN = 20
_ACTIVITY_SHOWN = 15
_PAUSABLE = (AgentStatus.ACTIVE, AgentStatus.IDLE, AgentStatus.RUNNING, AgentStatus.ERROR)


@admin.register(Agent)
class AgentAdmin(InstructionPages, BoardModelAdmin):
    """The workers of a company: who they are, what they do now, and how they are run."""

    board_name = "agent"
    icon = "smart_toy"
    row_template = "companies/agent_row.html"
    page_template = "companies/agent_page.html"
    form_class = agent_form.AgentForm
    may_add = True
    empty_title = "Nobody works here yet"
    empty_text = "An agent is a program that is woken, takes an issue, works on it and goes back to sleep."
    headings = (
        Heading("Agent", "name"),
        Heading("Status", "status"),
        Heading("Now", css="grow"),
        Heading("Last 24 hours", css="strip-cell"),
        Heading("Spent this month", css="num"),
        Heading("Last heartbeat", "last_heartbeat_at", css="time"),
    )
    deferred = ("adapter_config", "runtime_config", "metadata", "permissions", "capabilities")
    list_filter = (StatusFilter, "role")
    search_fields = ("name", "title")
    ordering = ("created_at",)
    deeds = {
        "pause": "pause",
        "resume": "resume",
        "approve": "approve",
        "terminate": "terminate",
        "key": "new_key",
        "revoke-key": "revoke_key",
        "roll-back": "roll_back",
        "delete-file": "delete_file",
        "skills": "set_skills",
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the agents, those that were let go only when asked for by status."""
        rows = super().get_queryset(request)
        return rows if request.GET.get("status") else rows.exclude(status=AgentStatus.TERMINATED)

    def page_rows(self, request: HttpRequest, company_ids: Sequence[UUID]) -> QuerySet[Any]:
        """Return agents with their manager."""
        return self.rows_of(request, company_ids).select_related("company", "reports_to")

    def prepare_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Put on each agent what it spent this month."""
        super().prepare_rows(request, rows)
        spent = queries.agent_spend([row.pk for row in rows], now=clock.now())
        for row in rows:
            row.spent_cents = spent.get(row.pk, 0)

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Return what the agent is, what it did, and, for those who manage agents, how it is run."""
        self.prepare_rows(request, [row])
        actor = scope_of(request).actor
        may_manage = auth.may_manage_agents(actor, row.company_id) and self.has_change_permission(
            request, row
        )
        entries = (
            Activity.objects.filter(agent=row)
            .select_related("agent")
            .order_by("-created_at")[:_ACTIVITY_SHOWN]
        )
        context = {
            "chain": list(reversed(org.chain_of_command(row))),
            "reports": list(
                queries.agents_of(row.company_id).filter(reports_to=row).only("id", "name", "status")[:50]
            ),
            "entries": told.tell(list(entries), company_id=row.company_id),
            "panels": [(panel, panel.context(row, request)) for panel in panels.of("agent")],
            "tools": [(panel, panel.context(row, request)) for panel in panels.of("agent-tools")],
            "may_manage": may_manage,
            "may_pause": row.status in _PAUSABLE,
            "edit_url": reverse("admin:companies_agent_edit", args=[row.pk]),
            "crumbs": self.crumbs(),
        }
        return context | (self._configuration(row) if may_manage else {})

    def _configuration(self, row: Agent) -> dict[str, Any]:
        history = AgentConfigRevision.objects.filter(agent=row).order_by("-created_at")
        return {
            "adapter_config": agent_form.shown(row.adapter_config),
            "runtime_config": agent_form.shown(row.runtime_config),
            "instructions": instructions.bundle(row),
            "instructions_url": instruction_pages.page_url(row),
            "standing": skills.of(row),
            "keys": list(AgentApiKey.objects.filter(agent=row).order_by("-created_at")[:50]),
            "revisions": list(
                history.select_related("created_by_user", "created_by_agent").defer(
                    "before_config", "after_config"
                )[:_REVISIONS_SHOWN]
            ),
        }

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Agent:
        """Take on an agent."""
        scope = scope_of(request)
        rights.require_agent_creator(scope.actor, scope.chosen.pk)
        return agents.create_directly(
            company=scope.chosen, fields=agent_form.fields(values), actor=scope.actor, now=clock.now()
        )

    def update(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> Agent:
        """Change an agent; the parts of its configuration the form did not show are kept."""
        actor = scope_of(request).actor
        rights.require_agent_editor(actor, row)
        fields = agent_form.fields(values)
        fields["adapter_config"] = agent_form.with_secrets(row.adapter_config, fields["adapter_config"])
        env = values["more_config"].get("env", row.adapter_config.get("env"))
        if env or values["secrets"]:
            fields["adapter_config"]["env"] = secret_lines.laid_over(env, values["secrets"])
        beat = agent_form.with_secrets(
            row.runtime_config.get("heartbeat") or {}, fields["runtime_config"]["heartbeat"]
        )
        fields["runtime_config"] = {**row.runtime_config, "heartbeat": beat}
        return agents.update(
            agent=row, fields=fields, actor=actor, now=clock.now(), replace_adapter_config=True
        )

    # Deeds.

    def pause(self, request: HttpRequest, row: Agent) -> str:
        """Stop the agent and its runs."""
        agents.pause(agent=row, actor=self._manager(request, row), now=clock.now())
        return f"{row.name} is paused. Its runs are being stopped."

    def resume(self, request: HttpRequest, row: Agent) -> str:
        """Let the agent work again."""
        agents.resume(agent=row, actor=self._manager(request, row), now=clock.now())
        return f"{row.name} works again."

    def approve(self, request: HttpRequest, row: Agent) -> str:
        """Agree to a hired agent."""
        agents.approve(agent=row, actor=self._manager(request, row), now=clock.now())
        return f"{row.name} is hired."

    def terminate(self, request: HttpRequest, row: Agent) -> str:
        """Let the agent go for good."""
        agents.terminate(agent=row, actor=self._manager(request, row), now=clock.now())
        return f"{row.name} is terminated. Its keys are revoked; its history stays."

    def new_key(self, request: HttpRequest, row: Agent) -> HttpResponse:
        """Make a key and show its token, this once."""
        name = request.POST.get("name", "").strip()[:200] or "Key"
        _, token = keys.create(agent=row, name=name, actor=self._manager(request, row), now=clock.now())
        page = FormPage(title=f"New key of {row.name}", submit="", crumbs=self.crumbs())
        context = {
            **self.admin_site.each_context(request),
            "title": page.title,
            "crumbs": page.crumbs,
            "row": row,
            "name": name,
            "token": token,
            "back_url": self.row_url(row),
        }
        response = TemplateResponse(request, "companies/agent_key.html", context)
        response["Cache-Control"] = "no-store"
        return response

    def revoke_key(self, request: HttpRequest, row: Agent) -> str:
        """End a key."""
        key_id = naming.as_field_uuid(request.POST.get("key", ""))
        key = keys.revoke(agent=row, key_id=key_id, actor=self._manager(request, row), now=clock.now())
        return f"The key {key.name} no longer works."

    def roll_back(self, request: HttpRequest, row: Agent) -> str:
        """Bring back an earlier configuration."""
        revision_id = naming.as_field_uuid(request.POST.get("revision", ""))
        if revision_id is None:
            raise BadRequest("Choose a revision")
        revision = AgentConfigRevision.objects.filter(agent=row, pk=revision_id).first()
        if revision is None:
            raise NotFound("Revision not found")
        agents.roll_back(agent=row, revision=revision, actor=self._manager(request, row), now=clock.now())
        return f"{row.name} has its configuration of {revision.created_at:%d %b %H:%M} UTC again."

    def set_skills(self, request: HttpRequest, row: Agent) -> str:
        """Say which skills the agent is given."""
        named = [
            name.strip()[:200] for name in (*request.POST.getlist("skill"), request.POST.get("more", ""))
        ]
        actor = self._manager(request, row)
        skill_sync.sync(
            agent=row,
            named=[name for name in named if name],
            mode=SkillSync.REPLACE,
            actor=actor,
            now=clock.now(),
        )
        return f"{row.name} is given these skills from its next run on."

    def _manager(self, request: HttpRequest, row: Agent) -> Any:
        actor = scope_of(request).actor
        rights.require_agent_manager(actor, row.company_id)
        return actor


def _links(company_id: UUID, ids: Collection[UUID]) -> dict[UUID, Link]:
    rows = Agent.objects.filter(company_id=company_id, pk__in=ids).only("id", "name", "title")
    return {
        row.pk: Link(row.name, reverse("admin:companies_agent_change", args=[row.pk]), row.title or "")
        for row in rows
    }


links.register("agent", _links)
