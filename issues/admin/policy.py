"""How far an issue is through the stages of its policy, and its monitor, on its page; judged in place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest

from issues import lifecycle, monitors
from issues.choices import CLOSED, FlowStatus, IssueStatus
from issues.models import Decision, Issue
from issues.policy import states
from issues.policy.shapes import AGENT, Policy, Principal, State
from paperclip.companies.models import Agent, User
from paperclip.core import clock
from paperclip.core.errors import BadRequest
from paperclip.core.scope import scope_of

_DECISIONS_SHOWN = 20
PASSED, ASKED, SENT_BACK, AHEAD = "passed", "asked", "sent-back", "ahead"
_ICONS = {PASSED: "check_circle", ASKED: "visibility", SENT_BACK: "undo", AHEAD: "radio_button_unchecked"}
_WORDS = {PASSED: "passed", ASKED: "is asked now", SENT_BACK: "sent it back", AHEAD: "to come"}


@dataclass(frozen=True)
class Step:
    """One stage as the page shows it."""

    name: str
    who: str
    place: str
    icon: str
    words: str


@dataclass(frozen=True)
class Watch:
    """A scheduled monitor as the page shows it."""

    at: datetime
    about: str
    looks: str
    until: datetime | None


def context(issue: Issue, request: HttpRequest) -> dict[str, Any]:
    """Return stages, decisions and monitor of an issue. An issue without a policy costs no query."""
    policy, state = states.policy_of(issue), states.state_of(issue)
    stages = policy.stages if policy is not None else ()
    if policy is None or not stages:
        return {"watch": _watch(issue, policy, state)}
    names = _names([*policy.principals, *([state.participant] if state and state.participant else [])])
    decided = Decision.objects.filter(issue=issue).select_related("actor_agent", "actor_user")
    user_id = scope_of(request).actor.user_id
    asked = states.asked(issue)
    return {
        "steps": [_step(policy, place, state, names, issue) for place in range(len(stages))],
        "decisions": list(decided.order_by("-created_at", "-id")[:_DECISIONS_SHOWN]),
        "request": (state.review_request or {}).get("instructions", "") if state is not None else "",
        "may_judge": asked is not None and asked.user_id is not None and asked.user_id == user_id,
        "asked": names.get(asked, "Somebody who left") if asked is not None else "",
        "watch": _watch(issue, policy, state),
    }


class PolicyDeeds:
    """What a person can decide on the page of an issue."""

    def approve(self, request: HttpRequest, row: Issue) -> str:
        """Let the work pass the stage it is in."""
        return self._decide(request, row, IssueStatus.DONE, "Approved.")

    def request_changes(self, request: HttpRequest, row: Issue) -> str:
        """Send the work back to whoever did it."""
        return self._decide(request, row, IssueStatus.IN_PROGRESS, "Sent back for changes.")

    def check_monitor(self, request: HttpRequest, row: Issue) -> str:
        """Call the agent of a monitored issue now."""
        monitors.check_now(issue_id=row.pk, actor=scope_of(request).actor, now=clock.now())
        return f"{row.assignee_agent.name if row.assignee_agent else 'Its agent'} looks at it now."

    def _decide(self, request: HttpRequest, row: Issue, status: str, done: str) -> str:
        note = request.POST.get("note", "").strip()
        if not note:
            raise BadRequest("Say in a few words why")
        if states.asked(row) is None:
            raise BadRequest("Nobody is asked to judge this any more")
        actor = scope_of(request).actor
        lifecycle.update(
            issue_id=row.pk, fields={"status": str(status)}, comment=note, actor=actor, now=clock.now()
        )
        return done


def _step(
    policy: Policy, place: int, state: State | None, names: Mapping[Principal, str], issue: Issue
) -> Step:
    stage = policy.stages[place]
    where = _where(stage.id, state, issue)
    is_current = where in (ASKED, SENT_BACK) and state is not None and state.participant is not None
    people = [state.participant] if is_current and state is not None else stage.principals
    return Step(
        name="Review" if stage.type == "review" else "Approval",
        who=" or ".join(names.get(each, "somebody who left") for each in people if each is not None),
        place=where,
        icon=_ICONS[where],
        words=_WORDS[where],
    )


def _where(stage_id: str, state: State | None, issue: Issue) -> str:
    if state is None:
        return AHEAD
    if stage_id in state.completed_stage_ids:
        return PASSED
    if stage_id != state.stage_id or issue.status in CLOSED:
        return AHEAD
    return {FlowStatus.PENDING: ASKED, FlowStatus.CHANGES_REQUESTED: SENT_BACK}.get(
        FlowStatus(state.status), AHEAD
    )


def _names(principals: Iterable[Principal]) -> dict[Principal, str]:
    wanted: Sequence[Principal] = list(dict.fromkeys(principals))
    agents = [each.id for each in wanted if each.type == AGENT]
    people = [each.id for each in wanted if each.type != AGENT]
    names: dict[str, str] = {}
    if agents:
        names |= {str(pk): name for pk, name in Agent.objects.filter(pk__in=agents).values_list("pk", "name")}
    if people:
        names |= {str(user.pk): user.display_name for user in User.objects.filter(pk__in=people)}
    return {each: names[each.id] for each in wanted if each.id in names}


def _watch(issue: Issue, policy: Policy | None, state: State | None) -> Watch | None:
    monitor = policy.monitor if policy is not None else None
    if monitor is None or issue.monitor_next_check_at is None:
        return None
    taken = state.monitor.attempt_count if state is not None and state.monitor is not None else 0
    looks = f"look {taken + 1}" + (f" of {monitor.max_attempts}" if monitor.max_attempts else "")
    about = " · ".join(part for part in (monitor.service_name, monitor.notes) if part)
    return Watch(issue.monitor_next_check_at, about, looks, monitor.timeout_at)
