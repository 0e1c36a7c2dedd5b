"""The context of a wake and of the run it leads to: one typed value, one reader, one writer (H-38, H-39, H-54).

The JSON form is interface: agents and clients read its keys. Keys without a rule here travel along untouched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from heartbeat.choices import INTERACTION_REASONS, MAX_LIVENESS_CONTINUATIONS, NEWS_REASONS
from paperclip.core import naming

_INTERACTION_KEYS = ("interactionId", "interactionKind", "interactionStatus", "continuationPolicy")
_COMMENT_KEYS = ("wakeCommentIds", "wakeCommentId", "commentId")
MODEL_PROFILES = frozenset({"cheap"})


@dataclass(frozen=True)
class WakeContext:
    """Why an agent runs and what for. `more` holds every key that has no field of its own."""

    wake_reason: str | None = None
    wake_source: str | None = None
    wake_trigger_detail: str | None = None
    issue_id: str | None = None
    task_id: str | None = None
    task_key: str | None = None
    comment_ids: tuple[str, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def issue_uuid(self) -> UUID | None:
        """The issue as an id, None when the context names none that could exist."""
        return naming.as_field_uuid(self.issue_id) if self.issue_id else None

    @property
    def is_interaction(self) -> bool:
        """Whether a person or agent speaks to this one through a comment: such a wake passes gates (H-7)."""
        return self.wake_reason in INTERACTION_REASONS and bool(self.comment_ids)

    @property
    def needs_own_run(self) -> bool:
        """Whether a run that already executes could miss this wake, for it may have looked before (H-51)."""
        return bool(self.comment_ids) or self.wake_reason in NEWS_REASONS or self.is_answer

    @property
    def is_answer(self) -> bool:
        """Whether a person answered what was put to them on the issue: news, and no comment carries it (H-58)."""
        return self.wake_reason == "issue_commented" and self.text("interactionId") is not None

    @property
    def continuation_attempt(self) -> int:
        """How often the work was continued for want of progress: within bounds, whatever a caller sends (H-53)."""
        sent = self.more.get("livenessContinuationAttempt")
        if not isinstance(sent, int) or isinstance(sent, bool):
            return 0
        return min(max(sent, 0), MAX_LIVENESS_CONTINUATIONS)

    def flag(self, key: str) -> bool:
        """Return whether `key` holds a JSON true."""
        return self.more.get(key) is True

    def text(self, key: str) -> str | None:
        """Return the present string under `key` (H-2)."""
        return _present(self.more.get(key))

    def moment(self, key: str) -> datetime | None:
        """Return the time under `key`: ISO 8601 text, UTC unless it says otherwise, or milliseconds since 1970."""
        value = self.more.get(key)
        try:
            if isinstance(value, str):
                found = datetime.fromisoformat(value)
                return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
            if isinstance(value, int | float) and not isinstance(value, bool):
                return datetime.fromtimestamp(value / 1000, UTC)
        except (ValueError, OverflowError, OSError):
            return None
        return None

    def with_more(self, **values: Any) -> WakeContext:
        """Return a copy with further keys; None removes a key."""
        more = {**self.more, **values}
        return replace(self, more={key: value for key, value in more.items() if value is not None})

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that is stored and shown."""
        latest = self.comment_ids[-1] if self.comment_ids else None
        known = {
            "wakeReason": self.wake_reason,
            "wakeSource": self.wake_source,
            "wakeTriggerDetail": self.wake_trigger_detail,
            "issueId": self.issue_id,
            "taskId": self.task_id,
            "taskKey": self.task_key,
            "wakeCommentIds": list(self.comment_ids) or None,
            "commentId": latest,
            "wakeCommentId": latest,
        }
        return {**self.more, **{key: value for key, value in known.items() if value is not None}}


def read(data: Mapping[str, Any] | None) -> WakeContext:
    """Return the context stored as `data`. Values of the wrong type count as absent."""
    data = data or {}
    known = {"wakeReason", "wakeSource", "wakeTriggerDetail", "issueId", "taskId", "taskKey", *_COMMENT_KEYS}
    return WakeContext(
        wake_reason=_present(data.get("wakeReason")),
        wake_source=_present(data.get("wakeSource")),
        wake_trigger_detail=_present(data.get("wakeTriggerDetail")),
        issue_id=_present(data.get("issueId")),
        task_id=_present(data.get("taskId")),
        task_key=_present(data.get("taskKey")),
        comment_ids=_comment_ids(data),
        more={key: value for key, value in data.items() if key not in known},
    )


def enrich(
    data: Mapping[str, Any] | None,
    *,
    reason: str | None,
    source: str,
    trigger_detail: str | None,
    payload: Mapping[str, Any] | None,
) -> WakeContext:
    """Return the context of a wake, filled from its reason and payload where it says nothing itself (H-38)."""
    payload = payload or {}
    given = read(data)
    payload_issue = _present(payload.get("issueId"))
    payload_comment = _present(payload.get("commentId"))
    comment_ids = _unique([*given.comment_ids, *([payload_comment] if payload_comment else [])])
    more = dict(given.more)
    if comment_ids:
        more.pop("paperclipWake", None)
    if payload.get("mutation") != "interaction":
        more = {key: value for key, value in more.items() if key not in _INTERACTION_KEYS}
    profile = _present(payload.get("modelProfile"))
    if profile in MODEL_PROFILES:
        more.setdefault("modelProfile", profile)
    issue_id = given.issue_id or payload_issue
    task_id = given.task_id or payload_issue
    task_key = (
        given.task_key
        or given.task_id
        or given.issue_id
        or next(
            (value for key in ("taskKey", "taskId", "issueId") if (value := _present(payload.get(key)))), None
        )
    )
    return WakeContext(
        wake_reason=given.wake_reason or _present(reason),
        wake_source=given.wake_source or source,
        wake_trigger_detail=given.wake_trigger_detail or _present(trigger_detail),
        issue_id=issue_id,
        task_id=task_id,
        task_key=task_key,
        comment_ids=comment_ids,
        more=more,
    )


def merge(existing: WakeContext, incoming: WakeContext) -> WakeContext:
    """Return `existing` with `incoming` laid on top; comments add up in order (H-54)."""
    comment_ids = _unique([*existing.comment_ids, *incoming.comment_ids])
    more = {**existing.more, **incoming.more}
    if comment_ids:
        more.pop("paperclipWake", None)
    if not any(key in incoming.more for key in _INTERACTION_KEYS):
        more = {key: value for key, value in more.items() if key not in _INTERACTION_KEYS}
    return WakeContext(
        wake_reason=incoming.wake_reason or existing.wake_reason,
        wake_source=incoming.wake_source or existing.wake_source,
        wake_trigger_detail=incoming.wake_trigger_detail or existing.wake_trigger_detail,
        issue_id=incoming.issue_id or existing.issue_id,
        task_id=incoming.task_id or existing.task_id,
        task_key=incoming.task_key or existing.task_key,
        comment_ids=comment_ids,
        more=more,
    )


def _comment_ids(data: Mapping[str, Any]) -> tuple[str, ...]:
    listed = data.get("wakeCommentIds")
    if isinstance(listed, list):
        ids = [item for item in listed if _present(item)]
        if ids:
            return _unique(ids)
    return _unique([item for key in ("wakeCommentId", "commentId") if (item := _present(data.get(key)))])


def _unique(ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ids))


def _present(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
