"""Environment bindings of agents and projects: what may be written, and the form it is kept in (C-100)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from paperclip.core import redaction
from paperclip.core.errors import Invalid, Unprocessable

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHAPES = 'Expected a string, {"type":"plain","value"} or {"type":"secret_ref","secretId"}'


def normalized(env: Any, *path: str | int) -> dict[str, Any]:
    """Return environment bindings in object form; `path` says where in the body they stand.

    Raises Invalid for a wrong shape, Unprocessable for a bad name, the redaction marker as a value, or a
    secret that does not exist.
    """
    if not isinstance(env, Mapping):
        raise Invalid.at(*path, message="Expected object", code="invalid_type")
    return {name: _binding(name, value, [*path, name]) for name, value in env.items()}


def _binding(name: str, value: Any, path: list[str | int]) -> dict[str, Any]:
    if not _NAME.fullmatch(name):
        raise Unprocessable(f"Invalid environment variable name: {name[:80]}")
    if isinstance(value, Mapping) and value.get("type") == "secret_ref":
        raise Unprocessable(f"{name}: secret not found: {str(value.get('secretId'))[:80]}")
    if isinstance(value, Mapping) and value.get("type") == "plain":
        value = value.get("value")
    if not isinstance(value, str):
        raise Invalid.at(*path, message=_SHAPES)
    if redaction.MARKER in value:
        raise Unprocessable(f"{name}: a redacted value cannot be stored; send the real value or leave it out")
    return {"type": "plain", "value": value}
