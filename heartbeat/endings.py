"""A run that has just ended, and what the decision about it may look at.

Everything is read from the run as it stands now and, when asked for, from the database under the caller's locks, so
the same question can be asked again later of a stored run.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from heartbeat import context as contexts
from heartbeat.choices import RUN_LIVE, RUN_UNSUCCESSFUL, RunStatus
from heartbeat.context import WakeContext
from heartbeat.gates import Facts
from heartbeat.models import Run
from issues import blockers
from issues.choices import CLOSED
from issues.models import Issue

PROCESS_LOST = "process_lost"


@dataclass(frozen=True)
class Ending:
    """A terminal run with its agent and, locked by the caller, its issue."""

    run: Run
    issue: Issue | None
    now: datetime

    @property
    def succeeded(self) -> bool:
        """Whether the run came to a good end."""
        return self.run.status == RunStatus.SUCCEEDED

    @property
    def failed(self) -> bool:
        """Whether the run ended badly, by itself: neither well nor cancelled."""
        return self.run.status in RUN_UNSUCCESSFUL and self.run.status != RunStatus.CANCELLED

    @property
    def cancelled_by_person(self) -> bool:
        """Whether somebody stopped the run; such a run is never tried again (beats HW-2)."""
        return self.run.cancel_requested_at is not None or self.run.status == RunStatus.CANCELLED

    @property
    def was_lost(self) -> bool:
        """Whether the control plane lost the program."""
        return self.run.error_code == PROCESS_LOST

    @cached_property
    def context(self) -> WakeContext:
        """What the run was called for."""
        return contexts.read(self.run.context_snapshot)

    @cached_property
    def result(self) -> dict[str, Any]:
        """The adapter's result with the facts of the stop (H-96)."""
        return self.run.result_json or {}

    @property
    def holds_lock(self) -> bool:
        """Whether the issue is still locked by this run."""
        return self.issue is not None and self.issue.execution_run_id == self.run.pk

    @property
    def is_mine(self) -> bool:
        """Whether the issue is assigned to the run's agent."""
        return self.issue is not None and self.issue.assignee_agent_id == self.run.agent_id

    @property
    def moot(self) -> str | None:
        """Why trying the work again is pointless by now, None while it is not."""
        issue, context = self.issue, self.context
        if issue is None:
            return "The issue is gone" if context.issue_id is not None else None
        if not self.is_mine and not context.is_interaction:
            return "The issue is no longer assigned to this agent"
        if issue.status in CLOSED and not context.comment_ids:
            return f"The issue is {issue.get_status_display().lower()}"
        return None

    @cached_property
    def has_other_live_run(self) -> bool:
        """Whether another run of the issue is live."""
        if self.run.issue_id is None:
            return False
        live = Run.objects.filter(issue_id=self.run.issue_id, status__in=RUN_LIVE)
        return live.exclude(pk=self.run.pk).exists()

    @cached_property
    def facts(self) -> Facts:
        """What the gates look at, should the run be tried again."""
        issue = self.issue
        return Facts(
            agent=self.run.agent,
            company=self.run.agent.company,
            context=self.context,
            source=self.run.invocation_source,
            issue=issue,
            project=issue.project if issue is not None else None,
            unresolved_blockers=blockers.readiness(issue.pk).unresolved_blocker_issue_ids
            if issue is not None
            else (),
        )
