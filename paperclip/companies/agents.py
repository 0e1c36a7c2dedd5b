"""Agents: taken on, changed, stopped and let go (C-54 to C-58, C-62).

State of an agent, arrow by arrow:

    (new) -> idle | pending_approval
    pending_approval -> idle (approve) | terminated (reject)
    idle, active, error -> running -> idle | error, as its runs start and end: written by the run engine
    any but terminated and pending_approval -> paused -> idle (resume)
    any -> terminated, for good

`paused`, `pending_approval` and `terminated` are never overwritten by a run that starts or ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from paperclip.companies import (
    activity,
    adapter_config,
    agent_rules,
    bindings,
    instructions,
    ledger,
    members,
    org,
    revisions,
    shortnames,
    signals,
    skills,
)
from paperclip.companies.actors import Actor
from paperclip.companies.choices import (
    AgentRole,
    AgentStatus,
    MemberRole,
    PauseReason,
    Permission,
    PrincipalType,
    RevisionSource,
)
from paperclip.companies.models import Agent, AgentApiKey, AgentConfigRevision, Company
from paperclip.core import naming
from paperclip.core.errors import Conflict, Unprocessable

PAUSED_TEXT = "Cancelled due to agent pause"
BUDGET_TEXT = "Cancelled due to budget pause"
TERMINATED_TEXT = "Cancelled due to agent termination"

# Columns a client may set when an agent is made; permissions have their own shape.
_PLAIN = ("role", "title", "icon", "capabilities", "budget_monthly_cents", "metadata")
_SETTABLE = (AgentStatus.ACTIVE, AgentStatus.IDLE, AgentStatus.ERROR)


# --- Taking on -------------------------------------------------------------------------------------------


def create(
    *, company: Company, fields: Mapping[str, Any], actor: Actor, now: datetime, pending: bool = False
) -> Agent:
    """Take on an agent; `pending` when the board must agree first. The caller logs the deed.

    `fields` by column name (`reports_to` an id, `permissions` `{"can_create_agents": bool}`). The name is
    made unique by its shortname. The agent becomes a member that may assign tasks. Raises NotFound and
    Unprocessable for the manager, Unprocessable for adapter type, environment and bindings, Forbidden for
    what agents may not set.
    """
    adapter_type = fields.get("adapter_type") or "process"
    adapter_config.require_known_type(adapter_type)
    agent_rules.require_environment(fields)
    config = adapter_config.checked(fields.get("adapter_config") or {}, "adapterConfig")
    adapter_config.require_fitting(adapter_type, config, "adapterConfig")
    runtime = adapter_config.checked_runtime(fields.get("runtime_config") or {}, with_defaults=True)
    instructions.refuse_legacy_templates(adapter_type, config)
    if fields.get("desired_skills") is not None:
        config = skills.with_wanted(config, fields["desired_skills"])
    role = fields.get("role") or AgentRole.GENERAL
    permissions = fields.get("permissions") or {}
    if actor.is_agent:
        adapter_config.refuse_host_changes(before=({}, {}), after=(config, runtime), own=False)
        agent_rules.refuse_promotion(actor, role=role, permissions=permissions)
    with transaction.atomic():
        if fields.get("budget_monthly_cents"):
            ledger.lock(company.id)
        org.lock(company.id)
        if fields.get("reports_to") is not None:
            org.require_manager(company.id, fields["reports_to"])
            org.require_place(company.id, None, fields["reports_to"])
        agent = Agent.objects.create(
            **{name: fields[name] for name in _PLAIN if fields.get(name) is not None},
            company=company,
            name=shortnames.free_name(fields["name"], agent_rules.shortnames(company.id)),
            reports_to_id=fields.get("reports_to"),
            status=AgentStatus.PENDING_APPROVAL if pending else AgentStatus.IDLE,
            adapter_type=adapter_type,
            adapter_config=config,
            runtime_config=runtime,
            permissions={"canCreateAgents": permissions.get("can_create_agents", role == AgentRole.CEO)},
            created_at=now,
            updated_at=now,
        )
        members.join(
            company_id=company.id,
            principal_type=PrincipalType.AGENT,
            principal_id=agent.id,
            role=MemberRole.MEMBER,
            grants=[Permission.TASKS_ASSIGN],
            now=now,
            granted_by=actor.user,
        )
        bindings.save_agent(agent, actor=actor, now=now)
        _give_instructions(agent, fields.get("instructions_bundle"))
        if agent.budget_monthly_cents:
            _tell_budget(agent, actor, now)
        return agent


def create_directly(*, company: Company, fields: Mapping[str, Any], actor: Actor, now: datetime) -> Agent:
    """Take on an agent at once (C-54). Raises Conflict when the company wants to be asked first."""
    if company.require_board_approval_for_new_agents:
        raise Conflict(
            "Direct agent creation requires board approval."
            " Use POST /api/companies/:companyId/agent-hires to create a pending hire approval."
        )
    with transaction.atomic():
        agent = create(company=company, fields=fields, actor=actor, now=now)
        details = {"name": agent.name, "role": agent.role, "desiredSkills": fields.get("desired_skills")}
        _log(agent, "agent.created", actor, now, details)
        return agent


# --- Changing --------------------------------------------------------------------------------------------


def update(
    *,
    agent: Agent,
    fields: Mapping[str, Any],
    actor: Actor,
    now: datetime,
    replace_adapter_config: bool = False,
    source: RevisionSource = RevisionSource.PATCH,
    rolled_back_from: AgentConfigRevision | None = None,
) -> Agent:
    """Change an agent; `fields` holds only what was sent, by column name (C-56).

    1. refuse what the caller may not change, and values that name nothing;
    2. under the company's lock, check shortname and reporting line;
    3. write, keep a revision, log;
    4. make the move a new status asks for, as if its own endpoint had been called.
    """
    agent_rules.require_environment(fields)
    if fields.get("adapter_type") is not None:
        adapter_config.require_known_type(fields["adapter_type"])
    with transaction.atomic():
        if "budget_monthly_cents" in fields:
            ledger.lock(agent.company_id)
        org.lock(agent.company_id)
        row = Agent.objects.select_for_update(no_key=True).get(pk=agent.pk)
        before, allowed = revisions.tracked(row), row.budget_monthly_cents
        values = _new_values(row, fields, replace=replace_adapter_config)
        if actor.is_agent:
            agent_rules.refuse_agent_changes(row, values, fields.get("status"), actor)
        agent_rules.require_free_shortname(row, values.get("name", row.name))
        agent_rules.require_reporting_line(row, values.get("reports_to_id"))
        changed_config = _changed(row.adapter_config, values.get("adapter_config"))
        changed_runtime = _changed(row.runtime_config, values.get("runtime_config"))
        for name, value in values.items():
            setattr(row, name, value)
        row.updated_at = now
        row.save(update_fields=[*values, "updated_at"])
        if not {"adapter_config", "runtime_config"}.isdisjoint(values):
            bindings.save_agent(row, actor=actor, now=now)
        revisions.record(
            agent=row, before=before, source=source, actor=actor, now=now, rolled_back_from=rolled_back_from
        )
        if source == RevisionSource.PATCH:
            details = {"changedTopLevelKeys": sorted(naming.camel(name) for name in fields)}
            details |= {"changedAdapterConfigKeys": changed_config} if changed_config else {}
            details |= {"changedRuntimeConfigKeys": changed_runtime} if changed_runtime else {}
            _log(row, "agent.updated", actor, now, details)
        if fields.get("status") is not None and fields["status"] != row.status:
            row = _move_to(row, fields["status"], actor, now)
        if row.budget_monthly_cents != allowed:
            _tell_budget(row, actor, now)
            row = Agent.objects.get(pk=row.pk)
        return row


def roll_back(*, agent: Agent, revision: AgentConfigRevision, actor: Actor, now: datetime) -> Agent:
    """Bring back the configuration a revision led to (C-64).

    Raises Unprocessable when it cannot be brought back.
    """
    after = revision.after_config
    if adapter_config.holds_marker(after):
        raise Unprocessable("Cannot roll back a revision that contains redacted secret values")
    if not _is_snapshot(after):
        raise Unprocessable("Invalid revision snapshot: fields are missing or of another kind")
    fields = {column.removesuffix("_id"): after[wire] for wire, column in revisions.TRACKED.items()}
    fields["reports_to"] = naming.as_field_uuid(after["reportsTo"]) if after["reportsTo"] else None
    with transaction.atomic():
        row = update(
            agent=agent,
            fields=fields,
            actor=actor,
            now=now,
            replace_adapter_config=True,
            source=RevisionSource.ROLLBACK,
            rolled_back_from=revision,
        )
        _log(row, "agent.config_rolled_back", actor, now, {"revisionId": revision.id})
        return row


def set_permissions(
    *, agent: Agent, can_create_agents: bool, can_assign_tasks: bool, actor: Actor, now: datetime
) -> Agent:
    """Set what an agent may do; who may hire may always assign (C-57)."""
    with transaction.atomic():
        row = Agent.objects.select_for_update(no_key=True).get(pk=agent.pk)
        row.permissions = {"canCreateAgents": can_create_agents}
        row.updated_at = now
        row.save(update_fields=["permissions", "updated_at"])
        members.set_agent_grant(
            company_id=row.company_id,
            agent_id=row.id,
            key=Permission.TASKS_ASSIGN,
            held=row.role == AgentRole.CEO or can_create_agents or can_assign_tasks,
            granted_by=actor.user,
            now=now,
        )
        details = {"canCreateAgents": can_create_agents, "canAssignTasks": can_assign_tasks}
        _log(row, "agent.permissions_updated", actor, now, details)
        return row


# --- Stopping and letting go -----------------------------------------------------------------------------


def pause(*, agent: Agent, actor: Actor, now: datetime, reason: PauseReason = PauseReason.MANUAL) -> Agent:
    """Stop an agent and its runs until somebody resumes it (C-58).

    An agent the board has not agreed to cannot be paused: resuming it would be a way around the board (CW-8).
    """
    refusals = {
        AgentStatus.TERMINATED: "Cannot pause terminated agent",
        AgentStatus.PENDING_APPROVAL: "Pending approval agents cannot be paused",
    }
    with transaction.atomic():
        row = _move(agent, refusals, now, status=AgentStatus.PAUSED, pause_reason=reason, paused_at=now)
        _log(row, "agent.paused", actor, now, None if reason == PauseReason.MANUAL else {"reason": reason})
        text = BUDGET_TEXT if reason == PauseReason.BUDGET else PAUSED_TEXT
        signals.agent_stopped.send(sender=Agent, agent=row, reason=text, actor=actor, now=now)
        return row


def resume(*, agent: Agent, actor: Actor, now: datetime) -> Agent:
    """Let an agent work again (C-58). One that works already is left as it is."""
    refusals = {
        AgentStatus.TERMINATED: "Cannot resume terminated agent",
        AgentStatus.PENDING_APPROVAL: "Pending approval agents cannot be resumed",
    }
    with transaction.atomic():
        if not Agent.objects.filter(pk=agent.pk, status=AgentStatus.RUNNING).exists():
            row = _move(agent, refusals, now, status=AgentStatus.IDLE, pause_reason=None, paused_at=None)
        else:
            row = Agent.objects.get(pk=agent.pk)
        _log(row, "agent.resumed", actor, now, None)
        return row


def approve(*, agent: Agent, actor: Actor, now: datetime, source: str = "agent_detail") -> Agent:
    """Agree to a hired agent (C-58); the approval that asked for it is settled with it (CW-9)."""
    with transaction.atomic():
        moved = Agent.objects.filter(pk=agent.pk, status=AgentStatus.PENDING_APPROVAL).update(
            status=AgentStatus.IDLE, updated_at=now
        )
        if not moved:
            raise Conflict("Only pending approval agents can be approved")
        row = Agent.objects.get(pk=agent.pk)
        _log(row, "agent.approved", actor, now, {"source": source})
        signals.agent_approved.send(sender=Agent, agent=row, actor=actor, now=now)
        return row


def terminate(*, agent: Agent, actor: Actor, now: datetime, action: str = "agent.terminated") -> Agent:
    """Let an agent go for good: keys are revoked and runs cancelled, its history stays.

    May be repeated (C-58).
    """
    with transaction.atomic():
        Agent.objects.filter(pk=agent.pk).exclude(status=AgentStatus.TERMINATED).update(
            status=AgentStatus.TERMINATED, pause_reason=None, paused_at=None, updated_at=now
        )
        AgentApiKey.objects.filter(agent_id=agent.pk, revoked_at__isnull=True).update(revoked_at=now)
        row = Agent.objects.get(pk=agent.pk)
        bindings.forget(row)
        _log(row, action, actor, now, None)
        signals.agent_stopped.send(sender=Agent, agent=row, reason=TERMINATED_TEXT, actor=actor, now=now)
        return row


def remove(*, agent: Agent, actor: Actor, now: datetime) -> None:
    """Take an agent out of the company: terminated, and nobody reports to it. What it did is kept (CW-15)."""
    with transaction.atomic():
        org.lock(agent.company_id)
        terminate(agent=agent, actor=actor, now=now, action="agent.deleted")
        Agent.objects.filter(reports_to_id=agent.pk).update(reports_to=None, updated_at=now)


# --- Pieces ----------------------------------------------------------------------------------------------


def _tell_budget(agent: Agent, actor: Actor, now: datetime) -> None:
    signals.monthly_budget_set.send(
        sender=Agent,
        company=agent.company,
        agent=agent,
        cents=agent.budget_monthly_cents,
        actor=actor,
        now=now,
    )


def _give_instructions(agent: Agent, bundle: Mapping[str, Any] | None) -> None:
    """Write the files last: what can be refused has been, so that few are left over by an agent never made."""
    if bundle is None:
        return
    named = instructions.begin(agent, entry_file=bundle.get("entry_file"), files=bundle["files"])
    agent.adapter_config = {**agent.adapter_config, **named}
    agent.save(update_fields=["adapter_config"])


def _move(agent: Agent, refusals: Mapping[AgentStatus, str], now: datetime, **values: Any) -> Agent:
    """Change the status unless it is one of `refusals`, whose text then becomes a Conflict."""
    moved = (
        Agent.objects.filter(pk=agent.pk).exclude(status__in=list(refusals)).update(**values, updated_at=now)
    )
    row = Agent.objects.get(pk=agent.pk)
    if not moved:
        raise Conflict(
            refusals.get(AgentStatus(row.status), "The agent's status has just changed; try again")
        )
    return row


def _move_to(agent: Agent, status: str, actor: Actor, now: datetime) -> Agent:
    """Make the move that a patched status asks for (C-56)."""
    if status == AgentStatus.PAUSED:
        return pause(agent=agent, actor=actor, now=now)
    if status == AgentStatus.TERMINATED:
        return terminate(agent=agent, actor=actor, now=now)
    if status not in _SETTABLE:
        raise Unprocessable(f"An agent becomes {status} by itself; the status cannot be set")
    refusals = {
        AgentStatus.TERMINATED: "Terminated agents cannot be resumed",
        AgentStatus.PENDING_APPROVAL: "Pending approval agents cannot be activated directly",
    }
    return _move(agent, refusals, now, status=status, pause_reason=None, paused_at=None)


def _new_values(agent: Agent, fields: Mapping[str, Any], *, replace: bool) -> dict[str, Any]:
    """Return the columns a patch writes. A null adapter or runtime configuration counts as not sent."""
    values = {name: fields[name] for name in ("name", *_PLAIN) if name in fields}
    if "reports_to" in fields:
        values["reports_to_id"] = fields["reports_to"]
    if fields.get("adapter_type") is not None:
        values["adapter_type"] = fields["adapter_type"]
    type_changes = values.get("adapter_type", agent.adapter_type) != agent.adapter_type
    if fields.get("adapter_config") is not None or type_changes:
        sent = adapter_config.checked(fields.get("adapter_config") or {}, "adapterConfig")
        adapter_config.require_fitting(values.get("adapter_type", agent.adapter_type), sent, "adapterConfig")
        values["adapter_config"] = adapter_config.merged(
            agent.adapter_config, sent, replace=replace, type_changes=type_changes
        )
    if fields.get("runtime_config") is not None:
        values["runtime_config"] = adapter_config.checked_runtime(
            fields["runtime_config"], with_defaults=False
        )
    return values


def _changed(before: Mapping[str, Any], after: Mapping[str, Any] | None) -> list[str]:
    if after is None:
        return []
    return sorted(key for key in {*before, *after} if before.get(key) != after.get(key))


def _is_snapshot(values: Any) -> bool:
    if not isinstance(values, dict) or not set(revisions.TRACKED) <= set(values):
        return False
    configs = (values["adapterConfig"], values["runtimeConfig"])
    named = isinstance(values["name"], str) and bool(values["name"]) and values["role"] in AgentRole.values
    return named and all(isinstance(config, dict) for config in configs)


def _log(agent: Agent, action: str, actor: Actor, now: datetime, details: Mapping[str, Any] | None) -> None:
    activity.record(
        company_id=agent.company_id,
        actor=actor,
        action=action,
        entity_type="agent",
        entity_id=agent.id,
        details=details,
        now=now,
    )
