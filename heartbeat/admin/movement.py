"""What moves an issue next, on its page and in lists: the sentence, its time, and the button that mends it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import reverse

from heartbeat import mending, movement
from heartbeat.moves import Action, Kind, Movement
from issues.models import Issue
from paperclip.core import clock, forms, naming, panels
from paperclip.core.errors import Refusal
from paperclip.core.lists import Column, register_column
from paperclip.core.panels import Panel
from paperclip.core.scope import scope_of

# Kinds whose sentence a chip says already.
_PLAIN = (Kind.OVER, Kind.BACKLOG)


@dataclass(frozen=True)
class Remedy:
    """A button: `url` is posted to with the action, or led to when the person decides there."""

    label: str
    icon: str
    url: str
    action: str = ""


@dataclass(frozen=True)
class Reason:
    """The sentence about one issue; `needs_person` says that nothing moves until somebody acts."""

    text: str
    needs_person: bool = False
    at: datetime | None = None
    remedy: Remedy | None = None


def reasons(issues: Sequence[Issue], *, now: datetime) -> dict[UUID, Reason]:
    """Return what lists say beside each issue, in a fixed number of queries."""
    return {issue_id: _reason(move) for issue_id, move in movement.of_many(issues, now=now).items()}


def mend(request: HttpRequest, issue_id: str) -> HttpResponse:
    """Do what the button on an issue's page says."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    scope = scope_of(request)
    pk = naming.as_field_uuid(issue_id)
    issue = None if pk is None else Issue.objects.filter(pk=pk, company_id__in=scope.company_ids).first()
    if issue is None or issue.company_id not in scope.writable:
        raise Http404("There is no such issue.")
    try:
        said = mending.mend(
            issue_id=issue.pk, action=request.POST.get("action", ""), actor=scope.actor, now=clock.now()
        )
    except Refusal as refusal:
        messages.error(request, forms.sentence(refusal))
    else:
        messages.success(request, said)
    return HttpResponseRedirect(_issue_url(issue.pk))


def _reason(move: Movement) -> Reason:
    text = "" if move.kind in _PLAIN else move.sentence.removesuffix(".")
    return Reason(text, move.is_missing, move.moves_at)


def _cells(issues: Sequence[Any], request: HttpRequest) -> Mapping[UUID, Any]:
    return reasons(issues, now=clock.now())


def _head(issue: Any, request: HttpRequest) -> dict[str, Any]:
    move = movement.of(issue, now=clock.now())
    may_write = issue.company_id in scope_of(request).writable
    remedy = _remedy(issue, move) if may_write and move.action is not None else None
    return {"reason": Reason(move.sentence, move.is_missing, move.moves_at, remedy)}


def _remedy(issue: Issue, move: Movement) -> Remedy | None:
    assert move.action is not None
    label, icon = _LABELS[move.action]
    if mending.is_a_deed(move.action):
        return Remedy(label, icon, reverse("admin:heartbeat_mend", args=[issue.pk]), move.action.value)
    return Remedy(label, icon, _PLACES[move.action](issue, move))


def _issue_url(issue_id: UUID) -> str:
    return reverse("admin:issues_issue_change", args=[issue_id])


def _on_issue(anchor: str) -> Callable[[Issue, Movement], str]:
    return lambda issue, move: f"{_issue_url(move.issue_id)}#{anchor}"


def _agent_form(issue: Issue, move: Movement) -> str:
    return reverse("admin:companies_agent_edit", args=[move.agent or issue.assignee_agent_id])


def _budget_page(issue: Issue, move: Movement) -> str:
    return reverse("admin:governance_budgetpolicy_changelist")


def _project_page(issue: Issue, move: Movement) -> str:
    return reverse("admin:companies_project_change", args=[issue.project_id])


_LABELS: dict[Action, tuple[str, str]] = {
    Action.ASSIGN: ("Assign it", "person_add"),
    Action.START: ("Set it to do", "play_arrow"),
    Action.WAKE: ("Wake the agent", "bolt"),
    Action.RETRY_NOW: ("Retry now", "replay"),
    Action.RELEASE_HOLD: ("Let it go on", "play_circle"),
    Action.RESUME_COMPANY: ("Make the company active", "play_circle"),
    Action.TAKE_WORK: ("Take up work again", "play_circle"),
    Action.RESUME_AGENT: ("Resume the agent", "play_circle"),
    Action.APPROVE_AGENT: ("Decide the hire", "approval"),
    Action.ALLOW_WAKES: ("Change its heartbeat", "tune"),
    Action.RAISE_BUDGET: ("Raise the budget", "payments"),
    Action.RESUME_PROJECT: ("Look at the project", "folder"),
    Action.LIFT_STOP: ("Let it go on", "play_circle"),
    Action.START_RUNNER: ("Look at the runners", "dns"),
    Action.OPEN_ACCOUNT: ("Try now", "replay"),
    Action.DROP_BLOCKER: ("Drop the blocker", "link_off"),
    Action.ANSWER_APPROVAL: ("Answer it", "approval"),
    Action.ANSWER: ("Say how to go on", "forum"),
}
_PLACES: dict[Action, Callable[[Issue, Movement], str]] = {
    Action.ASSIGN: _on_issue("properties"),
    Action.ANSWER: _on_issue("thread"),
    Action.APPROVE_AGENT: lambda issue, move: reverse("admin:governance_approval_changelist"),
    Action.ANSWER_APPROVAL: lambda issue, move: reverse("admin:governance_approval_changelist"),
    Action.ALLOW_WAKES: _agent_form,
    Action.RAISE_BUDGET: _budget_page,
    Action.RESUME_PROJECT: _project_page,
    Action.START_RUNNER: lambda issue, move: reverse("admin:heartbeat_runner_changelist"),
}

register_column("issue", Column("reason", _cells))
panels.register(
    "issue-head", Panel("reason", "What moves this next", "heartbeat/parts/reason.html", _head, order=10)
)
