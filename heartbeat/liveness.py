"""Did a run move its issue? One word for it, with its reason, on every run of an issue that ended (H-106).

Facts come first: how the run ended, where the issue stands, what the run left behind, what its adapter or a marked
line declares. Wording is weighed last, and its verdict `blocked` holds back no more than a continuation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from heartbeat import actionability
from heartbeat.actionability import Actionability
from heartbeat.choices import Liveness, RunStatus
from heartbeat.endings import Ending
from heartbeat.evidence import NOTHING, Evidence
from heartbeat.models import Run
from issues.choices import CLOSED, IssueStatus, WorkMode
from issues.models import Issue

_DECLARED = ("nextAction", "blocked")
# Titles of issues whose outcome is a text.
_ABOUT_WORDS = re.compile(
    r"\W*(?:plan|draft|outline|propose|specify|document|describe|summari[sz]e|research|report|write up"
    r"|write (?:\w+ ){0,3}(?:plan|proposal|spec|specification|document|report|notes?))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Assessment:
    """What a run came to for its issue; the columns of the run by their names."""

    liveness_state: str
    liveness_reason: str
    last_useful_action_at: datetime | None = None
    next_action: str | None = None


def columns(ending: Ending) -> dict[str, Any]:
    """Return what is written on the ended run: nothing when it had no issue, one query when it succeeded."""
    if ending.issue is None:
        return {}
    if not ending.succeeded:
        return asdict(assess(ending.run, ending.issue))
    declared = {key: value for key in _DECLARED if (value := ending.result.get(key)) is not None}
    hidden = {key: ending.mask(value) if isinstance(value, str) else value for key, value in declared.items()}
    return asdict(
        assess(ending.run, ending.issue, evidence=ending.evidence, texts=ending.said, declared=hidden)
    )


def assess(
    run: Run,
    issue: Issue,
    *,
    evidence: Evidence = NOTHING,
    texts: Sequence[str] = (),
    declared: Mapping[str, Any] = MappingProxyType({}),
) -> Assessment:
    """Return the verdict on an ended `run` of `issue`, in the order of H-106.

    `texts` is what the agent said, `declared` the fields of its adapter's result that speak of what comes next.
    """
    if run.status != RunStatus.SUCCEEDED:
        code = f" ({run.error_code})" if run.error_code else ""
        return _told(Liveness.FAILED, f"The run {run.get_status_display().lower()}{code}")
    if issue.status in CLOSED:
        return _told(Liveness.COMPLETED, f"The issue is {_named(issue)}", at=evidence.latest_at)
    ahead = _next(declared, texts)
    if issue.status == IssueStatus.BLOCKED:
        return _told(Liveness.BLOCKED, "The issue is blocked", at=evidence.latest_at, ahead=ahead)
    blocker = _declared_blocker(declared, texts)
    if blocker is not None:
        return _told(Liveness.BLOCKED, blocker, at=evidence.latest_at, ahead=ahead)
    if evidence.is_concrete:
        return _told(Liveness.ADVANCED, f"Left behind {evidence.told()}", at=evidence.latest_at, ahead=ahead)
    if not texts:
        return _told(Liveness.EMPTY_RESPONSE, "The run said nothing and left nothing behind")
    return _by_words(issue, texts, ahead)


def _by_words(issue: Issue, texts: Sequence[str], ahead: str | None) -> Assessment:
    whole = "\n".join(texts)
    verdict = actionability.classify(whole)
    if verdict in actionability.WAITS:
        return _told(Liveness.BLOCKED, f"Speaks of waiting ({verdict.replace('_', ' ')})", ahead=ahead)
    if issue.work_mode == WorkMode.PLANNING or _ABOUT_WORDS.match(issue.title):
        return _told(Liveness.ADVANCED, "Asked for a text, and gave one", ahead=ahead)
    if ahead is not None or actionability.announces_work(whole):
        if verdict == Actionability.RUNNABLE:
            return _told(Liveness.PLAN_ONLY, "Only announced what it could have done", ahead=ahead)
        return _told(Liveness.NEEDS_FOLLOWUP, "Announced work that may not be its own to do", ahead=ahead)
    return _told(Liveness.NEEDS_FOLLOWUP, "Said something, and left nothing behind")


def _declared_blocker(declared: Mapping[str, Any], texts: Sequence[str]) -> str | None:
    """What the adapter's result or a marked line says is in the way."""
    field = declared.get("blocked")
    if field is True or _text(declared, "blocked"):
        return "Declared blocked" + (f": {field}" if isinstance(field, str) else "")
    if any(actionability.is_marked_blocked(text) for text in texts):
        return "Declared blocked by its own words"
    return None


def _next(declared: Mapping[str, Any], texts: Sequence[str]) -> str | None:
    field = _text(declared, "nextAction")
    return actionability.sentence(field) if field else actionability.next_action(texts)


def _told(state: str, reason: str, *, at: datetime | None = None, ahead: str | None = None) -> Assessment:
    return Assessment(state, actionability.sentence(reason), at, ahead)


def _text(declared: Mapping[str, Any], key: str) -> str | None:
    value = declared.get(key)
    return value if isinstance(value, str) and value.strip() else None


def _named(issue: Issue) -> str:
    return str(IssueStatus(issue.status).label).lower()
