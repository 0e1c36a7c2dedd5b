"""Secrets in the environment of an agent or project, as people write them: one `NAME = key` per line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import forms

from paperclip.companies import bindings
from paperclip.companies.choices import SecretStatus
from paperclip.companies.models import Secret
from paperclip.companies.secrets.usage import LATEST
from paperclip.core.forms import text

_LINE = re.compile(r"(?P<name>[^=\s]+)\s*=\s*(?P<key>[^@\s]+)(?:\s*@\s*(?P<version>[1-9]\d{0,8}))?")
_SUGGESTED = 20


def field() -> forms.CharField:
    """Return the box for the lines."""
    return text("Secrets it gets", required=False, wide=True)


def keys(company_id: UUID) -> dict[str, str]:
    """Return the keys of a company's secrets by id, those that cannot be had any more left out."""
    rows = Secret.objects.filter(company_id=company_id).exclude(status=SecretStatus.DELETED)
    return {str(pk): key for pk, key in rows.order_by("key").values_list("pk", "key")}


def help_text(known: Mapping[str, str]) -> str:
    """Return what to write, with the keys there are."""
    if not known:
        return "None are kept yet: make one under Secrets, then name it here as NAME = key."
    names = ", ".join(list(known.values())[:_SUGGESTED])
    more = " …" if len(known) > _SUGGESTED else ""
    return f"One per line, as NAME = key, or NAME = key @2 for version 2. There are: {names}{more}"


def shown(env: Any, known: Mapping[str, str]) -> str:
    """Return the lines that stored bindings stand for; a secret that is gone is shown by its id."""
    lines = []
    for reference in bindings.references(env).values():
        key = known.get(str(reference.secret_id), str(reference.secret_id))
        lines.append(
            f"{reference.label} = {key}" + ("" if reference.selector == LATEST else f" @{reference.selector}")
        )
    return "\n".join(sorted(lines))


def read(lines: str, known: Mapping[str, str]) -> dict[str, Any]:
    """Return the bindings that the lines stand for. Raises ValidationError naming the line that is none."""
    ids = {key: secret_id for secret_id, key in known.items()}
    found: dict[str, Any] = {}
    for line in filter(None, map(str.strip, lines.splitlines())):
        match = _LINE.fullmatch(line)
        if match is None:
            raise forms.ValidationError(f"Write NAME = key instead of: {line[:80]}")
        key = match["key"].lower()
        found[match["name"]] = {
            "type": "secret_ref",
            "secretId": ids.get(key, key),
            "version": int(match["version"]) if match["version"] else LATEST,
        }
    return found


def laid_over(env: Any, secrets: Mapping[str, Any]) -> dict[str, Any]:
    """Return the environment with exactly these secrets in it, and its plain values as they were."""
    plain = {
        name: value
        for name, value in (env.items() if isinstance(env, Mapping) else ())
        if not (isinstance(value, Mapping) and value.get("type") == "secret_ref")
    }
    return {**plain, **secrets}
