"""The environment that people configured for a run: of the agent, with that of the project on top (A-36, A-37, H-75).

Plain values are there; secrets are fetched at this moment, and only those that the agent or its project is bound to:
an issue's overrides may name such a secret again, and no other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from heartbeat import model_profiles
from heartbeat.adapters.base import ConfigError
from heartbeat.models import Run
from issues.models import Issue
from paperclip.companies import actors, bindings
from paperclip.companies.choices import SecretTarget
from paperclip.companies.models import Agent, Project
from paperclip.companies.secrets import resolving, usage
from paperclip.companies.secrets.resolving import Occasion, Resolved, Unresolved, Wanted

UNRESOLVED = "secret_resolution_failed"


def resolve(run: Run, config: Mapping[str, Any], *, now: datetime) -> Resolved:
    """Return the configured variables of a run, with a manifest of the secrets among them.

    `config` is the effective configuration of the run's agent. Raises ConfigError when a secret cannot be had.
    """
    agent, project = run.agent, _project(run.issue)
    of_agent = config.get("env")
    of_project = project.env if project is not None else None
    wanted = _wanted(agent, project, of_agent, of_project)
    plain = {**plain_values(of_agent), **plain_values(of_project)}
    if not wanted:
        return Resolved(plain, [])
    targets = {(SecretTarget.AGENT.value, agent.pk)}
    if project is not None:
        targets.add((SecretTarget.PROJECT.value, project.pk))
    occasion = Occasion(
        company_id=run.company_id,
        actor=actors.for_agent(agent, run_id=run.pk),
        bound=usage.bound(targets),
        run_id=run.pk,
        issue_id=run.issue_id,
    )
    try:
        fetched = resolving.resolve(wanted, occasion=occasion, now=now)
    except Unresolved as error:
        raise ConfigError(str(error), code=UNRESOLVED) from error
    return Resolved({**plain, **fetched.values}, fetched.manifest)


def plain_values(env: Any) -> dict[str, str]:
    """Return the values that bindings hold themselves: text, or `{type: "plain", value}` (C-100)."""
    values: dict[str, str] = {}
    for name, binding in env.items() if isinstance(env, Mapping) else ():
        value = (
            binding.get("value") if isinstance(binding, dict) and binding.get("type") == "plain" else binding
        )
        if isinstance(value, str):
            values[name] = value
    return values


def names(config: Mapping[str, Any], issue: Issue | None) -> list[str]:
    """Return the names of all configured variables, each once."""
    project = _project(issue)
    bound = (config.get("env"), project.env if project is not None else None)
    return list(dict.fromkeys(name for env in bound if isinstance(env, dict) for name in env))


def stored_values(agent: Agent, issue: Issue | None) -> list[str]:
    """Return the plain values that people configured; they must not be shown. Secrets are not fetched for this."""
    project = _project(issue)
    cheap = model_profiles.of_agent(agent, "cheap").get("adapterConfig")
    bound = (
        agent.adapter_config.get("env"),
        cheap.get("env") if isinstance(cheap, dict) else None,
        project.env if project is not None else None,
    )
    return [value for env in bound for value in plain_values(env).values()]


def _project(issue: Issue | None) -> Project | None:
    return issue.project if issue is not None else None


def _wanted(agent: Agent, project: Project | None, of_agent: Any, of_project: Any) -> list[Wanted]:
    """Return the secrets to fetch; a variable that the project sets again is not fetched for the agent."""
    taken = set(of_project) if isinstance(of_project, dict) else set()
    wanted = [each for each in _references(SecretTarget.AGENT, agent, of_agent) if each.env_key not in taken]
    if project is not None:
        wanted += _references(SecretTarget.PROJECT, project, of_project)
    return wanted


def _references(target: SecretTarget, row: Agent | Project, env: Any) -> Iterator[Wanted]:
    for path, reference in bindings.references(env).items():
        yield Wanted(
            target_type=target.value,
            target_id=row.pk,
            config_path=path,
            env_key=reference.label,
            secret_id=reference.secret_id,
            selector=reference.selector,
        )
