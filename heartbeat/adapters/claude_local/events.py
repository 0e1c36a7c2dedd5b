"""What Claude Code prints with `--output-format stream-json`, as far as it matters here (A-51)."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from heartbeat.adapters import streams, upstream
from heartbeat.adapters.streams import Event

_NEWEST_TEXTS = 40


@dataclass
class Seen:
    """What one call printed. `result` is its last result event; `resets_at` when a limit that refused it is lifted.

    `retries` counts the tries that the program made by itself (AW-11).
    """

    session_id: str | None = None
    model: str | None = None
    key_source: str | None = None
    texts: deque[str] = field(default_factory=lambda: deque(maxlen=_NEWEST_TEXTS))
    result: Event | None = None
    resets_at: datetime | None = None
    retries: int = 0

    @property
    def summary(self) -> str | None:
        """What the agent said last: the result's text, else all it said, as far as that is kept."""
        if self.result is not None and (said := streams.text(self.result, "result")):
            return said
        return "\n\n".join(self.texts) or None

    @property
    def errors(self) -> list[str]:
        """The errors of the result event, each as one text."""
        found = self.result.get("errors") if self.result is not None else None
        return [_error(item) for item in found] if isinstance(found, list) else []


def read(lines: Iterable[str]) -> Seen:
    """Return what a call printed; the order of its events is not relied on."""
    seen = Seen()
    for event in streams.events(lines):
        match event.get("type"), event.get("subtype"):
            case "system", "init":
                seen.session_id = streams.text(event, "session_id") or seen.session_id
                seen.model = streams.text(event, "model")
                seen.key_source = streams.text(event, "apiKeySource")
            case "system", "api_retry":
                seen.retries += 1
            case "assistant", _:
                _hear(seen, event)
            case "rate_limit_event", _:
                limit = streams.part(event, "rate_limit_info")
                if limit.get("status") == "rejected":
                    seen.resets_at = upstream.moment_of(limit.get("resetsAt"))
            case "result", _:
                seen.result = event
                seen.session_id = streams.text(event, "session_id") or seen.session_id
    return seen


def _hear(seen: Seen, event: Event) -> None:
    seen.session_id = streams.text(event, "session_id") or seen.session_id
    content = streams.part(event, "message").get("content")
    for item in content if isinstance(content, list) else ():
        if isinstance(item, dict) and item.get("type") == "text" and (said := streams.text(item, "text")):
            seen.texts.append(said)


def _error(item: Any) -> str:
    if isinstance(item, dict):
        item = next((item[key] for key in ("message", "error", "code") if item.get(key)), item)
    return item if isinstance(item, str) else json.dumps(item)
