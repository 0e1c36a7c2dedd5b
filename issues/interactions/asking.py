"""Put something to a person in the thread of an issue (I-114 to I-117)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from issues import checkout, confirmations, locks, trail
from issues.choices import Continuation, InteractionKind
from issues.interactions import payloads
from issues.models import Interaction, Issue
from paperclip.companies.actors import Actor
from paperclip.companies.models import Agent
from paperclip.core.errors import Conflict, Unauthorized, Unprocessable


@dataclass(frozen=True)
class Put:
    """What is put: its kind with the payload of that kind, whom the answer calls, and where it came from.

    `payload` is in the words of the interface and fits the schema of its kind.
    """

    kind: str
    payload: dict[str, Any]
    continuation_policy: str | None = None
    idempotency_key: str | None = None
    source_comment_id: UUID | None = None
    source_run_id: UUID | None = None
    title: str | None = None
    summary: str | None = None


def put(*, issue_id: UUID, what: Put, actor: Actor, now: datetime) -> Interaction:
    """Put `what` on an issue and return it; the same put again under its key returns the first one, whatever became
    of it.

    Wakes nobody. Raises NotFound, Forbidden, Unauthorized for an agent without a run, Conflict for a key that was
    used for something else, Unprocessable for sources or a target that do not fit.
    """
    with transaction.atomic():
        issue = locks.issue(issue_id)
        checkout.require_ownership(issue=issue, actor=actor, now=now, commenting=True)
        if actor.is_agent and actor.run_id is None:
            raise Unauthorized("Agent run id required")
        columns = _columns(issue, what, actor)
        # The issue's lock keeps two of the same key apart; the index says the same to whoever would come without it.
        known = _known(issue, what.idempotency_key)
        if known is not None:
            _require_same(known, columns)
            return known
        _require_sources(issue, columns)
        _require_fit(issue, what)
        made = Interaction(**columns, created_at=now, updated_at=now)
        made.save(force_insert=True)
        details = confirmations.about(made) | {"continuationPolicy": made.continuation_policy}
        trail.record(issue, "issue.thread_interaction_created", actor=actor, now=now, details=details)
        trail.touch(issue, now=now, changed=True)
    return made


def default_policy(kind: str) -> str:
    """Return whom the answer to a `kind` calls unless it is said."""
    is_confirmation = kind == InteractionKind.REQUEST_CONFIRMATION
    return Continuation.NONE.value if is_confirmation else Continuation.WAKE_ASSIGNEE.value


def _columns(issue: Issue, what: Put, actor: Actor) -> dict[str, Any]:
    return {
        "company_id": issue.company_id,
        "issue_id": issue.pk,
        "kind": what.kind,
        "continuation_policy": what.continuation_policy or default_policy(what.kind),
        "idempotency_key": what.idempotency_key,
        "source_comment_id": what.source_comment_id,
        # An agent always asks from its own run (I-116).
        "source_run_id": actor.run_id if actor.is_agent else what.source_run_id,
        "title": what.title,
        "summary": what.summary,
        "created_by_agent_id": actor.agent_id,
        "created_by_user_id": actor.user_id,
        "payload": what.payload,
    }


def _known(issue: Issue, key: str | None) -> Interaction | None:
    return issue.interactions.filter(idempotency_key=key).first() if key is not None else None


def _require_same(known: Interaction, columns: dict[str, Any]) -> None:
    """I-117. A target that moved on since then was put as it is in the result."""
    stored = {name: getattr(known, name) for name in columns}
    stale = (known.result or {}).get("staleTarget")
    if stale is not None:
        stored["payload"] = {**known.payload, "target": stale}
    if stored != columns:
        raise Conflict(
            "Idempotency key was used for another interaction",
            details={"idempotencyKey": known.idempotency_key},
        )


def _require_sources(issue: Issue, columns: dict[str, Any]) -> None:
    comment_id, run_id = columns["source_comment_id"], columns["source_run_id"]
    if comment_id is not None and not issue.comments.filter(pk=comment_id).exists():
        raise Unprocessable("Source comment must belong to the same issue")
    if run_id is not None and not Agent.objects.filter(company_id=issue.company_id, runs=run_id).exists():
        raise Unprocessable("Source run must belong to the same company")


def _require_fit(issue: Issue, what: Put) -> None:
    if what.kind == InteractionKind.SUGGEST_TASKS:
        payloads.require_sound(what.payload["tasks"])
    target = what.payload.get("target")
    if target is not None and target["type"] == confirmations.DOCUMENT:
        confirmations.require_current(issue, target)
