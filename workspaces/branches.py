"""The names of branches and their folders: from a template and a title to what git and disk accept (W-48, W-49).

Pure. Whatever a title holds, the result is made of letters, digits, `.`, `_`, `/` and `-`, begins with no dash, and
leads nowhere but down.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

DEFAULT_TEMPLATE = "{{issue.identifier}}-{{slug}}"
FALLBACK = "paperclip-work"
LONGEST = 120

_NAME = re.compile(r"\{\{\s*([A-Za-z0-9_.]+)\s*\}\}")
_NOT_IN_SLUG = re.compile(r"[^a-z0-9_-]+")
_NOT_IN_BRANCH = re.compile(r"[^A-Za-z0-9._/-]")
_EDGES = "-/."


def render(template: str, values: Mapping[str, str | None]) -> str:
    """Return `template` with each `{{name}}` replaced; unknown and empty names become nothing."""
    return _NAME.sub(lambda found: values.get(found[1]) or "", template)


def slug(title: str, *, identifier: str | None) -> str:
    """Return the title as part of a name, else the identifier, else `issue`."""
    return _NOT_IN_SLUG.sub("-", title.lower()).strip("-") or identifier or "issue"


def branch_name(text: str) -> str:
    """Return the branch that rendered text names (W-49), within what git allows for one."""
    name = _cut(re.sub(r"-+", "-", _NOT_IN_BRANCH.sub("-", text)).strip(_EDGES), LONGEST)
    # git refuses these parts of names; on disk `..` would lead out of the folder of worktrees.
    name = "/".join(part for part in map(_part, name.split("/")) if part).strip(_EDGES)
    return name if name not in ("", "HEAD") else FALLBACK


def with_suffix(name: str, suffix: str) -> str:
    """Return another branch for work whose own name is taken (WW-17)."""
    return f"{_cut(name, LONGEST - len(suffix) - 1)}-{suffix}"


def _cut(name: str, length: int) -> str:
    return name[:length].strip(_EDGES)


def _part(text: str) -> str:
    text = re.sub(r"\.{2,}", ".", text).strip(".")
    return f"{text[:-5]}-lock" if text.endswith(".lock") else text
