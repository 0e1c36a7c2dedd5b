"""What the tools are told by their environment (K-40)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit


class ConfigError(Exception):
    """The environment does not say where or as whom to call. The text says what is missing."""


class MissingError(Exception):
    """A call needs an id that neither its arguments nor the environment give."""


@dataclass(frozen=True)
class Config:
    """Where the API is, who calls, and what the calls are about unless they say otherwise."""

    api_url: str  # ends in /api
    api_key: str = field(repr=False)
    company_id: str | None = None
    agent_id: str | None = None
    run_id: str | None = None

    def company(self, given: str | None) -> str:
        """Return the company a call is about. Raises MissingError when nobody says."""
        return _first(given, self.company_id, "companyId", "PAPERCLIP_COMPANY_ID")

    def agent(self, given: str | None) -> str:
        """Return the agent a call is about. Raises MissingError when nobody says."""
        return _first(given, self.agent_id, "agentId", "PAPERCLIP_AGENT_ID")


def read(environment: Mapping[str, str]) -> Config:
    """Return what `environment` says. Raises ConfigError naming what is missing or wrong."""
    url, key = _needed(environment, "PAPERCLIP_API_URL"), _needed(environment, "PAPERCLIP_API_KEY")
    return Config(
        api_url=_api_url(url),
        api_key=key,
        company_id=_text(environment, "PAPERCLIP_COMPANY_ID"),
        agent_id=_text(environment, "PAPERCLIP_AGENT_ID"),
        run_id=_text(environment, "PAPERCLIP_RUN_ID"),
    )


def read_api_url(environment: Mapping[str, str]) -> str:
    """Return the base of the API. Raises ConfigError when `environment` has none, or a wrong one."""
    return _api_url(_needed(environment, "PAPERCLIP_API_URL"))


def of_request(api_url: str, headers: Mapping[str, str]) -> Config | None:
    """Return what one HTTP request says of its caller, or None when it carries no bearer token.

    `headers` finds names whatever their case. Ids the environment would give come as
    `X-Paperclip-Company-Id`, `X-Paperclip-Agent-Id` and `X-Paperclip-Run-Id`.
    """
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        return None
    return Config(
        api_url=api_url,
        api_key=key.strip(),
        company_id=_text(headers, "x-paperclip-company-id"),
        agent_id=_text(headers, "x-paperclip-agent-id"),
        run_id=_text(headers, "x-paperclip-run-id"),
    )


def _needed(environment: Mapping[str, str], name: str) -> str:
    value = _text(environment, name)
    if value is None:
        raise ConfigError(f"Missing {name}")
    return value


def _text(values: Mapping[str, str], name: str) -> str | None:
    return values.get(name, "").strip() or None


def _api_url(text: str) -> str:
    url = text.rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ConfigError("PAPERCLIP_API_URL must be an http or https address, such as http://127.0.0.1:3100")
    return url if url.endswith("/api") else f"{url}/api"


def _first(given: str | None, known: str | None, word: str, variable: str) -> str:
    found = given or known
    if found is None:
        raise MissingError(f"{word} is required because {variable} is not set")
    return found
