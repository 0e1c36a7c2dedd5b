"""Variables of a routine: what its texts ask for, and the values a dispatch gives them. Pure (section 4).

A variable is stored as `{name, label, type, defaultValue, required, options}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paperclip.core.errors import Invalid, Unprocessable
from routines import templates, values
from routines.choices import VARIABLES_MAX, RunSource, VariableType

Variable = dict[str, Any]
WORKSPACE_BRANCH = "workspaceBranch"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Given:
    """The values of one dispatch by name, and the payload that is kept with it (R-36)."""

    values: dict[str, Any]
    payload: Any


def declared(sent: Mapping[str, Any], *, at: Sequence[str | int] = ()) -> Variable:
    """Return a variable as it is stored from what was said of it, by field name. Raises Invalid below `at` (R-21)."""
    kind = sent.get("type", VariableType.TEXT)
    options, default = sent.get("options", []), sent.get("default_value")
    if not _NAME.fullmatch(sent["name"]):
        raise Invalid.at(*at, "name", message="A name is made of letters, digits and underscores")
    if kind == VariableType.SELECT and not options:
        raise Invalid.at(*at, "options", message="Select variables require at least one option")
    if kind != VariableType.SELECT and options:
        raise Invalid.at(*at, "options", message="Only select variables have options")
    if kind == VariableType.SELECT and default is not None and default not in options:
        raise Invalid.at(*at, "defaultValue", message="The default must be one of the options")
    return {
        "name": sent["name"],
        "label": sent.get("label"),
        "type": str(kind),
        "defaultValue": default,
        "required": sent.get("required", True),
        "options": options,
    }


def plain(name: str) -> Variable:
    """Return what is stored of a variable of which nothing was said."""
    return {
        "name": name,
        "label": None,
        "type": VariableType.TEXT.value,
        "defaultValue": None,
        "required": True,
        "options": [],
    }


def synced(declared: Sequence[Variable], title: str, description: str | None) -> list[Variable]:
    """Return the variables that a title and a description ask for, with what was declared of them (R-24).

    Raises Unprocessable for too many names.
    """
    wanted = templates.names(title, description)
    if len(wanted) > VARIABLES_MAX:
        raise Unprocessable(f"A routine has at most {VARIABLES_MAX} variables")
    known = {variable["name"]: variable for variable in declared}
    return [known.get(name) or plain(name) for name in wanted]


def require_readable_defaults(declared: Sequence[Variable]) -> None:
    """Raise Unprocessable for a default that its variable's type cannot be read from (R-22)."""
    for variable in declared:
        if variable["defaultValue"] is not None:
            _read(variable, variable["defaultValue"])


def without_default(variables: Sequence[Variable]) -> list[str]:
    """Return the required variables that nobody could fill in for a schedule (R-26); a malformed default is none."""
    return [variable["name"] for variable in variables if variable["required"] and not _has_default(variable)]


def require_defaults(variables: Sequence[Variable]) -> None:
    """Raise Unprocessable unless a schedule can do with the defaults (R-26, R-38)."""
    names = without_default(variables)
    if names:
        raise Unprocessable(
            f"Scheduled routines require defaults for required variables: {', '.join(names)}",
            details={"variables": names},
        )


def resolve(
    variables: Sequence[Variable],
    *,
    source: str,
    payload: Any,
    sent: Mapping[str, Any] | None,
    automatic: Mapping[str, Any],
) -> Given:
    """Return the value of each variable and the payload to keep (R-31 to R-36).

    `sent` came beside the payload; `automatic` wins over everything. Raises Unprocessable for values that cannot be
    read, or naming all that are missing.
    """
    provided = _provided(source, payload, sent)
    found: dict[str, Any] = {}
    missing: list[str] = []
    for variable in variables:
        name = variable["name"]
        value = _first(name, automatic, provided, variable["defaultValue"])
        value = _read(variable, value) if value is not None else None
        if not values.is_missing(value):
            found[name] = value
        elif variable["required"]:
            missing.append(name)
    if missing:
        raise Unprocessable(
            f"Missing routine variables: {', '.join(missing)}", details={"variables": missing}
        )
    known = found | {name: value for name, value in automatic.items() if name not in found}
    return Given(known, _kept(payload, known))


def _read(variable: Variable, value: Any) -> Any:
    return values.coerce(variable["name"], variable["type"], variable["options"], value)


def _has_default(variable: Variable) -> bool:
    if variable["defaultValue"] is None:
        return False
    try:
        return not values.is_missing(_read(variable, variable["defaultValue"]))
    except Unprocessable:
        return False


def _provided(source: str, payload: Any, sent: Mapping[str, Any] | None) -> dict[str, Any]:
    """R-31: later wins."""
    found: dict[str, Any] = {}
    members = _members(payload)
    if source == RunSource.WEBHOOK:
        found |= {name: value for name, value in members.items() if name != "variables"}
    inner = members.get("variables")
    if isinstance(inner, Mapping):
        found |= inner
    return found | dict(sent or {})


def _first(name: str, automatic: Mapping[str, Any], provided: Mapping[str, Any], default: Any) -> Any:
    """R-32: what is provided as null is missing; the default does not stand in for it."""
    if name in automatic:
        return automatic[name]
    return provided.get(name, default)


def _kept(payload: Any, known: Mapping[str, Any]) -> Any:
    if not known:
        return payload
    members = _members(payload)
    inner = members.get("variables")
    return {**members, "variables": {**(inner if isinstance(inner, Mapping) else {}), **known}}


def _members(payload: Any) -> dict[str, Any]:
    """Return the members of a payload; an array's are numbered (R-74)."""
    if isinstance(payload, Mapping):
        return dict(payload)
    if isinstance(payload, list):
        return {str(number): value for number, value in enumerate(payload)}
    return {}
