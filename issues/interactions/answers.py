"""What a person says to something that was put to them, and what follows (I-118 to I-123, I-125).

Only the board answers. Each verb locks the issue, closes the interaction by a conditional update, logs, and calls the
issue's agent where that was asked for, in one transaction: of several who answer at once, one does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from issues import changes, checkout, confirmations, locks, statuses, trail, wakes
from issues.choices import CLOSED, Continuation, InteractionKind, InteractionStatus, IssueStatus
from issues.interactions import payloads, suggestions
from issues.models import Interaction, Issue
from issues.policy import states
from paperclip.companies import auth
from paperclip.companies.actors import Actor
from paperclip.companies.choices import AGENT_UNASSIGNABLE
from paperclip.companies.models import Agent
from paperclip.core.errors import Conflict, NotFound, Unprocessable


def accept(
    *,
    issue_id: UUID,
    interaction_id: UUID,
    actor: Actor,
    now: datetime,
    selected_client_keys: Sequence[str] | None = None,
) -> Interaction:
    """Say yes: make the suggested tasks, or those selected, or confirm; return the interaction (I-119, I-120).

    A confirmation of something that has changed since is expired instead. Raises Forbidden, NotFound, Conflict when
    it is resolved, Unprocessable for questions and for tasks that cannot be made.
    """
    with transaction.atomic():
        issue, row = _open(issue_id, interaction_id, actor, _DECIDED)
        if row.kind == InteractionKind.SUGGEST_TASKS:
            details = _make_tasks(issue, row, selected_client_keys, actor=actor, now=now)
            return _done(issue, row, "accept", details, actor=actor, now=now)
        if _expired(row, actor=actor, now=now):
            return row
        _close(row, InteractionStatus.ACCEPTED, {"outcome": "accepted"}, actor=actor, now=now)
        is_back = _hand_back(issue, row, actor=actor, now=now)
        return _done(issue, row, "accept", {}, actor=actor, now=now, is_back=is_back)


def reject(
    *, issue_id: UUID, interaction_id: UUID, actor: Actor, now: datetime, reason: str | None = None
) -> Interaction:
    """Say no to suggested tasks or a confirmation, with a reason where one is required (I-121).

    Raises what `accept` raises.
    """
    reason = (reason or "").strip() or None
    with transaction.atomic():
        issue, row = _open(issue_id, interaction_id, actor, _DECIDED)
        if row.kind == InteractionKind.REQUEST_CONFIRMATION and _expired(row, actor=actor, now=now):
            return row
        if row.payload.get("rejectRequiresReason") and reason is None:
            raise Unprocessable("A reason is required to reject this")
        is_suggestion = row.kind == InteractionKind.SUGGEST_TASKS
        result = {"rejectionReason": reason} if is_suggestion else {"outcome": "rejected", "reason": reason}
        _close(row, InteractionStatus.REJECTED, result, actor=actor, now=now)
        return _done(issue, row, "reject", {"rejectionReason": reason}, actor=actor, now=now)


def respond(
    *,
    issue_id: UUID,
    interaction_id: UUID,
    answers: Sequence[Mapping[str, Any]],
    actor: Actor,
    now: datetime,
    summary_markdown: str | None = None,
) -> Interaction:
    """Answer questions: `answers` are `{questionId, optionIds}` (I-122). Raises what `accept` raises."""
    with transaction.atomic():
        issue, row = _open(issue_id, interaction_id, actor, (InteractionKind.ASK_USER_QUESTIONS,))
        kept = payloads.settle(row.payload["questions"], answers)
        result = {"answers": kept, "summaryMarkdown": summary_markdown}
        _close(row, InteractionStatus.ANSWERED, result, actor=actor, now=now)
        return _done(issue, row, "respond", {"answeredQuestionCount": len(kept)}, actor=actor, now=now)


def cancel(
    *, issue_id: UUID, interaction_id: UUID, actor: Actor, now: datetime, reason: str | None = None
) -> Interaction:
    """Put questions away without an answer (I-123). Raises what `accept` raises."""
    reason = (reason or "").strip() or None
    with transaction.atomic():
        issue, row = _open(issue_id, interaction_id, actor, (InteractionKind.ASK_USER_QUESTIONS,))
        result = {"answers": [], "cancelled": True, "cancellationReason": reason, "summaryMarkdown": None}
        _close(row, InteractionStatus.CANCELLED, result, actor=actor, now=now)
        return _done(issue, row, "cancel", {"cancellationReason": reason}, actor=actor, now=now)


_DECIDED = (InteractionKind.SUGGEST_TASKS, InteractionKind.REQUEST_CONFIRMATION)
_LOGGED = {
    "accept": "issue.thread_interaction_accepted",
    "reject": "issue.thread_interaction_rejected",
    "respond": "issue.thread_interaction_answered",
    "cancel": "issue.thread_interaction_cancelled",
}


# --- Steps -----------------------------------------------------------------------------------------------


def _open(
    issue_id: UUID, interaction_id: UUID, actor: Actor, kinds: Sequence[str]
) -> tuple[Issue, Interaction]:
    """Lock the issue of a pending interaction of one of `kinds` and return both (I-118)."""
    auth.require_board(actor)
    found = Interaction.objects.filter(pk=interaction_id, issue_id=issue_id)
    known = found.values_list("kind", "company_id").first()
    if known is not None and known[0] == InteractionKind.SUGGEST_TASKS:
        # Tasks to be made draw numbers, and the company comes before its issues.
        locks.company(known[1])
    issue = locks.issue(issue_id)
    row = found.select_related("issue").first()
    if row is None:
        raise NotFound("Interaction not found")
    row.issue = issue
    if row.status != InteractionStatus.PENDING:
        raise _resolved(row)
    if row.kind not in kinds:
        raise Unprocessable(f"Not possible for an interaction of kind {row.kind}")
    return issue, row


def _resolved(row: Interaction) -> Conflict:
    return Conflict("Interaction has already been resolved", details={"status": row.status})


def _expired(row: Interaction, *, actor: Actor, now: datetime) -> bool:
    """Expire a confirmation whose document has a newer revision, or is gone (I-120)."""
    if not confirmations.has_document(row):
        return False
    now_is = confirmations.target_now(row)
    if not confirmations.expire_if_stale(row, now_is, source="resolve", actor=actor, now=now):
        return False
    trail.touch(row.issue, now=now, changed=True)
    return True


def _close(row: Interaction, status: str, result: Mapping[str, Any], *, actor: Actor, now: datetime) -> None:
    if not confirmations.close(row, status, result, actor=actor, now=now):
        row.refresh_from_db()
        raise _resolved(row)


def _make_tasks(
    issue: Issue, row: Interaction, selected: Sequence[str] | None, *, actor: Actor, now: datetime
) -> dict[str, Any]:
    choice = payloads.choose(row.payload["tasks"], selected)
    created = suggestions.create(issue, row.payload, choice, actor=actor, now=now)
    result: dict[str, Any] = {"createdTasks": created}
    if choice.skipped:
        result["skippedClientKeys"] = list(choice.skipped)
    _close(row, InteractionStatus.ACCEPTED, result, actor=actor, now=now)
    return {"createdTaskCount": len(created), "skippedTaskCount": len(choice.skipped)}


def _hand_back(issue: Issue, row: Interaction, *, actor: Actor, now: datetime) -> bool:
    """Give an issue that waited in a person's hands back to the agent that asked (I-120); whether it was.

    Not while a stage of its policy asks somebody: that one decides first.
    """
    if (
        row.created_by_agent_id is None
        or issue.assignee_user_id is None
        or issue.assignee_agent_id is not None
    ):
        return False
    if issue.status in CLOSED or states.asked(issue) is not None:
        return False
    able = Agent.objects.filter(pk=row.created_by_agent_id).exclude(status__in=AGENT_UNASSIGNABLE)
    if not able.exists():
        return False
    was_status, was_user = issue.status, issue.assignee_user_id
    status = issue.status if issue.status == IssueStatus.BLOCKED else IssueStatus.TODO.value
    columns = {
        **statuses.stamps(status, now=now, started_at=issue.started_at),
        **checkout.UNOWNED,
        "assignee_agent_id": row.created_by_agent_id,
        "assignee_user_id": None,
        "updated_at": now,
        "last_activity_at": now,
    }
    changes.write(issue, columns, actor=actor, now=now)
    details = {
        "status": issue.status,
        "assigneeAgentId": issue.assignee_agent_id,
        "assigneeUserId": None,
        "identifier": issue.identifier,
        "source": "request_confirmation_accept",
        "_previous": {"status": was_status, "assigneeAgentId": None, "assigneeUserId": was_user},
    }
    trail.record(issue, "issue.updated", actor=actor, now=now, details=details)
    return True


def _done(
    issue: Issue,
    row: Interaction,
    verb: str,
    details: Mapping[str, Any],
    *,
    actor: Actor,
    now: datetime,
    is_back: bool = False,
) -> Interaction:
    """Log a resolved interaction, mark its issue as changed and call whoever waits for the answer."""
    told = confirmations.about(row) | dict(details)
    trail.record(issue, _LOGGED[verb], actor=actor, now=now, details=told)
    trail.touch(issue, now=now, changed=True)
    wants = row.continuation_policy == Continuation.WAKE_ASSIGNEE or (
        row.continuation_policy == Continuation.WAKE_ASSIGNEE_ON_ACCEPT
        and row.status == InteractionStatus.ACCEPTED
    )
    # Work that is handed back is called for, whatever the policy: nobody else would start it.
    if not (wants or is_back) or issue.assignee_agent_id is None or issue.status in CLOSED:
        return row
    facts = {
        "interactionId": str(row.pk),
        "interactionKind": row.kind,
        "interactionStatus": str(row.status),
        "sourceCommentId": str(row.source_comment_id) if row.source_comment_id else None,
        "sourceRunId": str(row.source_run_id) if row.source_run_id else None,
    }
    batch = wakes.Batch()
    batch.add(
        wakes.interaction_resolved(
            issue_id=issue.pk, agent_id=issue.assignee_agent_id, verb=verb, facts=facts
        )
    )
    batch.send(actor=actor, now=now)
    return row
