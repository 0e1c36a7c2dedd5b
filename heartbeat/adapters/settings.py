"""What an adapter's configuration may hold: one table per adapter, for checks, forms and people (A-2).

A run reads its configuration leniently, value by value (A-9); whoever writes one is told what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

# The kinds of A-2 that a form knows, and two that it shows as text areas: lists of texts, and objects.
TEXT, TEXTAREA, SELECT, COMBOBOX, TOGGLE, NUMBER, LIST, OBJECT = (
    "text", "textarea", "select", "combobox", "toggle", "number", "list", "object",
)  # fmt: skip
_SHOWN_AS = {LIST: TEXTAREA, OBJECT: TEXTAREA}
_MOST_SECONDS = 30 * 24 * 3600


@dataclass(frozen=True)
class Setting:
    """One key of a configuration. `options` are all values of a select, and suggestions of a combobox.

    `least` and `most` bound a number; `is_path` asks for an absolute path.
    """

    key: str
    label: str
    kind: str = TEXT
    hint: str = ""
    default: Any = None
    options: Sequence[str] = ()
    is_required: bool = False
    group: str | None = None
    least: float | None = None
    most: float | None = None
    is_path: bool = False

    def told(self) -> dict[str, Any]:
        """Return the setting as the interface writes it (A-2)."""
        facts = {
            "key": self.key,
            "label": self.label,
            "type": _SHOWN_AS.get(self.kind, self.kind),
            "options": [{"value": option, "label": option} for option in self.options] or None,
            "default": self.default,
            "hint": self.hint or None,
            "required": self.is_required or None,
            "group": self.group,
        }
        return {name: value for name, value in facts.items() if value is not None}


@dataclass(frozen=True)
class Problem:
    """What is wrong with one key of a configuration, in words for whoever wrote it."""

    key: str
    message: str


# What every program on this host can be told.
OF_PROGRAMS: Sequence[Setting] = (
    Setting("cwd", "Folder", hint="Where the agent works when its project has no place of its own", is_path=True),
    Setting("env", "Environment", OBJECT, hint="Variables for the program; secrets by reference"),
    Setting(
        "timeoutSec", "Time limit", NUMBER, hint="Seconds a run may take; 0 is no limit",
        most=_MOST_SECONDS, group="Limits",
    ),
    Setting(
        "graceSec", "Time to end", NUMBER, hint="Seconds between asking the program to end and killing it",
        least=0, most=3600, group="Limits",
    ),
)  # fmt: skip


def problems(settings: Iterable[Setting], config: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with the values of a configuration. Keys without a setting are nobody's business here."""
    for setting in settings:
        value = config.get(setting.key)
        if value is None or value == "":
            continue  # counts as not set, also where it is required: a draft may be kept
        fault = _fault(setting, value)
        if fault is not None:
            yield Problem(setting.key, fault)


def _fault(setting: Setting, value: Any) -> str | None:
    match setting.kind:
        case "toggle":
            return None if isinstance(value, bool) else "Expected true or false"
        case "number":
            return _number_fault(setting, value)
        case "list":
            is_fine = isinstance(value, list) and all(isinstance(item, str) for item in value)
            return None if is_fine else "Expected a list of texts"
        case "object":
            return None if isinstance(value, Mapping) else "Expected an object"
    if not isinstance(value, str):
        return "Expected a text"
    if "\0" in value:
        return "A text must not hold a NUL character"
    if setting.kind == SELECT and value not in setting.options:
        return f"Expected one of {', '.join(setting.options)}"
    if setting.is_path and not PurePosixPath(value).is_absolute():
        return "Expected an absolute path"
    return None


def _number_fault(setting: Setting, value: Any) -> str | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return "Expected a number"
    if setting.least is not None and value < setting.least:
        return f"Expected at least {setting.least:g}"
    if setting.most is not None and value > setting.most:
        return f"Expected at most {setting.most:g}"
    return None
