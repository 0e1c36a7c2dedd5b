"""Secrets that lie outside: read from HashiCorp Vault's KV store, version 2, over HTTP.

A reference is `<path>#<field>`, such as `apps/shop/github#token`; without a field it is `value`. Other providers can
be named, so that their references are kept, but nothing here can read them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from paperclip.companies.choices import SecretProvider
from paperclip.core import outbound

TIMEOUT_SECONDS = 10
FIELD = "value"
_VALUE_BYTES = 64 * 1024


class NotFetched(Exception):
    """What lies outside could not be had; the text says why and shows no value."""


@dataclass(frozen=True, repr=False)
class Vault:
    """How a KV store is reached. `namespace` is of Vault Enterprise, empty elsewhere."""

    address: str
    token: str
    mount: str = "secret"
    namespace: str = ""

    def read(self, reference: str, version: str | None) -> str:
        """Return the value at `reference`, of its newest version unless `version` names one. Raises NotFetched."""
        path, _, field = reference.partition("#")
        query = f"?version={quote(version, safe='')}" if version else ""
        data = _dig(self._ask(f"{self._mounted('data', path)}{query}", path), "data", "data")
        value = data.get(field or FIELD) if isinstance(data, Mapping) else None
        if not isinstance(value, str):
            raise NotFetched(f"Vault has no text under the field {field or FIELD} of {path}")
        if not value or "\0" in value or len(value.encode("utf-8", "replace")) > _VALUE_BYTES:
            raise NotFetched(f"what Vault has under {path} fits in no variable: 1 to {_VALUE_BYTES} bytes")
        return value

    def names(self, path: str) -> list[str]:
        """Return what lies right under `path`; folders end with a slash. Raises NotFetched."""
        found = _dig(self._ask(f"{self._mounted('metadata', path)}?list=true", path), "data", "keys")
        return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []

    def check(self) -> None:
        """Raise NotFetched unless Vault answers and takes the token."""
        self._ask("auth/token/lookup-self", "its own token")

    def _mounted(self, kind: str, path: str) -> str:
        return f"{quote(self.mount.strip('/'))}/{kind}/{quote(path.strip('/'))}"

    def _ask(self, path: str, what: str) -> Any:
        headers = {"X-Vault-Token": self.token, "X-Vault-Request": "true"}
        if self.namespace:
            headers["X-Vault-Namespace"] = self.namespace
        url = f"{self.address.rstrip('/')}/v1/{path}"
        try:
            answer = outbound.get(url, headers=headers, timeout_seconds=TIMEOUT_SECONDS)
        except (outbound.Refused, outbound.Failed) as error:
            raise NotFetched(f"Vault: {error}") from error
        if answer.status != 200:
            raise NotFetched(_refusal(answer.status, what))
        try:
            return json.loads(answer.body)
        except ValueError as error:
            raise NotFetched("Vault gave an answer that is no JSON") from error


def of_config(config: Mapping[str, Any], token: str) -> Vault:
    """Return the store that a provider configuration describes."""
    return Vault(
        address=str(config.get("address") or ""),
        token=token,
        mount=str(config.get("mount") or "secret"),
        namespace=str(config.get("namespace") or ""),
    )


def require_readable(provider: str) -> None:
    """Raise NotFetched for a provider that nothing here can read."""
    if provider != SecretProvider.VAULT:
        raise NotFetched(
            f"{SecretProvider(provider).label} cannot be read from here; keep the value here instead"
        )


def _refusal(status: int, what: str) -> str:
    if status == 403:
        return f"Vault refuses to show {what}: permission denied for the token"
    if status == 404:
        return f"Vault has nothing under {what}"
    return f"Vault answered {status} for {what}"


def _dig(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
