"""`claude_local`: Claude Code, installed on this host (A-50 to A-60)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from heartbeat.adapters import bundles, prompts, saved
from heartbeat.adapters.base import (
    Assignment,
    Check,
    ConfigError,
    Ended,
    Folder,
    Instructions,
    Materials,
    Program,
    Result,
    number,
    strings,
    text,
)
from heartbeat.adapters.claude_local import looks, verdict
from heartbeat.adapters.claude_local.command import COMMAND, flags, is_bedrock, surroundings
from heartbeat.adapters.settings import COMBOBOX, LIST, NUMBER, OF_PROGRAMS, TEXTAREA, TOGGLE, Setting

GRACE_SECONDS = 20
# A call that nobody answers must end some time; work that takes longer says so (AW-10).
TIMEOUT_SECONDS = 4 * 3600
INSTRUCTIONS_FILE = "agent-instructions.md"
MODELS = ("claude-opus-4-7", "claude-opus-4-6", "claude-sonnet-4-6", "claude-haiku-4-5")
EFFORTS = ("low", "medium", "high", "xhigh", "max")


class ClaudeAdapter:
    """Starts one call of Claude Code per run, with the prompt on its standard input."""

    type = "claude_local"
    model_profiles: Mapping[str, Mapping[str, Any]] = {
        "cheap": {"model": "claude-sonnet-4-6", "effort": "low"}
    }
    settings = (
        Setting("model", "Model", COMBOBOX, hint="Left empty, the program's own default", options=MODELS),
        Setting("effort", "Effort", COMBOBOX, hint="How hard the model thinks", options=EFFORTS),
        Setting("command", "Command", hint="The program; found on PATH unless it is a path", default=COMMAND),
        Setting("instructionsFilePath", "Instructions", hint="The file the agent works by"),
        Setting("promptTemplate", "Prompt", TEXTAREA, hint="In place of the product's own", group="Prompt"),
        Setting(
            "bootstrapPromptTemplate", "First prompt", TEXTAREA, hint="Before it, in a new session", group="Prompt"
        ),
        Setting(
            "maxTurnsPerRun", "Turns per run", NUMBER, hint="0 is no limit", default=0, least=0, most=100_000,
            group="Limits",
        ),
        Setting(
            "dangerouslySkipPermissions", "Skip permission questions", TOGGLE, default=True,
            hint="Nobody is there to answer them: without this, tools that ask are refused",
        ),
        Setting("chrome", "Browser", TOGGLE, hint="Let the program drive Chrome", default=False),
        Setting("extraArgs", "Further arguments", LIST, hint="One per line"),
        *OF_PROGRAMS,
    )  # fmt: skip

    def spec(self, assignment: Assignment) -> Program:
        """Return the call. Raises ConfigError when there is no place for its instructions and skills."""
        config = assignment.config
        folder = _folder(assignment)
        bundle = folder.path.name
        environment = surroundings(assignment.environment)
        session, notes = saved.read(assignment.session_params), _notes(assignment.materials)
        refusal = saved.refusal(session, assignment, bundle=bundle) if session is not None else None
        resumed = session if refusal is None else None
        prompt = prompts.build(assignment, resumes=resumed is not None)
        given = flags(config, environment, is_root=assignment.is_root)
        call = [text(config, "command") or COMMAND, *given.before]
        if resumed is not None:
            call += ["--resume", resumed.id]
        call += given.flags
        has_instructions = INSTRUCTIONS_FILE in folder.files
        if has_instructions and resumed is None:
            call += ["--append-system-prompt-file", str(folder.path / INSTRUCTIONS_FILE)]
            notes.append(f"Instructions are passed by --append-system-prompt-file, with bundle {bundle}")
        call += ["--add-dir", str(folder.path), *(strings(config, "extraArgs") or strings(config, "args"))]
        return Program(
            argv=call,
            environment=environment,
            cwd=assignment.cwd,
            stdin=prompt.text,
            timeout_seconds=max(number(config, "timeoutSec", TIMEOUT_SECONDS), 0),
            grace_seconds=max(number(config, "graceSec", GRACE_SECONDS), 1),
            notes=[note for note in (refusal, *given.notes, *notes) if note],
            memo={
                "session": saved.facts_of(assignment, bundle=bundle),
                "resumed": resumed.id if resumed is not None else None,
                "costBefore": resumed.cost_usd if resumed is not None else 0,
                "isBedrock": is_bedrock(environment),
                "hasApiKey": bool(environment.get("ANTHROPIC_API_KEY")),
            },
            folder=folder,
            prompt_metrics=prompt.metrics,
            starts_fresh=session is not None and resumed is None,
        )

    def parse(self, ended: Ended) -> Result:
        """Return what the call came to."""
        return verdict.of(ended)

    def look(self, config: Mapping[str, Any], *, may_start: bool) -> Iterator[Check]:
        """Yield whether the program is there and answers; it is asked to say hello (A-75, A-76)."""
        return looks.look(config, may_start=may_start)


def _folder(assignment: Assignment) -> Folder:
    """Return the folder of instructions and skills the call is given, named by what is in it (A-56)."""
    if assignment.bundles is None:
        raise ConfigError("There is no place for the agent's instructions and skills", code="adapter_failed")
    files: dict[str, str] = {}
    for skill in assignment.materials.skills:
        files |= {f".claude/skills/{skill.name}/{path}": content for path, content in skill.files.items()}
    instructions = assignment.materials.instructions
    if instructions is not None and instructions.text is not None:
        files[INSTRUCTIONS_FILE] = _instructions(instructions, instructions.text)
    return Folder(assignment.bundles / "claude-prompt-cache" / bundles.key_of(files), files)


def _instructions(instructions: Instructions, said: str) -> str:
    folder = instructions.path.parent
    return (
        f"{said.rstrip()}\n\nThese instructions are the file {instructions.path}. Paths in them are relative to"
        f" {folder}, and files beside it there (such as HEARTBEAT.md, SOUL.md or TOOLS.md) count before any of the"
        " same name elsewhere.\n"
    )


def _notes(materials: Materials) -> list[str]:
    instructions = materials.instructions
    if instructions is None or instructions.fault is None:
        return []
    return [
        f"Warning: the instructions {instructions.path} cannot be read ({instructions.fault}); going on without"
    ]


ADAPTER = ClaudeAdapter()
