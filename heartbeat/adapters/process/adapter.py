"""`process`: any program, started without a shell (A-13 to A-15)."""

from __future__ import annotations

from heartbeat.adapters.base import (
    Assignment,
    ConfigError,
    Ended,
    Program,
    Result,
    last_telling_line,
    number,
    strings,
)

GRACE_SECONDS = 15


class ProcessAdapter:
    """Starts `command` with `args`; the exit code is the outcome."""

    type = "process"

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
        how = f"was killed by {ended.signal}" if ended.signal else f"exited with code {ended.exit_code}"
        said = last_telling_line(ended.stderr, ended.stdout)
        return Result(error_message=f"Process {how}" + (f": {said}" if said else ""), result_json=output)


ADAPTER = ProcessAdapter()
