"""What a mechanism may answer when it is asked about a run that ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from heartbeat.choices import EventLevel


@dataclass(frozen=True)
class Note:
    """An event to write on the run that ended."""

    message: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    level: str = EventLevel.WARN


@dataclass(frozen=True)
class Requeue:
    """How the next run is made from the one that ended: everything not named here is carried over.

    `counters` are columns of the new run, `context` is laid over the old context (or over a fresh one that only
    names the issue), `due_at` makes it wait as a scheduled retry. `event` is written on the new run, `told` on the
    one that ended, with the new run's id. With an `idempotency_key` a second call finds the run of the first.
    """

    wake_reason: str
    retry_reason: str
    counters: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    payload: Mapping[str, Any] = field(default_factory=dict)
    is_fresh: bool = False
    takes_lock: bool = False
    due_at: datetime | None = None
    idempotency_key: str | None = None
    event: Note | None = None
    told: Note | None = None


@dataclass(frozen=True)
class Decision:
    """What follows a run, why in one sentence for people, and as which attempt.

    A decision that neither requeues nor acts is a refusal: the mechanism was responsible, and says why nothing
    comes of it; the next one is asked. `act` does what is more than a run, such as blocking the issue; `remark` is
    said, as `note` is written, even when nothing comes of it. All happen in the transaction that ends the run.
    """

    mechanism: str
    reason: str
    attempt: int | None = None
    due_at: datetime | None = None
    requeue: Requeue | None = None
    act: Callable[[], None] | None = None
    note: Note | None = None
    remark: Callable[[], None] | None = None

    @property
    def is_refusal(self) -> bool:
        """Whether nothing comes of it."""
        return self.requeue is None and self.act is None
