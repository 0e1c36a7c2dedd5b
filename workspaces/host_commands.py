"""The commands that people configured for their workspaces: provision, teardown, cleanup (W-54 to W-57, W-65).

Each is one operation with a log. They are the board's to set, see `guards`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from workspaces import commands
from workspaces.choices import OperationPhase
from workspaces.commands import Finished
from workspaces.operations import Journal
from workspaces.refusals import PlaceError

TIMEOUT_SECONDS = 1800.0

_SCRIPT = re.compile(
    r"(?P<shell>(?:bash|sh|zsh)\s+)?(?P<script>\./[A-Za-z0-9._/@+-]+)(?P<rest>\s.*|)", re.DOTALL
)


def provision(
    command: str, *, cwd: Path, repo_root: Path | None, variables: Mapping[str, str], journal: Journal
) -> None:
    """Make a place ready for work (W-54). Raises PlaceError with the end of the command's output."""
    done = run(
        OperationPhase.WORKSPACE_PROVISION,
        command,
        cwd=cwd,
        repo_root=repo_root,
        variables=variables,
        journal=journal,
    )
    if not done.is_fine:
        raise PlaceError(f"The workspace could not be provisioned: {why(done)}")


def run(
    phase: OperationPhase,
    command: str,
    *,
    cwd: Path,
    repo_root: Path | None,
    variables: Mapping[str, str],
    journal: Journal,
) -> Finished:
    """Run a command of the board in `cwd` as one operation and return how it ended. Raises PlaceError."""
    resolved = resolve(command, repo_root) if repo_root is not None else command
    try:
        return journal.perform(
            phase,
            [commands.shell(), "-c", resolved],
            shown=command,
            cwd=cwd,
            env=commands.environment(variables),
            timeout_seconds=TIMEOUT_SECONDS,
            metadata={"resolvedCommand": resolved} if resolved != command else None,
        )
    except OSError as error:
        raise PlaceError(f"A command cannot be run in {cwd}: {error.strerror}") from error


def resolve(command: str, repo_root: Path) -> str:
    """Return the command with its script taken from the main repository, so that old worktrees get the current one.

    Only `[bash|sh|zsh] ./script args` is such a command, and only where the script is there (W-55).
    """
    found = _SCRIPT.fullmatch(command.strip())
    if found is None:
        return command
    script = (repo_root / found["script"]).resolve()
    if not script.is_file() or not script.is_relative_to(repo_root.resolve()):
        return command
    return f"{found['shell'] or ''}{shlex.quote(str(script))}{found['rest']}"


def why(done: Finished) -> str:
    """Return in a sentence why a command did not go well, with the last of what it said."""
    how = (
        f"it did not end within {TIMEOUT_SECONDS:g} s"
        if done.timed_out
        else f"it ended with exit code {done.exit_code}"
        if done.exit_code is not None
        else "it was killed"
    )
    said = (done.stderr.text.strip() or done.stdout.text.strip())[-1000:]
    return f"{how}: {said}" if said else how
