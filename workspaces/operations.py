"""What is done on the host for a workspace, written down: before it is done, and how it went (W-4, W-12, W-112).

A journal belongs to one occasion, such as a run that gets its place. Operations are done one after the other, and
each is a row of its own, committed at once: they are what is left to read when the occasion itself fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.db.models import QuerySet

from paperclip.companies import instance
from paperclip.core import clock, redaction
from workspaces import commands, operation_logs
from workspaces.choices import OperationPhase, OperationStatus
from workspaces.commands import Finished
from workspaces.models import ExecutionWorkspace, WorkspaceOperation
from workspaces.operation_logs import OperationLog

EXCERPT_CHARS = 4096


@dataclass
class Journal:
    """The operations of one occasion, in order; `about` fills in what the rows belong to."""

    company_id: UUID
    run_id: UUID | None = None
    execution_workspace_id: UUID | None = None
    project_workspace_id: UUID | None = None
    rows: list[WorkspaceOperation] = field(default_factory=list)

    def perform(
        self,
        phase: OperationPhase,
        argv: Sequence[str],
        *,
        shown: str,
        cwd: Path,
        env: Mapping[str, str],
        timeout_seconds: float,
        metadata: Mapping[str, Any] | None = None,
    ) -> Finished:
        """Run a program as one operation and return how it ended. Raises OSError when it cannot be started.

        `shown` is the command as people know it.
        """
        row = self.begin(phase, command=shown, cwd=cwd, metadata=metadata)
        log = self._open_log(row)
        try:
            done = commands.run(argv, cwd=cwd, env=env, timeout_seconds=timeout_seconds, on_output=log.add)
        except BaseException as error:
            log.say(f"[paperclip] {error}")
            self._end(row, log, OperationStatus.FAILED, stderr_excerpt=_excerpt(str(error)))
            raise
        if done.timed_out:
            log.say(f"[paperclip] Ended after {timeout_seconds:g} s, its limit.")
        streams = {"stdout": done.stdout, "stderr": done.stderr}
        if any(stream.is_truncated for stream in streams.values()):
            sizes: dict[str, Any] = {}
            for name, stream in streams.items():
                sizes |= {f"{name}Truncated": stream.is_truncated, f"{name}Bytes": stream.size}
            row.metadata = {**(row.metadata or {}), **sizes}
        self._end(
            row,
            log,
            OperationStatus.SUCCEEDED if done.is_fine else OperationStatus.FAILED,
            exit_code=done.exit_code,
            stdout_excerpt=_excerpt(done.stdout.text),
            stderr_excerpt=_excerpt(done.stderr.text),
        )
        return done

    def note(
        self,
        phase: OperationPhase,
        status: OperationStatus,
        *,
        command: str | None = None,
        cwd: Path | None = None,
        metadata: Mapping[str, Any] | None = None,
        said: str = "",
    ) -> WorkspaceOperation:
        """Write down what needed no program, or was done by one that left nothing to read."""
        row = self.begin(phase, command=command, cwd=cwd, metadata=metadata)
        self._end(row, None, status, stderr_excerpt=_excerpt(said))
        return row

    def belongs_to(self, workspace: ExecutionWorkspace) -> None:
        """Say whose operations these were, now that there is a record; later ones are its own too."""
        self.execution_workspace_id = workspace.pk
        WorkspaceOperation.objects.filter(
            pk__in=[row.pk for row in self.rows], execution_workspace__isnull=True
        ).update(execution_workspace=workspace)

    def begin(
        self,
        phase: OperationPhase,
        *,
        command: str | None,
        cwd: Path | None,
        metadata: Mapping[str, Any] | None,
    ) -> WorkspaceOperation:
        """Write down that something is being done; `finish` says how it went."""
        now = clock.now()
        row = WorkspaceOperation.objects.create(
            id=uuid4(),
            company_id=self.company_id,
            execution_workspace_id=self.execution_workspace_id,
            project_workspace_id=self.project_workspace_id,
            heartbeat_run_id=self.run_id,
            phase=phase,
            command=command,
            cwd=str(cwd) if cwd is not None else None,
            metadata=dict(metadata) if metadata else None,
            started_at=now,
            created_at=now,
            updated_at=now,
        )
        self.rows.append(row)
        return row

    def finish(
        self, row: WorkspaceOperation, status: OperationStatus, *, said: str = "", printed: str = ""
    ) -> None:
        """Write down how it went: `said` is why it failed, `printed` what there was to read meanwhile."""
        log = self._open_log(row) if said or printed else None
        if log is not None:
            log.add("stdout", printed.encode())
            log.add("stderr", said.encode())
        self._end(row, log, status, stdout_excerpt=_excerpt(printed), stderr_excerpt=_excerpt(said))

    def _open_log(self, row: WorkspaceOperation) -> OperationLog:
        row.log_store, row.log_ref = operation_logs.STORE, operation_logs.ref_of(self.company_id, row.pk)
        WorkspaceOperation.objects.filter(pk=row.pk).update(log_store=row.log_store, log_ref=row.log_ref)
        return OperationLog(row.log_ref, mask())

    def _end(
        self,
        row: WorkspaceOperation,
        log: OperationLog | None,
        status: OperationStatus,
        **columns: Any,
    ) -> None:
        now = clock.now()
        if log is not None:
            columns |= {"log_sha256": log.close(), "log_bytes": log.size}
        columns |= {"status": status, "finished_at": now, "updated_at": now, "metadata": row.metadata}
        WorkspaceOperation.objects.filter(pk=row.pk, status=OperationStatus.RUNNING).update(**columns)
        for column, value in columns.items():
            setattr(row, column, value)


def mask() -> Callable[[str], str]:
    """Return what takes secrets, and names nobody wants to read, out of a text (W-112)."""
    censors = instance.general().censor_username_in_logs

    def masked(text: str) -> str:
        text = redaction.text(text)
        return instance.censored(text) if censors else text

    return masked


def of_workspace(workspace: ExecutionWorkspace) -> QuerySet[WorkspaceOperation]:
    """Return the operations of a workspace, newest first (W-115)."""
    return WorkspaceOperation.objects.filter(execution_workspace=workspace).order_by("-started_at", "-id")


def of_run(run_id: UUID, workspace_id: UUID | None) -> QuerySet[WorkspaceOperation]:
    """Return the operations of a run, and those its workspace saw outside of any run, oldest first (W-115)."""
    rows = WorkspaceOperation.objects.filter(heartbeat_run=run_id)
    if workspace_id is not None:
        rows = rows | WorkspaceOperation.objects.filter(
            execution_workspace=workspace_id, heartbeat_run__isnull=True
        )
    return rows.order_by("started_at", "id")


def _excerpt(text: str) -> str:
    return mask()(text)[-EXCERPT_CHARS:]
