"""Texts that tell agents how agents are configured (C-53): plain words, one page per kind of adapter."""

from __future__ import annotations

from collections.abc import Iterable

from paperclip.companies.choices import ADAPTER_TYPES, AGENT_ICONS, BUNDLE_ADAPTERS, SKILL_ADAPTERS, AgentRole
from paperclip.core.errors import NotFound

_ABOUT = {
    "process": "Starts any program of the host. The exit code is the outcome: 0 is success.",
    "http": "Calls a bot at a web address. The answer's status is the outcome.",
    "acpx_local": "Runs an agent program of the host through the Agent Client Protocol.",
    "claude_local": "Runs Claude Code on the host, with a session per task.",
    "codex_local": "Runs Codex on the host, with a session per task.",
    "cursor_cloud": "Hands the work to Cursor's cloud agents.",
    "gemini_local": "Runs the Gemini command line on the host.",
    "opencode_local": "Runs OpenCode on the host.",
    "pi_local": "Runs Pi on the host.",
    "cursor": "Runs the Cursor command line on the host.",
    "openclaw_gateway": "Sends the work to an OpenClaw gateway.",
}
_PROGRAM = {
    "command": "text; the program to start, found on PATH unless it holds a `/`",
    "args": "list of texts; what the program is given",
    "cwd": "text; absolute folder to work in; without it the project's folder, else one of the agent's own",
    "env": 'object; variables by name: a text, {"type": "plain", "value"} or {"type": "secret_ref", "secretId"}',
    "timeoutSec": "number; the run is stopped after so many seconds; 0 is never",
    "graceSec": "number; seconds between asking the program to stop and killing it",
}
_CLI = {
    **{key: about for key, about in _PROGRAM.items() if key != "args"},
    "extraArgs": "list of texts; laid behind the adapter's own",
    "model": "text; the model to ask, the program's own choice without it",
    "promptTemplate": "text; what the agent is told at each heartbeat, in place of the built-in words",
    "instructionsFilePath": "text; absolute file of instructions (set by the board)",
    "paperclipSkillSync": 'object; {"desiredSkills": ["…"]}, the skills the agent wants',
    "workspaceStrategy": "object; how a folder is made for an issue (commands in it are set by the board)",
}
_CALL = {
    "url": "text; the address to call",
    "method": "text; POST without it",
    "headers": "object; headers by name",
    "payloadTemplate": "object; laid under what is sent",
    "timeoutMs": "number; milliseconds to wait for the answer; 0 is for ever",
}
_KEYS: dict[str, dict[str, str]] = {
    "process": _PROGRAM,
    "http": _CALL,
    "cursor_cloud": {key: _CLI[key] for key in ("model", "env", "promptTemplate")},
    "openclaw_gateway": {"url": "text; the gateway's address, ws or wss", "headers": _CALL["headers"]},
}
_MORE: dict[str, dict[str, str]] = {
    "claude_local": {
        "effort": "text; low, medium or high",
        "maxTurnsPerRun": "number; 0 is no bound",
        "dangerouslySkipPermissions": "true or false; set by the board",
    },
    "codex_local": {
        "modelReasoningEffort": "text; minimal, low, medium, high or xhigh",
        "search": "true or false; whether it may search the web",
        "dangerouslyBypassApprovalsAndSandbox": "true or false; set by the board",
    },
}


def index(base: str) -> str:
    """Return the page that lists the adapters; `base` is the path under which their pages stand."""
    lines = [
        "# How an agent is configured",
        "",
        "POST /api/companies/{companyId}/agent-hires with these fields hires an agent, PATCH /api/agents/{id}",
        "changes one. What an agent may not set itself is named on the adapter's page.",
        "",
        *_list(
            {
                "name": "text; what everybody calls it",
                "role": f"one of {', '.join(AgentRole.values)}",
                "title, capabilities": "text; what it does, read by whoever looks for help",
                "icon": f"a name from {base}/agent-icons.txt",
                "reportsTo": "id of its manager",
                "adapterType, adapterConfig": "how it is run; see below",
                "runtimeConfig": 'object; {"heartbeat": {"enabled", "intervalSec", "maxConcurrentRuns"}}',
                "desiredSkills": "list of skills",
                "instructionsBundle": '{"entryFile", "files": {"AGENTS.md": "…"}}',
                "budgetMonthlyCents": "whole number; cents in a month, 0 is no bound",
            }
        ),
        "",
        "## Adapters",
        "",
        *(f"- {kind}: {_ABOUT[kind]} {base}/agent-configuration/{kind}.txt" for kind in ADAPTER_TYPES),
    ]
    return _page(lines)


def adapter(kind: str) -> str:
    """Return the page of one adapter. Raises NotFound for one the interface does not know."""
    if kind not in ADAPTER_TYPES:
        raise NotFound("Unknown adapter type")
    keys = _KEYS.get(kind, _CLI) | _MORE.get(kind, {})
    lines = [f"# {kind}", "", _ABOUT[kind], "", "## adapterConfig", "", *_list(keys), "", "## Notes", ""]
    lines.append("- An agent never sets the program it runs, its folder, arguments or environment.")
    if kind in BUNDLE_ADAPTERS:
        lines.append("- Reads a folder of instructions: send `instructionsBundle` when the agent is made.")
    if kind in SKILL_ADAPTERS:
        lines.append("- Is given the product's skills, and those in `desiredSkills`.")
    return _page(lines)


def icons() -> str:
    """Return the names of the icons an agent may have."""
    return _page(["# Icons of agents", "", *(f"- {name}" for name in AGENT_ICONS)])


def _list(keys: dict[str, str]) -> list[str]:
    return [f"- {name}: {about}" for name, about in keys.items()]


def _page(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"
