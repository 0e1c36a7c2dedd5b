"""What a run needs before its program can start: a folder, an environment, an order to the adapter (H-75 to H-84)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from heartbeat import configured_env, model_profiles, sessions, wake_payload, whereabouts
from heartbeat import context as contexts
from heartbeat.adapters import host, materials
from heartbeat.adapters.base import Assignment, ConfigError, Task
from heartbeat.model_profiles import Applied
from heartbeat.models import Run
from issues.models import Issue
from paperclip.companies import tokens
from paperclip.companies.models import Agent
from paperclip.core.api.rendering import dumps
from workspaces import placing
from workspaces.placing import Place
from workspaces.refusals import PlaceError

WORKSPACE_FAILED = "workspace_failed"


def assignment(run: Run, *, now: datetime) -> tuple[Assignment, tuple[str, ...]]:
    """Return what the adapter of `run` is given, and warnings for its log.

    `run` must carry its agent and issue; which session it goes on with is written on it (H-82). The agent's home
    folder is made when missing. Raises OSError when it cannot be, ConfigError when a secret or the place of its work
    cannot be had.
    """
    agent, issue = run.agent, run.issue
    profile = model_profiles.choose(agent, issue, contexts.read(run.context_snapshot))
    config = effective_config(agent, issue, profile)
    resumed = sessions.resume(run, now=now)
    place = _place(run, config, resumed.params, now=now)
    resumption = sessions.moved(
        resumed, home=agent_home(agent), cwd=place.cwd, source=place.source, workspace=place.code
    )
    configured = configured_env.resolve(run, config, now=now)
    found_out = _found_out(configured.manifest, profile) | whereabouts.told(place, home=agent_home(agent))
    resumption = replace(resumption, context=resumption.context.with_more(**found_out))
    sessions.begin(run, resumption)
    context = resumption.context
    payload = wake_payload.build(context, issue)
    environment = {
        **host.inherited(os.environ),
        **_identity(run, agent),
        **_wake(context, payload, issue),
        **whereabouts.variables(place, home=agent_home(agent)),
        **configured.values,
    }
    environment.setdefault("PAPERCLIP_API_KEY", tokens.mint_run_token(agent=agent, run_id=run.pk, now=now))
    prepared = Assignment(
        run_id=str(run.pk),
        agent_id=str(agent.pk),
        agent_name=agent.name,
        company_id=str(run.company_id),
        config=config,
        context=context,
        cwd=place.cwd,
        environment=environment,
        session_params=resumption.params,
        wake=payload,
        task=_task(issue),
        materials=materials.gather(agent.adapter_type, config, place.cwd),
        bundles=Path(settings.BUNDLES_ROOT) / str(run.company_id),
        configured=frozenset(configured.values),
        is_root=host.is_root(),
    )
    return prepared, (*place.warnings, *resumption.warnings)


def _task(issue: Issue | None) -> Task | None:
    if issue is None:
        return None
    return Task(issue.identifier or str(issue.pk), issue.title, issue.description, issue.work_mode)


def effective_config(agent: Agent, issue: Issue | None, profile: Applied | None = None) -> dict[str, Any]:
    """Return the agent's adapter configuration, the profile's settings on it, the issue's on top of both (H-75)."""
    laid_on = model_profiles.overrides(agent, issue).get("adapterConfig")
    of_profile = profile.settings if profile is not None else {}
    return {**agent.adapter_config, **of_profile, **(laid_on if isinstance(laid_on, dict) else {})}


def agent_home(agent: Agent) -> Path:
    """Return the folder that is the agent's own (A-20)."""
    return Path(settings.AGENT_HOMES_ROOT) / str(agent.pk)


def configured_values(agent: Agent, issue: Issue | None) -> list[str]:
    """Return the values that people configured for the agent's environment; they must not be shown."""
    return configured_env.stored_values(agent, issue)


def secret_names(assignment: Assignment, issue: Issue | None) -> list[str]:
    """Return the environment variables whose values must not be shown: the run token and all configured ones."""
    return ["PAPERCLIP_API_KEY", *configured_env.names(assignment.config, issue)]


def _found_out(manifest: list[dict[str, Any]], profile: Applied | None) -> dict[str, Any]:
    """Return what the context says of secrets and model; None takes away what it said of an earlier run (H-88)."""
    return {
        "paperclipSecrets": {"manifest": manifest} if manifest else None,
        model_profiles.CONTEXT_KEY: profile.told() if profile is not None else None,
    }


def _place(run: Run, config: Mapping[str, Any], session: Mapping[str, Any] | None, *, now: datetime) -> Place:
    """Return where the run works; the agent's home is made in any case (H-77)."""
    home = agent_home(run.agent)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    session_cwd = (session or {}).get("cwd")
    request = placing.Request(
        company_id=run.company_id,
        agent=run.agent,
        issue=run.issue,
        config=config,
        agent_home=home,
        run_id=run.pk,
        session_cwd=session_cwd if isinstance(session_cwd, str) else None,
    )
    try:
        return placing.for_run(request, now=now)
    except PlaceError as error:
        raise ConfigError(error.message, code=WORKSPACE_FAILED) from error


def _identity(run: Run, agent: Agent) -> dict[str, str]:
    return {
        "PAPERCLIP_AGENT_ID": str(agent.pk),
        "PAPERCLIP_COMPANY_ID": str(run.company_id),
        "PAPERCLIP_RUN_ID": str(run.pk),
        "PAPERCLIP_API_URL": settings.API_URL,
    }


def _wake(
    context: contexts.WakeContext, payload: dict[str, Any] | None, issue: Issue | None
) -> dict[str, str]:
    linked = context.more.get("issueIds")
    wanted = {
        "PAPERCLIP_TASK_ID": context.task_id or context.issue_id,
        "PAPERCLIP_WAKE_REASON": context.wake_reason,
        "PAPERCLIP_WAKE_COMMENT_ID": context.comment_ids[-1] if context.comment_ids else None,
        "PAPERCLIP_APPROVAL_ID": context.text("approvalId"),
        "PAPERCLIP_APPROVAL_STATUS": context.text("approvalStatus"),
        "PAPERCLIP_LINKED_ISSUE_IDS": ",".join(linked) if isinstance(linked, list) and linked else None,
        "PAPERCLIP_WAKE_PAYLOAD_JSON": dumps(wake_payload.flattened(payload)).decode() if payload else None,
        "PAPERCLIP_ISSUE_WORK_MODE": issue.work_mode if issue is not None else None,
    }
    return {name: value for name, value in wanted.items() if value}
