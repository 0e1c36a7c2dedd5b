"""Which of a workspace's commands and services a request means (W-106, W-107)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from paperclip.core.errors import NotFound, Unprocessable
from workspaces import definitions
from workspaces.definitions import JOB, Definition
from workspaces.models import RuntimeService


@dataclass(frozen=True)
class Selection:
    """What of a workspace is meant; nothing set is everything."""

    workspace_command_id: str | None = None
    runtime_service_id: UUID | None = None
    service_index: int | None = None


@dataclass(frozen=True)
class Chosen:
    """A selection that was found: the command, the index of the service, and its row."""

    definition: Definition | None
    index: int | None
    row: RuntimeService | None

    @property
    def is_everything(self) -> bool:
        """Whether nothing was selected."""
        return self.index is None and self.row is None and self.definition is None


def choose(
    selection: Selection, action: str, *, declared: Sequence[Definition], known: Sequence[RuntimeService]
) -> Chosen:
    """Return what a selection means among the declared commands and the recorded services.

    Raises NotFound or Unprocessable for what is not there, or does not go with the action, in the order of W-106.
    """
    definition = row = None
    index = selection.service_index
    if selection.workspace_command_id is not None:
        definition = next((each for each in declared if each.id == selection.workspace_command_id), None)
        if definition is None:
            raise NotFound("Workspace command not found")
    if selection.runtime_service_id is not None:
        row = next((each for each in known if each.pk == selection.runtime_service_id), None)
        if row is None:
            raise NotFound("Runtime service not found")
    serving = definitions.services(declared)
    if index is not None and index >= len(serving):
        raise Unprocessable(f"serviceIndex must be below {len(serving)}")
    _require_fitting(action, definition, serving)
    if definition is not None:
        index = definition.service_index
    elif index is None and row is not None:
        index = index_of(row, serving)
    if row is None and index is not None:
        row = _row_of(serving[index], known)
    if index is not None and definition is None:
        definition = serving[index]
    return Chosen(definition, index, row)


def _require_fitting(action: str, definition: Definition | None, serving: Sequence[Definition]) -> None:
    is_job = definition is not None and definition.kind == JOB
    if is_job and action != "run":
        raise Unprocessable("A job can only be run")
    if action == "run" and definition is None:
        raise Unprocessable("run requires workspaceCommandId")
    if action == "run" and not is_job:
        raise Unprocessable("A service is started, stopped or restarted")
    if action in ("start", "restart") and not serving:
        raise Unprocessable("The workspace declares no services")


def _row_of(definition: Definition, known: Sequence[RuntimeService]) -> RuntimeService | None:
    best = max(known, key=lambda row: definitions.match(definition, row), default=None)
    return best if best is not None and definitions.match(definition, best) > 0 else None


def index_of(row: RuntimeService, serving: Sequence[Definition]) -> int | None:
    """Return the number of the service that a recorded one is, None when none fits (W-71)."""
    best = max(serving, key=lambda each: definitions.match(each, row), default=None)
    return best.service_index if best is not None and definitions.match(best, row) > 0 else None
