"""A run that has just ended, and what the decision about it may look at.

Everything is read from the run as it stands now and, when asked for, from the database under the caller's locks, so
the same question can be asked again later of a stored run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from heartbeat import actionability, evidence, gates, preparation
from heartbeat import context as contexts
from heartbeat.choices import RUN_LIVE, RUN_UNSUCCESSFUL, InvocationSource, RunStatus
from heartbeat.context import WakeContext
from heartbeat.evidence import Evidence
from heartbeat.gates import Facts, Refused
from heartbeat.models import Run
from issues.choices import CLOSED
from issues.models import Issue
from paperclip.core import redaction

PROCESS_LOST = "process_lost"
# Where an adapter's result keeps what the agent said last.
LAST_WORDS = ("summary", "result", "message")


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

    @cached_property
    def evidence(self) -> Evidence:
        """What the run left behind."""
        return evidence.of(self.run)

    @cached_property
    def mask(self) -> Callable[[str], str]:
        """Takes what the agent was configured with, and whatever looks like a secret, out of a text."""
        configured = redaction.Masker(preparation.configured_values(self.run.agent, self.issue))
        return lambda text: redaction.text(configured(text))

    @cached_property
    def last_word(self) -> str | None:
        """What the adapter's result hands on as the agent's last word, without secrets."""
        texts = (self.result.get(key) for key in LAST_WORDS)
        return next(
            (self.mask(text).strip() for text in texts if isinstance(text, str) and text.strip()), None
        )

    @cached_property
    def said(self) -> tuple[str, ...]:
        """What the agent said in this run, without secrets: its newest comments, its result, else its output."""
        texts = [*self.evidence.words, *(self.result.get(key) for key in (*LAST_WORDS, "error"))]
        told = [text for text in texts if isinstance(text, str) and text.strip()]
        output = self.result.get("stdout")
        if not told and isinstance(output, str) and (spoken := actionability.spoken(output)):
            told = [spoken]
        return tuple(actionability.excerpt(self.mask(text)) for text in told)

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
        return gates.look(
            agent=self.run.agent,
            context=self.context,
            source=self.run.invocation_source,
            now=self.now,
            issue=self.issue,
            run=self.run,
        )

    def refusal_of(self, wake_reason: str, *, is_fresh: bool = True) -> Refused | None:
        """Return why the product may not call the agent again for `wake_reason`, None when it may.

        A fresh call knows the issue only; any other is called for what the run was called for.
        """
        called_for = self.context
        if is_fresh:
            called_for = WakeContext(
                issue_id=called_for.issue_id, task_id=called_for.issue_id, task_key=called_for.task_key
            )
        return gates.at_enqueue(
            gates.look(
                agent=self.run.agent,
                context=replace(called_for, wake_reason=wake_reason),
                source=InvocationSource.AUTOMATION,
                now=self.now,
                issue=self.issue,
            )
        )
