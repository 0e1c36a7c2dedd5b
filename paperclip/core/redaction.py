"""Take secrets out of what is stored or shown (C-63).

Works by the name of a key, by the shape of a value, and by value: `Masker` knows the secrets of one run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

MARKER = "***REDACTED***"

_SECRET_KEY = re.compile(
    r"api[-_]?key|access[-_]?token|auth(_?token)?$|authorization|bearer|secret|passwd|password|credential|jwt"
    r"|private[-_]?key|cookie|connectionstring|passphrase|token$",
    re.IGNORECASE,
)
# Of an environment, whole words of a name count: `GITHUB_TOKEN` and `SSH_KEY`, not `MAX_TOKENS` or `KEYBOARD` (A-40).
_SECRET_WORD = re.compile(r"(?:^|_)(?:TOKEN|KEY|AUTH|PAT|PWD|PASS|DSN)(?:$|_)", re.IGNORECASE)
# What a name ends with that tells which secret is meant, and holds none.
_NAMES_ONE = re.compile(r"secret_?(?:ids?|name|version)$", re.IGNORECASE)
# Three or four base64url parts, the first of which decodes to a JSON object: a JWT or JWE, not `1.2.3` or a host.
_TOKEN = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){2,4}")
_KEY_VALUE = re.compile(r"\bpcp_[a-z_]*[0-9a-f]{32,}\b")
_SECRET_FLAG = re.compile(
    r"(--?[A-Za-z0-9-]*(?:api[-_]?key|token|secret|password|passwd)(?:=|\s+))(\"[^\"]*\"|'[^']*'|\S+)",
    re.IGNORECASE,
)
# Keys that look like what they are, whoever gave them out.
_KNOWN_KEY = re.compile(
    r"\b(?:(?:sk|rk)-[A-Za-z0-9_-]{16,}|gh[oprsu]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[\w-]{16,}"
    r"|xox[abeprs]-[A-Za-z0-9-]{10,}|AKIA[0-9A-Z]{16}\b)"
)
_BEARER = re.compile(r"\b(Bearer\s+)(?=\S*\d)[A-Za-z0-9._~+/=-]{12,}", re.IGNORECASE)
# `password = hunter2`, `"api_key": "…"`; what has no digit and is short is more likely a word of a sentence.
_ASSIGNED = re.compile(
    r"((?:api[_-]?key|secret|password|passwd|(?:access|auth)[_-]?token)[\"']?\s{0,3}[=:]\s{0,3})"
    r"(?=\S*\d|\S{12})(\"[^\"\n]*\"|'[^'\n]*'|[^\s,;\"']+)",
    re.IGNORECASE,
)
# `GITHUB_TOKEN=…`, as shells and `env` write it.
_VARIABLE = re.compile(
    r"\b([A-Z][A-Z0-9_]*(?:TOKEN|KEY|JWT|SECRET|PASSWORD|PASSWD|AUTHORIZATION)=)(\"[^\"\n]+\"|'[^'\n]+'|[^\s\"']+)"
)
# Looking for these first is cheap, and most texts have none of them.
_ASSIGNED_HINTS = ("key", "secret", "passw", "token")
_ARGV_KEYS = frozenset({"commandArgs", "command_args", "argv", "args"})
_REFERENCE_KEYS = ("type", "secretId", "secretKey", "version")
_FLAG_NAME = re.compile(r"--?[A-Za-z0-9-]*(?:api[-_]?key|token|secret|password|passwd)$", re.IGNORECASE)


def text(value: str) -> str:
    """Return `value` with tokens, API keys, assigned passwords and secret command-line flags replaced."""
    value = _TOKEN.sub(MARKER, value)
    value = _KEY_VALUE.sub(MARKER, value)
    value = _KNOWN_KEY.sub(MARKER, value)
    lowered = value.lower()
    if "bearer" in lowered:
        value = _BEARER.sub(rf"\1{MARKER}", value)
    if any(hint in lowered for hint in _ASSIGNED_HINTS):
        value = _ASSIGNED.sub(rf"\1{MARKER}", value)
        value = _VARIABLE.sub(rf"\1{MARKER}", value)
    return _SECRET_FLAG.sub(rf"\1{MARKER}", value)


def names_secret(name: str) -> bool:
    """Whether an environment variable of this name is likely to hold a secret."""
    return bool(_SECRET_KEY.search(name) or _SECRET_WORD.search(name))


def data(value: Any, *, key: str = "") -> Any:
    """Return a copy of JSON `value` without secrets.

    A value under a secret-looking key is replaced; a `secret_ref` binding names a secret and is kept; a `plain`
    binding keeps its shape and loses its value.
    """
    if isinstance(value, Mapping):
        return _object(value, key)
    if isinstance(value, list | tuple):
        return _arguments(value) if key in _ARGV_KEYS else [data(item, key=key) for item in value]
    if (
        key
        and value not in (None, "", True, False)
        and _is_secret_key(key)
        and not isinstance(value, int | float)
    ):
        return MARKER
    return _scalar(value)


def env(bindings: Mapping[str, Any]) -> dict[str, Any]:
    """Return environment bindings with every inline value replaced: names are public, values are not."""
    return {
        name: value if isinstance(value, Mapping) and value.get("type") == "secret_ref" else MARKER
        for name, value in bindings.items()
    }


def _object(value: Mapping[str, Any], key: str) -> dict[str, Any]:
    if value.get("type") == "plain" and "value" in value:
        return {**value, "value": MARKER if names_secret(key) else _scalar(value["value"])}
    # A reference, or an entry of a run's manifest: it names a secret.
    is_reference = value.get("type") == "secret_ref" or {"secretId", "configPath"} <= value.keys()
    kept = {name: _scalar(value[name]) for name in _REFERENCE_KEYS if is_reference and name in value}
    is_env = key == "env"
    return {
        name: kept[name]
        if name in kept
        else MARKER
        if is_env and isinstance(item, str) and item and names_secret(str(name))
        else data(item, key=str(name))
        for name, item in value.items()
    }


def _is_secret_key(key: str) -> bool:
    return bool(_SECRET_KEY.search(key)) and not _NAMES_ONE.search(key)


def _scalar(value: Any) -> Any:
    return text(value) if isinstance(value, str) else value


def _arguments(arguments: Iterable[Any]) -> list[Any]:
    redacted: list[Any] = []
    secret_next = False
    for argument in arguments:
        redacted.append(MARKER if secret_next else _scalar(argument))
        secret_next = isinstance(argument, str) and bool(_FLAG_NAME.match(argument))
    return redacted


class Masker:
    """Replaces known secret values wherever they appear in text."""

    def __init__(self, values: Iterable[str]) -> None:
        # Longest first, so that a secret which contains another goes as a whole; short values would eat words.
        wanted = sorted({value for value in values if len(value) >= 6}, key=len, reverse=True)
        self._pattern = re.compile("|".join(re.escape(value) for value in wanted)) if wanted else None

    def __call__(self, value: str) -> str:
        return self._pattern.sub(MARKER, value) if self._pattern else value
