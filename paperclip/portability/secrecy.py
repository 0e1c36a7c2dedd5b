"""What must not leave with a package, and how it is found (C-106).

No value of an environment leaves, secret or not: the package names the variables. Everywhere else a text or a key of
a configuration that is, holds or looks like a secret is taken out. A known secret is also looked for by value.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

from paperclip.companies import adapter_config
from paperclip.companies.choices import SecretMode
from paperclip.companies.models import Agent, Project, SecretVersion
from paperclip.companies.secrets import resolving, sealing
from paperclip.core import redaction
from paperclip.core.errors import Refusal
from paperclip.core.redaction import MARKER, Masker
from paperclip.portability.choices import InputKind

# Of an adapter's configuration: the environment, where instructions stand on this host (their texts go along), and the
# wanted skills, which a package says in a place of their own.
NOT_CARRIED = (*adapter_config.INSTRUCTION_KEYS, "env", "paperclipSkillSync")

log = logging.getLogger(__name__)

_IN_ADDRESS = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^/\s@\"'<>]+@", re.IGNORECASE)


class Scrubber:
    """Takes secrets out of what leaves; `values` are those that are known."""

    def __init__(self, values: frozenset[str] = frozenset()) -> None:
        self._mask = Masker(values)

    def text(self, value: str) -> str:
        """Return a text without secrets."""
        return redaction.text(_IN_ADDRESS.sub(rf"\1{MARKER}@", self._mask(value)))

    def config(self, config: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """Return a configuration without what holds a secret, and the places that were left out.

        A marker in its place would not do: it would be taken for the value. A list that holds a secret goes as a
        whole, for arguments that lack one mean something else.
        """
        left_out: list[str] = []
        cleaned = self._object(redaction.data(config), left_out, "")
        return cleaned, left_out

    def _object(self, value: Mapping[str, Any], left_out: list[str], path: str) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for name, item in value.items():
            place = f"{path}.{name}" if path else str(name)
            if self.text(str(name)) != name:
                left_out.append(f"{path}.{MARKER}" if path else MARKER)
            elif isinstance(item, Mapping):
                kept[name] = self._object(item, left_out, place)
            elif self._holds_secret(item):
                left_out.append(place)
            else:
                kept[name] = item
        return kept

    def _holds_secret(self, value: Any) -> bool:
        if isinstance(value, str):
            return MARKER in value or self.text(value) != value
        if isinstance(value, Mapping):
            return any(self._holds_secret(name) or self._holds_secret(item) for name, item in value.items())
        return isinstance(value, list) and any(self._holds_secret(item) for item in value)


def without_credentials(address: str | None) -> str | None:
    """Return an address of a repository without the user name and password in it."""
    if not address or "@" not in address or "://" not in address:
        return address
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def known_values(company_id: UUID) -> tuple[frozenset[str], list[str]]:
    """Return the secrets of a company by value, to be looked for in what leaves, and warnings.

    They are the values of its company secrets that are kept here, and what stands in its environments under names
    that sound secret. They are compared and never shown, so no access is recorded.
    """
    found = set(_inline(company_id))
    warnings: list[str] = []
    versions = SecretVersion.objects.filter(
        secret__company_id=company_id, secret__managed_mode=SecretMode.MANAGED, material__isnull=False
    ).select_related("secret")
    for version in versions.order_by("secret__name", "version"):
        try:
            found.add(resolving.unsealed(version, version.secret))
        except (Refusal, sealing.Unreadable):
            log.warning(
                "secret %s version %s cannot be unsealed for an export", version.secret_id, version.version
            )
            warnings.append(
                f"The secret {version.secret.name} cannot be unsealed: texts were not searched for its value"
            )
    return frozenset(found), list(dict.fromkeys(warnings))


def environment(env: Any) -> dict[str, str]:
    """Return the variables of stored bindings with what kind each is."""
    bindings = env if isinstance(env, Mapping) else {}
    return {str(name): _kind(str(name), binding) for name, binding in sorted(bindings.items())}


def _kind(name: str, binding: Any) -> str:
    is_reference = isinstance(binding, Mapping) and binding.get("type") == "secret_ref"
    value = binding.get("value") if isinstance(binding, Mapping) else binding
    looks_secret = isinstance(value, str) and redaction.text(value) != value
    return str(
        InputKind.SECRET if is_reference or looks_secret or redaction.names_secret(name) else InputKind.PLAIN
    )


def _inline(company_id: UUID) -> Iterator[str]:
    configs = Agent.objects.filter(company_id=company_id).values_list("adapter_config", "runtime_config")
    for config, runtime in configs:
        yield from _secret_values(config.get("env"))
        yield from _secret_values(profile_config(runtime).get("env"))
    for env in Project.objects.filter(company_id=company_id).values_list("env", flat=True):
        yield from _secret_values(env)


def profile_config(runtime_config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the adapter configuration of an agent's cheap model profile, empty without one."""
    profiles = runtime_config.get("modelProfiles")
    cheap = profiles.get("cheap") if isinstance(profiles, dict) else None
    config = cheap.get("adapterConfig") if isinstance(cheap, dict) else None
    return config if isinstance(config, dict) else {}


def _secret_values(env: Any) -> Iterator[str]:
    for name, binding in env.items() if isinstance(env, Mapping) else ():
        value = binding.get("value") if isinstance(binding, Mapping) else binding
        if isinstance(value, str) and _kind(str(name), binding) == InputKind.SECRET:
            yield value
