"""What a run needs before its program can start: a folder, an environment, an order to the adapter (H-75 to H-84)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from heartbeat import configured_env, sessions, wake_payload
from heartbeat import context as contexts
from heartbeat.adapters.base import Assignment
from heartbeat.models import Run
from issues.models import Issue
from paperclip.companies import tokens
from paperclip.companies.models import Agent
from paperclip.core.api.rendering import dumps
from workspaces import selection
from workspaces.models import ProjectWorkspace

# Of the server's own environment these never reach an agent: they are the keys to the whole house.
_OWN_PREFIXES = ("PAPERCLIP_", "DJANGO_", "PG", "CLAUDE_CODE_")
_OWN_NAMES = frozenset({"DATABASE_URL", "CLAUDECODE", "REDIS_URL"})
_DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"


def assignment(run: Run, *, now: datetime) -> tuple[Assignment, tuple[str, ...]]:
    """Return what the adapter of `run` is given, and warnings for its log.

    `run` must carry its agent and issue; which session it goes on with is written on it (H-82). The agent's home
    folder is made when missing. Raises OSError when it cannot be, ConfigError when a secret cannot be had.
    """
    agent, issue = run.agent, run.issue
    config = effective_config(agent, issue)
    choice = _workspace(agent, issue, config)
    resumption = sessions.moved(
        sessions.resume(run, now=now),
        home=agent_home(agent),
        cwd=choice.cwd,
        source=choice.source,
        workspace=choice.workspace,
    )
    configured = configured_env.resolve(run, config, now=now)
    resumption = replace(resumption, context=_with_manifest(resumption.context, configured.manifest))
    sessions.begin(run, resumption)
    context = resumption.context
    payload = wake_payload.build(context, issue)
    environment = {
        **inherited(os.environ),
        **_identity(run, agent),
        **_wake(context, payload, issue),
        **_place(choice, agent),
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
        cwd=choice.cwd,
        environment=environment,
        session_params=resumption.params,
    )
    return prepared, (*choice.warnings, *resumption.warnings)


def effective_config(agent: Agent, issue: Issue | None) -> dict[str, Any]:
    """Return the agent's adapter configuration with the issue's overrides for its assignee on top (H-75)."""
    overrides = issue.assignee_adapter_overrides if issue is not None else None
    if not isinstance(overrides, dict) or issue is None or issue.assignee_agent_id != agent.pk:
        return dict(agent.adapter_config)
    laid_on = overrides.get("adapterConfig")
    return {**agent.adapter_config, **(laid_on if isinstance(laid_on, dict) else {})}


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the part of the server's environment that agents may see (H-84)."""
    kept = {
        name: value
        for name, value in environment.items()
        if name not in _OWN_NAMES and not name.startswith(_OWN_PREFIXES)
    }
    kept.setdefault("PATH", _DEFAULT_PATH)
    return kept


def agent_home(agent: Agent) -> Path:
    """Return the folder that is the agent's own (A-20)."""
    return Path(settings.AGENT_HOMES_ROOT) / str(agent.pk)


def configured_values(agent: Agent, issue: Issue | None) -> list[str]:
    """Return the values that people configured for the agent's environment; they must not be shown."""
    return configured_env.stored_values(agent, issue)


def secret_names(assignment: Assignment, issue: Issue | None) -> list[str]:
    """Return the environment variables whose values must not be shown: the run token and all configured ones."""
    return ["PAPERCLIP_API_KEY", *configured_env.names(assignment.config, issue)]


def _with_manifest(context: contexts.WakeContext, manifest: list[dict[str, Any]]) -> contexts.WakeContext:
    """Return the context with which secrets the run was given, or without what an earlier run was (H-88)."""
    return context.with_more(paperclipSecrets={"manifest": manifest} if manifest else None)


def _workspace(agent: Agent, issue: Issue | None, config: Mapping[str, Any]) -> selection.Choice:
    home = agent_home(agent)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    known = (
        list(ProjectWorkspace.objects.filter(project_id=issue.project_id).order_by("created_at"))
        if issue is not None and issue.project_id
        else []
    )
    cwd = config.get("cwd")
    return selection.decide(
        workspaces=known,
        preferred_id=issue.project_workspace_id if issue is not None else None,
        configured_cwd=cwd if isinstance(cwd, str) and cwd.strip() else None,
        agent_home=home,
    )


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


def _place(choice: selection.Choice, agent: Agent) -> dict[str, str]:
    workspace = choice.workspace
    wanted = {
        "AGENT_HOME": str(agent_home(agent)),
        "PAPERCLIP_WORKSPACE_CWD": str(choice.cwd),
        "PAPERCLIP_WORKSPACE_SOURCE": choice.source,
        "PAPERCLIP_WORKSPACE_ID": str(workspace.pk) if workspace is not None else None,
        "PAPERCLIP_WORKSPACE_REPO_URL": workspace.repo_url if workspace is not None else None,
        "PAPERCLIP_WORKSPACE_REPO_REF": workspace.repo_ref if workspace is not None else None,
    }
    return {name: value for name, value in wanted.items() if value}
