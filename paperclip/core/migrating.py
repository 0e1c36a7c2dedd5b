"""Makes an empty database ready in a third of the time.

Django puts its picture of all models together anew for each field, index and constraint that a migration adds, which
takes longer than the database needs for it. Additions that follow each other are made here with one picture. What is
written in migrations stays Django's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import Migration
from django.db.migrations.operations import AddConstraint, AddField, AddIndex
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

_ADDITIONS = (AddField, AddIndex, AddConstraint)


class Together(Operation):
    """Additions to tables that are there, made one after the other."""

    reversible = False

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.operations = list(operations)

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Note the additions; the picture is made when somebody looks at it."""
        state.__dict__.pop("apps", None)
        for operation in self.operations:
            operation.state_forwards(app_label, state)

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Make the additions in their order."""
        for operation in self.operations:
            operation.database_forwards(app_label, schema_editor, from_state, to_state)

    def describe(self) -> str:
        """Say what is added."""
        return "; ".join(operation.describe() for operation in self.operations)


def bundled(operations: Sequence[Operation]) -> list[Operation]:
    """Return the operations with additions that follow each other put together."""
    found: list[Operation] = []
    for operation in operations:
        # Exactly these: what builds on them, such as an index that is added concurrently, has its own ways.
        if type(operation) not in _ADDITIONS:
            found.append(operation)
        elif found and isinstance(found[-1], Together):
            found[-1].operations.append(operation)
        else:
            found.append(Together([operation]))
    return found


def bundle_plan(plan: Sequence[tuple[Migration, bool]], **_: Any) -> None:
    """Before a migration run: bundle what is going to be carried out forwards."""
    for migration, is_backwards in plan:
        if not is_backwards:
            vars(migration)["operations"] = bundled(migration.operations)
