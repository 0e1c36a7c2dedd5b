"""The command line and the environment of Claude Code (A-34, A-50, A-78)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from heartbeat.adapters.base import flag, number, text

COMMAND = "claude"
_OUTPUT = ("--print", "--output-format", "stream-json", "--verbose")
# Variables by which the program would take itself for a part of another one of its kind.
_NESTING = ("CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "CLAUDE_CODE_SESSION", "CLAUDE_CODE_PARENT_SESSION")
# Its own tries are few, for the runs are tried again too; and it calls nobody but the model (AW-11).
_DEFAULTS = {"CLAUDE_CODE_MAX_RETRIES": "2", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
# Named one by one where the program refuses to skip its questions: it does so for root.
_TOOLS = (
    "Bash", "Edit", "Glob", "Grep", "MultiEdit", "NotebookEdit", "Read", "Skill", "Task", "TodoWrite", "WebFetch",
    "WebSearch", "Write",
)  # fmt: skip
_BEDROCK_MODEL = re.compile(r"(?:[a-z]{2,6}\.)?anthropic\.|arn:aws[\w-]*:bedrock:")


@dataclass(frozen=True)
class Flags:
    """The flags of a call: those before the session's, and those after; with notes for people."""

    before: Sequence[str]
    flags: Sequence[str]
    notes: Sequence[str] = ()


def flags(config: Mapping[str, Any], environment: Mapping[str, str], *, is_root: bool) -> Flags:
    """Return the flags that a configuration asks for."""
    found, notes = [], []
    if flag(config, "dangerouslySkipPermissions", default=True):
        if is_root:
            found += ["--allowedTools", ",".join(_TOOLS)]
            notes.append(
                "The runner is root, for whom the program refuses to skip permissions: tools are allowed by name"
            )
        else:
            found.append("--dangerously-skip-permissions")
    if flag(config, "chrome"):
        found.append("--chrome")
    model, effort = text(config, "model"), text(config, "effort")
    if model is not None:
        if is_bedrock(environment) and not _BEDROCK_MODEL.match(model):
            notes.append(f"Model {model} is not one of Bedrock's, so the program's default is used")
        else:
            found += ["--model", model]
    if effort is not None:
        found += ["--effort", effort]
    turns = int(number(config, "maxTurnsPerRun", 0))
    if turns > 0:
        found += ["--max-turns", str(turns)]
    return Flags(_OUTPUT, found, notes)


def surroundings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a call: what was prepared, without what would confuse the program."""
    kept = {name: value for name, value in environment.items() if name not in _NESTING}
    return {**_DEFAULTS, **kept}


def is_bedrock(environment: Mapping[str, str]) -> bool:
    """Whether the program calls its models through Amazon Bedrock."""
    asked = environment.get("CLAUDE_CODE_USE_BEDROCK", "").lower()
    return asked in ("1", "true") or bool(environment.get("ANTHROPIC_BEDROCK_BASE_URL"))
