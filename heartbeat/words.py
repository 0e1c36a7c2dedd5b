"""What a run did, why it was called and what follows it, in plain words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count
from django.db.models.fields.json import KeyTextTransform

from heartbeat.choices import (
    MAX_DIAGNOSTIC_RETRIES,
    MAX_SCHEDULED_RETRIES,
    RUN_LIVE,
    Mechanism,
    RunStatus,
)
from heartbeat.models import Run
from paperclip.companies.models import Activity
from paperclip.core import clock
from paperclip.core.templatetags.board import distance

# What a run's entries in the activity log amount to: one, many. In the order in which they are told.
_DEEDS: dict[str, tuple[str, str]] = {
    "done": ("issue done", "{} issues done"),
    "in_review": ("sent to review", "{} sent to review"),
    "blocked": ("issue blocked", "{} issues blocked"),
    "cancelled": ("issue cancelled", "{} issues cancelled"),
    "issue.created": ("1 issue created", "{} issues created"),
    "issue.document_created": ("1 document", "{} documents"),
    "issue.document_updated": ("1 document revised", "{} documents revised"),
    "issue.comment_added": ("1 comment", "{} comments"),
    "agent.created": ("1 agent hired", "{} agents hired"),
    "approval.created": ("1 approval asked for", "{} approvals asked for"),
    "issue.released": ("released", "{} released"),
    "issue.updated": ("issue updated", "{} updates"),
}
_ALSO_CALLED = {"issue.child_created": "issue.created"}
_TOLD_AT_MOST = 3

_WAKE_REASONS: dict[str, str] = {
    "issue_assigned": "The issue was assigned",
    "issue_commented": "Somebody commented",
    "issue_comment_mentioned": "Mentioned in a comment",
    "issue_reopened_via_comment": "A comment reopened the issue",
    "issue_status_changed": "The issue's status changed",
    "issue_checked_out": "The issue was checked out",
    "issue_blockers_resolved": "Every blocker is done",
    "issue_children_completed": "Every child is done",
    "issue_tree_restored": "The board brought this part of the work back",
    "issue_tree_resumed": "The board's pause is over",
    "loop_cleared": "The board let it go on",
    "issue_monitor_due": "Its planned look was due",
    "issue_monitor_recovery": "Its planned looks came to an end",
    "issue_monitor_recovery_issue": "Its planned looks came to an end",
    "execution_review_requested": "A review is asked for",
    "execution_approval_requested": "An approval is asked for",
    "execution_changes_requested": "Changes are asked for",
    "issue_execution_promoted": "Its turn came after another run",
    "issue_continuation_needed": "The work was not finished",
    "issue_assignment_recovery": "The issue was not taken up",
    "process_lost_retry": "The program before it was lost",
    "session_lost_retry": "The program did not know the session before it",
    "diagnostic_retry": "The run before it failed",
    "transient_failure_retry": "The run before it met trouble upstream",
    "max_turns_continuation_retry": "The run before it ran out of turns",
    "missing_issue_comment": "The run before it left no comment",
    "run_liveness_continuation": "The run before it moved nothing",
    "finish_successful_run_handoff": "The run before it left no next step",
    "heartbeat_timer": "Its timer was due",
    "approval_approved": "An approval was given",
    "manual": "Woken by hand",
}
_SOURCES: dict[str, str] = {
    "timer": "Its timer was due",
    "assignment": "Work was assigned",
    "on_demand": "Woken by hand",
    "automation": "Called by the system",
}


@dataclass(frozen=True)
class Told:
    """A run named by what it did: who on what, and what came of it."""

    what: str
    reason: str


def tell(runs: Iterable[Run]) -> dict[UUID, Told]:
    """Return what each run did, in one query. `agent`, `issue` and `wakeup_request` are read."""
    rows = list(runs)
    deeds = _deeds([run.pk for run in rows])
    return {run.pk: Told(_outcome(run, deeds.get(run.pk, "")), why(run)) for run in rows}


def why(run: Run) -> str:
    """Return why the run was called."""
    request = run.wakeup_request
    reason = request.reason if request is not None else None
    if reason in _WAKE_REASONS:
        return _WAKE_REASONS[str(reason)]
    if reason:
        return reason.replace("_", " ").capitalize()
    return _SOURCES.get(run.invocation_source, run.invocation_source)


def followup(run: Run, now: datetime | None = None) -> str:
    """Return the one decision about what comes after the run, empty while there is none to make."""
    if run.status in RUN_LIVE or run.followup_mechanism is None:
        return ""
    reason = run.followup_reason or ""
    if run.followup_mechanism == Mechanism.NONE:
        return f"Nothing follows: {_lower(reason)}" if run.status != RunStatus.SUCCEEDED else ""
    name = {
        Mechanism.PROCESS_LOSS_RETRY: "Retried",
        Mechanism.DIAGNOSTIC_RETRY: f"Retry {run.followup_attempt or 1} of {MAX_DIAGNOSTIC_RETRIES}",
        Mechanism.FRESH_SESSION: "Begun afresh",
        Mechanism.MAX_TURNS_CONTINUATION: "Continued",
        Mechanism.LIVENESS_CONTINUATION: "Continued",
        Mechanism.COMMENT_RETRY: "Asked for a comment",
        Mechanism.HANDOFF: "Asked how the work stands",
        Mechanism.ESCALATION: "Handed to somebody",
        Mechanism.SCHEDULED_RETRY: f"Retry {run.followup_attempt or 1} of {MAX_SCHEDULED_RETRIES}",
        Mechanism.RECOVERY: "Handed to recovery",
        Mechanism.DEFERRED_WAKE: "The next call was let through",
    }[Mechanism(run.followup_mechanism)]
    is_ahead = run.followup_due_at is not None and run.followup_due_at > (now or clock.now())
    due = f" {distance(run.followup_due_at, now)}" if is_ahead and run.followup_due_at else ""
    return f"{name}{due}: {_lower(reason)}"


def attempt(run: Run) -> str:
    """Return which try a waiting run is: of what the interface names in `scheduledRetryReason`."""
    match run.scheduled_retry_reason:
        case "diagnostic_retry":
            return f"retry {run.diagnostic_retry_count} of {MAX_DIAGNOSTIC_RETRIES}"
        case "max_turns_continuation":
            return f"continuation {run.scheduled_retry_attempt}"
    return f"retry {run.scheduled_retry_attempt} of {MAX_SCHEDULED_RETRIES}"


def failure(run: Run, limit: int = 160) -> str:
    """Return the first line of what went wrong."""
    text = (run.error or run.error_code or "").strip()
    line = text.splitlines()[0] if text else ""
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _outcome(run: Run, deeds: str) -> str:
    match run.status:
        case RunStatus.QUEUED:
            return "waits for a runner"
        case RunStatus.SCHEDULED_RETRY:
            due = distance(run.scheduled_retry_at) if run.scheduled_retry_at else ""
            return f"{attempt(run)} {due}".strip()
        case RunStatus.RUNNING:
            return deeds or "at work"
        case RunStatus.SUCCEEDED:
            return deeds or "left no trace"
        case RunStatus.CANCELLED:
            return _joined("cancelled", deeds or run.cancel_reason or failure(run))
        case RunStatus.TIMED_OUT:
            return _joined("timed out", deeds)
    return _joined("failed", failure(run) or deeds)


def _deeds(run_ids: Sequence[UUID]) -> dict[UUID, str]:
    if not run_ids:
        return {}
    rows = Activity.objects.filter(run_id__in=run_ids, action__in=[*_DEEDS, *_ALSO_CALLED]).order_by()
    rows = rows.annotate(status=KeyTextTransform("status", "details"))
    counted: dict[UUID, Counter[str]] = defaultdict(Counter)
    for run_id, action, status, number in rows.values_list("run_id", "action", "status").annotate(
        Count("id")
    ):
        if run_id is not None:
            counted[run_id][_deed(action, status)] += number
    return {run_id: ", ".join(_told(deeds)[:_TOLD_AT_MOST]) for run_id, deeds in counted.items()}


def _deed(action: str, status: str | None) -> str:
    """An update that moved an issue is told by where it moved it."""
    if action == "issue.updated" and status in _DEEDS:
        return str(status)
    return _ALSO_CALLED.get(action, action)


def _told(deeds: Counter[str]) -> list[str]:
    """Say the deeds in order; plain updates are told only when there is nothing else to tell."""
    told = [
        one if deeds[deed] == 1 else many.format(deeds[deed])
        for deed, (one, many) in _DEEDS.items()
        if deeds[deed]
    ]
    return told[:-1] if len(told) > 1 and deeds["issue.updated"] else told


def _joined(first: str, second: str) -> str:
    return f"{first}: {second}" if second else first


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text
