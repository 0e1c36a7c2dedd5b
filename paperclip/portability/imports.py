"""Bringing a package in: look first, then do (C-107).

There are two ways in. A person may import anything into a company they may write to, or into a new one. The safe way is
open to a company's CEO as well, and can neither replace anything nor choose programs of the host.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import transaction

from paperclip.companies import activity, actors, adapter_config, auth, rights
from paperclip.companies.actors import Actor
from paperclip.companies.choices import AgentRole
from paperclip.companies.models import Company
from paperclip.core.errors import Conflict, Forbidden, Invalid, Refusal
from paperclip.portability import files as package_files
from paperclip.portability import importing, planning, reading
from paperclip.portability.choices import Action, Collision
from paperclip.portability.faults import Findings
from paperclip.portability.importing import Result
from paperclip.portability.planning import Options, Plan
from paperclip.portability.shapes import AgentPart, File

CEO_ONLY = "Only CEO agents can manage company imports"
_SYSTEM = actors.system("company-import")
_HOST_ADAPTERS = ("process", "http")


def plan(
    files: Mapping[str, File], options: Options, findings: Findings, *, selected_files: Sequence[str] = ()
) -> Plan:
    """Return what an import of `files` would do; nothing is written.

    `findings` is what was noted while the files came in.
    """
    chosen = package_files.selected(files, selected_files) if selected_files else dict(files)
    package = reading.package_of(chosen, findings)
    present = planning.look(options.company)
    return planning.decide(
        package, chosen, options, present, errors=findings.errors, warnings=findings.warnings
    )


def apply(*, plan: Plan, actor: Actor, now: datetime, safe_for: Company | None = None) -> Result:
    """Carry out a plan and note it in the log; all of it is kept, or nothing.

    `safe_for` is the company of the safe way in. Raises Unprocessable for a plan with errors, and what verbs refuse.
    """
    is_new = plan.options.company is None
    # An agent belongs to one company: what it founds is not made in its name.
    doer = _SYSTEM if is_new and actor.is_agent else actor
    with transaction.atomic():
        result = importing.apply(
            plan=plan, actor=doer, now=now, people_of=safe_for if is_new and safe_for is not None else None
        )
        details = {
            "include": sorted(plan.options.parts),
            "agentCount": len(plan.selected_agents),
            "warningCount": len(plan.warnings),
            "companyAction": result.company_action,
        }
        if safe_for is not None:
            details["importMode"] = "agent_safe"
        _log(result.company, doer, now, details)
        if safe_for is not None and is_new:
            _log(safe_for, actor, now, details | {"companyId": result.company.pk})
    return result


# --- Who may, and what -----------------------------------------------------------------------------------


def require_importer(actor: Actor, company: Company | None) -> None:
    """Raise unless a person may import into `company`, or into a new one (C-107)."""
    auth.require_board(actor)
    if company is None:
        rights.require_instance_admin(actor)


def require_hiring(actor: Actor, plan: Plan) -> None:
    """Raise Forbidden unless the person may make the agents of a plan (C-26)."""
    company = plan.options.company
    if company is not None and plan.needs_hiring:
        rights.require_agent_manager(actor, company.pk)


def require_ceo(actor: Actor) -> None:
    """Raise Forbidden for agents but the CEO: the safe way is closed to them (C-107)."""
    if actor.is_agent and not rights.is_ceo(actor):
        raise Forbidden(CEO_ONLY)


def require_safe_importer(actor: Actor, options: Options, company: Company) -> None:
    """Raise Forbidden unless an import keeps to the rules of the safe way (C-107)."""
    if options.company is not None and options.company.pk != company.pk:
        raise Forbidden("Safe import route can only target the route company")
    if options.collision == Collision.REPLACE:
        raise Forbidden("Safe import route does not allow replace collision strategy")
    if options.company is None and actor.is_board:
        rights.require_instance_admin(actor)


def safe_preview(actor: Actor, plan: Plan, company: Company) -> Plan:
    """Return a plan of the safe way for somebody to look at, with a warning for each agent it cannot take as it is.

    Whoever looks learns here which agents need another adapter (K-16), so these alone are no reason to refuse. Raises
    what `require_safe_plan` raises for everything else.
    """
    _require_safe_agents(actor, plan, company)
    warnings = [
        f"agents/{agent.slug}: {_refused(kind)}; give it another by adapterOverrides"
        for agent, kind in _host_agents(plan)
    ]
    return replace(plan, warnings=[*plan.warnings, *warnings])


def require_safe_plan(actor: Actor, plan: Plan, company: Company) -> None:
    """Raise Forbidden for agents that run programs of the host's choice, and Conflict where hiring needs the board."""
    for agent, kind in _host_agents(plan):
        raise Forbidden(f"{_refused(kind)} (agent {agent.slug})")
    _require_safe_agents(actor, plan, company)


def _host_agents(plan: Plan) -> Iterator[tuple[AgentPart, str]]:
    """Yield the agents of a plan whose adapter runs any program, or calls any address, of this host."""
    for agent in plan.package.agents:
        kind, _ = plan.adapter_of(agent)
        if agent.slug in plan.selected_agents and kind in _HOST_ADAPTERS:
            yield agent, kind


def _refused(kind: str) -> str:
    return f"Safe import route does not allow {kind} adapters"


def _require_safe_agents(actor: Actor, plan: Plan, company: Company) -> None:
    may_hire = auth.may_create_agents(actor, company.pk)
    for agent in plan.package.agents:
        if agent.slug not in plan.selected_agents:
            continue
        kind, config = plan.adapter_of(agent)
        if kind not in _HOST_ADAPTERS:
            adapter_config.refuse_host_changes(
                before=({}, {}), after=(config, dict(agent.runtime_config)), own=not may_hire
            )
    if actor.is_agent and plan.options.company is not None and plan.needs_hiring:
        _refuse_unapproved(company)
        roles = {agent.role for agent in plan.package.agents if agent.slug in plan.selected_agents}
        if AgentRole.CEO in roles:
            raise Forbidden("Only the board can appoint a CEO")


def faults_of(refusal: Refusal) -> str:
    """Return a refusal in one line."""
    if isinstance(refusal, Invalid):
        return "; ".join(f"{'.'.join(map(str, each['path']))}: {each['message']}" for each in refusal.issues)
    return refusal.message


def counts_of(plan: Plan) -> dict[str, dict[str, int]]:
    """Return how many things of each kind are created, updated and skipped."""
    kinds: dict[str, Sequence[Any]] = {
        "agents": plan.agents,
        "projects": plan.projects,
        "goals": plan.goals,
        "issues": plan.issues,
        "routines": plan.routines,
    }
    return {
        kind: {action.value: sum(step.action == action for step in steps) for action in Action}
        for kind, steps in kinds.items()
    }


def _refuse_unapproved(company: Company) -> None:
    if company.require_board_approval_for_new_agents:
        raise Conflict(
            "Direct agent creation requires board approval."
            " Use POST /api/companies/:companyId/agent-hires to create a pending hire approval."
        )


def _log(company: Company, actor: Actor, now: datetime, details: Mapping[str, Any]) -> None:
    activity.record(
        company_id=company.pk,
        actor=actor,
        action="company.imported",
        entity_type="company",
        entity_id=company.pk,
        details=details,
        now=now,
    )
