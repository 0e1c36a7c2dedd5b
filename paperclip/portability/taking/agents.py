"""Agents, without their environment: what each is, how it is run, and what it reads."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from paperclip.companies import instructions, skills
from paperclip.companies.choices import BUNDLE_ADAPTERS, AgentStatus
from paperclip.companies.models import Agent
from paperclip.core.errors import Refusal
from paperclip.portability import secrecy, writing
from paperclip.portability.choices import Part
from paperclip.portability.shapes import AgentPart
from paperclip.portability.taking.desk import Desk, slugs


def chosen(desk: Desk) -> list[Agent]:
    """Return the agents that are wanted, and give each its slug."""
    if not desk.wants(Part.AGENTS, desk.wish.agents):
        return []
    rows = Agent.objects.filter(company=desk.company).exclude(status=AgentStatus.TERMINATED)
    agents = list(rows.order_by("created_at", "id"))
    waiting = [agent for agent in agents if agent.status == AgentStatus.PENDING_APPROVAL]
    for agent in waiting:
        desk.warnings.append(f"{desk.scrub.text(agent.name)} awaits the board's approval and is left out")
    agents = [agent for agent in agents if agent.status != AgentStatus.PENDING_APPROVAL]
    known = slugs(((agent.pk, desk.scrub.text(agent.name)) for agent in agents), "agent")
    chosen = desk.named(agents, known, desk.wish.agents, "agent")
    desk.agent_slugs = {agent.pk: known[agent.pk] for agent in chosen}
    return chosen


def part(desk: Desk, agent: Agent) -> AgentPart:
    """Return what there is to say of one of them."""
    slug = desk.agent_slugs[agent.pk]
    path = writing.agent_path(slug)
    if agent.reports_to_id is not None and agent.reports_to_id not in desk.agent_slugs:
        desk.warnings.append(f"agents/{slug}: the manager is not in the package")
    config, runtime = _configs(desk, agent, slug)
    entry, files = _instructions(desk, agent, slug, config)
    return AgentPart(
        slug=slug,
        name=desk.text(agent.name, f"{path}: name") or slug,
        path=path,
        title=desk.text(agent.title, f"{path}: title"),
        role=agent.role,
        icon=agent.icon,
        capabilities=desk.text(agent.capabilities, f"agents/{slug}: capabilities"),
        reports_to=desk.agent_slugs.get(agent.reports_to_id) if agent.reports_to_id else None,
        skills=tuple(desk.scrub.text(name) for name in skills.wanted(agent.adapter_config)),
        adapter_type=agent.adapter_type,
        adapter_config=config,
        runtime_config=runtime,
        can_create_agents=agent.can_create_agents,
        budget_monthly_cents=agent.budget_monthly_cents,
        metadata=desk.config(agent.metadata, f"agents/{slug}: metadata") if agent.metadata else None,
        entry_file=entry,
        files=files,
    )


def _configs(desk: Desk, agent: Agent, slug: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the adapter's and the runtime configuration without environment; note the variables."""
    runtime = dict(agent.runtime_config)
    profile = secrecy.profile_config(runtime)
    if profile:
        cheap = {
            **runtime["modelProfiles"]["cheap"],
            "adapterConfig": _without(profile, secrecy.NOT_CARRIED),
        }
        runtime["modelProfiles"] = {**runtime["modelProfiles"], "cheap": cheap}
    kinds = secrecy.environment(profile.get("env")) | secrecy.environment(agent.adapter_config.get("env"))
    desk.ask(kinds, agent_slug=slug)
    config = _without(agent.adapter_config, secrecy.NOT_CARRIED)
    for name, value in config.items():
        if isinstance(value, str) and value.startswith("/"):
            desk.warnings.append(f"agents/{slug}: adapterConfig.{name} is a path of this host")
    return (
        desk.config(config, f"agents/{slug}: adapterConfig"),
        desk.config(runtime, f"agents/{slug}: runtimeConfig"),
    )


def _instructions(
    desk: Desk, agent: Agent, slug: str, config: dict[str, Any]
) -> tuple[str | None, Mapping[str, str]]:
    """Return the entry file and the texts of an agent's instructions; an old prompt template becomes one."""
    if instructions.root_of(agent) is not None:
        return _bundle(desk, agent, slug)
    template = next(
        (config[key] for key in instructions.LEGACY_KEYS if isinstance(config.get(key), str)), None
    )
    if template and agent.adapter_type in BUNDLE_ADAPTERS:
        for key in instructions.LEGACY_KEYS:
            config.pop(key, None)
        desk.warnings.append(f"agents/{slug}: its prompt template has become its instructions")
        return instructions.DEFAULT_ENTRY, {instructions.DEFAULT_ENTRY: template}
    if agent.adapter_config.get(instructions.PATH_KEY):
        desk.warnings.append(
            f"agents/{slug}: its instructions are a single file of this host and are left out"
        )
    return None, {}


def _bundle(desk: Desk, agent: Agent, slug: str) -> tuple[str | None, Mapping[str, str]]:
    entry, texts = instructions.entry_of(agent), dict[str, str]()
    for file in instructions.bundle(agent).files:
        place = f"agents/{slug}/{file.path}"
        if file.path == writing.AGENT_FILE != entry:
            desk.warnings.append(
                f"{place} is left out: the entry file {entry} takes its place in the package"
            )
            continue
        try:
            content = instructions.read(agent, file.path).content or ""
        except Refusal as refusal:
            desk.warnings.append(f"{place} is left out: {refusal.message}")
            continue
        texts[file.path] = desk.text(content, place) or ""
    if entry not in texts:
        desk.warnings.append(f"agents/{slug}: the entry file {entry} cannot be read")
    return entry, {entry: "", **texts}


def _without(config: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name not in keys}
