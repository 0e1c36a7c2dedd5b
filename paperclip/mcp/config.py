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
    values = {name: value.strip() for name, value in environment.items() if name.startswith("PAPERCLIP_")}
    for name in ("PAPERCLIP_API_URL", "PAPERCLIP_API_KEY"):
        if not values.get(name):
            raise ConfigError(f"Missing {name}")
    return Config(
        api_url=_api_url(values["PAPERCLIP_API_URL"]),
        api_key=values["PAPERCLIP_API_KEY"],
        company_id=values.get("PAPERCLIP_COMPANY_ID") or None,
        agent_id=values.get("PAPERCLIP_AGENT_ID") or None,
        run_id=values.get("PAPERCLIP_RUN_ID") or None,
    )


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
