"""`process`: any program, started without a shell (A-13 to A-15)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from heartbeat.adapters import host
from heartbeat.adapters.base import (
    Assignment,
    Check,
    ConfigError,
    Ended,
    Program,
    Result,
    last_telling_line,
    number,
    strings,
    text,
)
from heartbeat.adapters.settings import LIST, OF_PROGRAMS, Setting

GRACE_SECONDS = 15


class ProcessAdapter:
    """Starts `command` with `args`; the exit code is the outcome."""

    type = "process"
    model_profiles: Mapping[str, Mapping[str, Any]] = {}  # which model a program calls is its own affair
    settings = (
        Setting("command", "Command", hint="The program to start, without a shell", is_required=True),
        Setting("args", "Arguments", LIST, hint="One per line"),
        *OF_PROGRAMS,
    )

    def spec(self, assignment: Assignment) -> Program:
        """Return the program. Raises ConfigError when no command is configured."""
        command = assignment.config.get("command")
        if not isinstance(command, str) or not command.strip():
            raise ConfigError("The agent's adapterConfig has no `command`: name the program to start")
        return Program(
            argv=[command, *strings(assignment.config, "args")],
            environment=assignment.environment,
            cwd=assignment.cwd,
            timeout_seconds=max(number(assignment.config, "timeoutSec", 0), 0),
            grace_seconds=max(number(assignment.config, "graceSec", GRACE_SECONDS), 1),
        )

    def parse(self, ended: Ended) -> Result:
        """Return success for exit code 0 only: death by a signal is never success (beats HW-5)."""
        output = {"stdout": ended.stdout, "stderr": ended.stderr}
        if ended.timed_out:
            return Result(error_message=f"Timed out after {ended.timeout_seconds:g}s", result_json=output)
        if ended.exit_code == 0:
            return Result(result_json=output)
        said = last_telling_line(ended.stderr, ended.stdout)
        return Result(
            error_message=f"Process {ended.how}" + (f": {said}" if said else ""), result_json=output
        )

    def look(self, config: Mapping[str, Any], *, may_start: bool) -> Iterator[Check]:
        """Yield whether folder and program are there. Nothing is started."""
        command = text(config, "command")
        if command is None:
            hint = "Set adapterConfig.command"
            yield Check("process_command_missing", "error", "No command is configured", hint=hint)
        else:
            yield Check("process_command_present", "info", "A command is configured", detail=command)
        yield from host.folder_checks(self.type, config)
        if command is not None:
            yield from host.program_checks(self.type, config, command)


ADAPTER = ProcessAdapter()
