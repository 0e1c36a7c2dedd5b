"""Environment bindings of agents and projects: what may be written, and the form it is kept in (C-100, A-37)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.conf import settings

from paperclip.companies.actors import Actor
from paperclip.companies.choices import SecretTarget
from paperclip.companies.models import Agent, Project
from paperclip.companies.secrets import usage
from paperclip.companies.secrets.usage import LATEST, Reference
from paperclip.core import naming, redaction
from paperclip.core.errors import Invalid, Unprocessable

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHAPES = 'Expected a string, {"type":"plain","value"} or {"type":"secret_ref","secretId"}'
_MAX_VERSION = 999_999_999
PROFILE_PATH = "runtimeConfig.modelProfiles.cheap.adapterConfig.env"


def normalized(env: Any, *path: str | int) -> dict[str, Any]:
    """Return environment bindings in object form; `path` says where in the body they stand.

    Raises Invalid for a wrong shape, Unprocessable for a bad name, the redaction marker as a value, or in strict
    mode a plain value under a name that sounds secret. Whether a secret exists is asked when they are saved.
    """
    if not isinstance(env, Mapping):
        raise Invalid.at(*path, message="Expected object", code="invalid_type")
    return {name: _binding(name, value, [*path, name]) for name, value in env.items()}


def references(env: Any, path: str = "env") -> dict[str, Reference]:
    """Return the secrets that stored bindings refer to, by the path each stands at."""
    return {f"{path}.{name}": reference for name, reference in _references(env)}


def save_agent(agent: Agent, *, actor: Actor, now: datetime) -> None:
    """Rewrite which secrets an agent uses; call it in the transaction that saves its configuration.

    Raises Unprocessable for secrets the company does not have, Forbidden for those an agent may not hand on.
    """
    profiles = agent.runtime_config.get("modelProfiles")
    cheap = profiles.get("cheap") if isinstance(profiles, dict) else None
    config = cheap.get("adapterConfig") if isinstance(cheap, dict) else None
    found = references(agent.adapter_config.get("env"))
    found |= references(config.get("env") if isinstance(config, dict) else None, PROFILE_PATH)
    _save(agent, SecretTarget.AGENT, found, actor, now)


def save_project(project: Project, *, actor: Actor, now: datetime) -> None:
    """Rewrite which secrets a project uses, as `save_agent` does."""
    _save(project, SecretTarget.PROJECT, references(project.env), actor, now)


def forget(row: Agent | Project) -> None:
    """Unbind every secret of an agent or project that is gone for good."""
    target = SecretTarget.AGENT if isinstance(row, Agent) else SecretTarget.PROJECT
    usage.drop(target_type=target, target_id=row.pk)


def _save(
    row: Agent | Project, target: SecretTarget, found: Mapping[str, Reference], actor: Actor, now: datetime
) -> None:
    usage.rewrite(
        company_id=row.company_id,
        target_type=target,
        target_id=row.pk,
        references=found,
        actor=actor,
        now=now,
    )


def _binding(name: str, value: Any, path: list[str | int]) -> dict[str, Any]:
    if not _NAME.fullmatch(name):
        raise Unprocessable(f"Invalid environment variable name: {name[:80]}")
    if isinstance(value, Mapping) and value.get("type") == "secret_ref":
        return _reference(name, value, path)
    if isinstance(value, Mapping) and value.get("type") == "plain":
        value = value.get("value")
    if not isinstance(value, str):
        raise Invalid.at(*path, message=_SHAPES)
    if redaction.MARKER in value:
        raise Unprocessable(f"{name}: a redacted value cannot be stored; send the real value or leave it out")
    if settings.SECRETS_STRICT_MODE and value.strip() and redaction.names_secret(name):
        raise Unprocessable(
            f"{name}: a secret cannot be stored as a plain value here; keep it as a company secret and refer to it"
        )
    return {"type": "plain", "value": value}


def _reference(name: str, value: Mapping[str, Any], path: list[str | int]) -> dict[str, Any]:
    sent = value.get("secretId")
    secret_id = naming.as_field_uuid(sent) if isinstance(sent, str) else None
    if secret_id is None:
        raise Unprocessable(f"{name}: secret not found: {str(sent)[:80]}")
    version = value.get("version")
    if version is None:
        version = LATEST
    is_number = isinstance(version, int) and not isinstance(version, bool) and 1 <= version <= _MAX_VERSION
    if version != LATEST and not is_number:
        raise Invalid.at(*path, "version", message='Expected "latest" or a whole number from 1')
    return {"type": "secret_ref", "secretId": str(secret_id), "version": version}


def _references(env: Any) -> Iterator[tuple[str, Reference]]:
    for name, binding in env.items() if isinstance(env, Mapping) else ():
        if not isinstance(binding, Mapping) or binding.get("type") != "secret_ref":
            continue
        secret_id = naming.as_field_uuid(str(binding.get("secretId")))
        if secret_id is not None:
            yield name, Reference(secret_id, str(binding.get("version") or LATEST), name)
