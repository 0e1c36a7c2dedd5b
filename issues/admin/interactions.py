"""What waits for a person on an issue's page, and what was asked before; answered in place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.db.models import BooleanField, ExpressionWrapper, Q
from django.http import HttpRequest

from issues.choices import MAX_CHILDREN, InteractionKind, InteractionStatus
from issues.interactions import answers
from issues.models import Interaction, Issue
from paperclip.companies.models import Agent
from paperclip.core import clock, naming
from paperclip.core.errors import BadRequest
from paperclip.core.scope import scope_of

_SHOWN = 60
_ICONS = {
    InteractionKind.SUGGEST_TASKS: "add_task",
    InteractionKind.ASK_USER_QUESTIONS: "help",
    InteractionKind.REQUEST_CONFIRMATION: "fact_check",
}
_ASKS = {
    InteractionKind.SUGGEST_TASKS: "suggests tasks",
    InteractionKind.ASK_USER_QUESTIONS: "has questions",
    InteractionKind.REQUEST_CONFIRMATION: "asks for a yes or no",
}


@dataclass(frozen=True)
class Suggested:
    """A task as the card shows it: how far below, and who would do it."""

    key: str
    title: str
    depth: int
    is_hidden: bool
    facts: Sequence[str]
    description: str


@dataclass(frozen=True)
class Card:
    """One interaction as the page shows it."""

    row: Interaction
    icon: str
    who: str
    asks: str
    tasks: Sequence[Suggested]
    crowded: str
    link: str
    outcome: str


def context(issue: Issue) -> dict[str, Any]:
    """Return the cards of an issue: those that wait for an answer, oldest first, and the newest of the others.

    One query, and one more for each kind of fact that suggested tasks name.
    """
    rows = Interaction.objects.filter(issue=issue).select_related("created_by_agent", "created_by_user")
    waits = ExpressionWrapper(Q(status=InteractionStatus.PENDING), output_field=BooleanField())
    rows = rows.order_by(waits.desc(), "-created_at", "-id")
    found = list(rows[: _SHOWN + 1])
    pending = [row for row in found[:_SHOWN] if row.status == InteractionStatus.PENDING]
    names = _names(pending)
    suggests = any(row.kind == InteractionKind.SUGGEST_TASKS for row in pending)
    room = max(MAX_CHILDREN - issue.children.count(), 0) if suggests else MAX_CHILDREN
    cards = [_card(row, names, room) for row in found[:_SHOWN]]
    return {
        "waiting": [card for card in reversed(cards) if card.row.status == InteractionStatus.PENDING],
        "settled": [card for card in cards if card.row.status != InteractionStatus.PENDING],
        "is_cut": len(found) > _SHOWN,
    }


class InteractionDeeds:
    """What a person can say to what is put to them, on the page of the issue."""

    def accept(self, request: HttpRequest, row: Issue) -> str:
        """Make the chosen tasks, or confirm."""
        found = _named(request, row)
        keys = request.POST.getlist("task")
        if found.kind == InteractionKind.SUGGEST_TASKS and not keys:
            raise BadRequest("Choose at least one task, or reject the suggestion")
        done = answers.accept(**_by(request, row, found), selected_client_keys=keys or None)
        if done.status == InteractionStatus.EXPIRED:
            return "What this asks about has changed since; nothing was confirmed."
        made = len((done.result or {}).get("createdTasks", ()))
        return f"{made} {'task is' if made == 1 else 'tasks are'} made." if made else "Confirmed."

    def reject(self, request: HttpRequest, row: Issue) -> str:
        """Say no, with the reason that was typed."""
        found = _named(request, row)
        done = answers.reject(**_by(request, row, found), reason=request.POST.get("reason"))
        if done.status == InteractionStatus.EXPIRED:
            return "What this asks about has changed since; it is put away."
        return "Rejected."

    def answer(self, request: HttpRequest, row: Issue) -> str:
        """Keep the chosen options of each question."""
        found = _named(request, row)
        given = [
            {"questionId": question["id"], "optionIds": options}
            for place, question in enumerate(found.payload.get("questions", ()))
            if (options := request.POST.getlist(f"question-{place}"))
        ]
        summary = request.POST.get("summary", "").strip() or None
        answers.respond(**_by(request, row, found), answers=given, summary_markdown=summary)
        return "Answered."

    def put_away(self, request: HttpRequest, row: Issue) -> str:
        """Close questions without an answer."""
        found = _named(request, row)
        answers.cancel(**_by(request, row, found), reason=request.POST.get("summary"))
        return "Put away without an answer."


def _named(request: HttpRequest, issue: Issue) -> Interaction:
    wanted = naming.as_field_uuid(request.POST.get("interaction", ""))
    found = Interaction.objects.filter(issue=issue, pk=wanted).first() if wanted else None
    if found is None:
        raise BadRequest("This is not on the issue any more")
    return found


def _by(request: HttpRequest, issue: Issue, row: Interaction) -> dict[str, Any]:
    return {
        "issue_id": issue.pk,
        "interaction_id": row.pk,
        "actor": scope_of(request).actor,
        "now": clock.now(),
    }


# --- What is shown ---------------------------------------------------------------------------------------


def _card(row: Interaction, names: Mapping[str, str], room: int) -> Card:
    tasks = row.payload.get("tasks", ())
    below = sum(1 for task in tasks if not (task.get("parentClientKey") or task.get("parentId")))
    is_crowded = row.status == InteractionStatus.PENDING and below > room
    target = row.payload.get("target")
    return Card(
        row=row,
        icon=_ICONS[InteractionKind(row.kind)],
        who=_who(row),
        asks=_ASKS[InteractionKind(row.kind)],
        tasks=_suggested(tasks, names),
        crowded=f"This issue has room for {room} more; choose that many." if is_crowded else "",
        link=_link(row, target) if isinstance(target, dict) else "",
        outcome=_outcome(row),
    )


def _who(row: Interaction) -> str:
    if row.created_by_agent is not None:
        return row.created_by_agent.name
    return row.created_by_user.display_name if row.created_by_user is not None else "Paperclip"


def _names(rows: Iterable[Interaction]) -> dict[str, str]:
    """Return the names of the agents that suggested tasks are meant for."""
    wanted = {task.get("assigneeAgentId") for row in rows for task in row.payload.get("tasks", ())} - {None}
    if not wanted:
        return {}
    agents = Agent.objects.filter(pk__in=[UUID(each) for each in wanted]).values_list("pk", "name")
    return {str(pk): name for pk, name in agents}


def _suggested(tasks: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> list[Suggested]:
    """Return the tasks with each below the one above it."""
    by_parent: dict[str | None, list[Mapping[str, Any]]] = {}
    for task in tasks:
        by_parent.setdefault(task.get("parentClientKey"), []).append(task)
    shown: list[Suggested] = []
    waiting = [(task, 0) for task in reversed(by_parent.get(None, ()))]
    while waiting:
        task, depth = waiting.pop()
        shown.append(_one(task, depth, names))
        waiting += [(below, depth + 1) for below in reversed(by_parent.get(task["clientKey"], ()))]
    return shown


def _one(task: Mapping[str, Any], depth: int, names: Mapping[str, str]) -> Suggested:
    owner = names.get(task.get("assigneeAgentId") or "") or ("a person" if task.get("assigneeUserId") else "")
    facts = [owner and f"for {owner}", task.get("priority") or "", *(task.get("labels") or ())]
    return Suggested(
        key=task["clientKey"],
        title=task["title"],
        depth=min(depth, 4),
        is_hidden=bool(task.get("hiddenInPreview")),
        facts=[fact for fact in facts if fact],
        description=task.get("description") or "",
    )


def _link(row: Interaction, target: Mapping[str, Any]) -> str:
    """Return where a confirmation's target is to be seen; only where a browser may safely go."""
    if target["type"] == "issue_document":
        own = target.get("issueId") in (None, str(row.issue_id))
        return f"#document-{target['key']}" if own else ""
    href = str(target.get("href") or "")
    parts = urlsplit(href)
    is_ours = href.startswith("/") and not href.startswith(("//", "/\\"))
    return href if parts.scheme in ("http", "https") or (is_ours and not parts.scheme) else ""


def _outcome(row: Interaction) -> str:
    """Return in a few words what came of it."""
    result = row.result or {}
    if row.kind == InteractionKind.SUGGEST_TASKS and row.status == InteractionStatus.ACCEPTED:
        return ", ".join(f"{task['identifier']} {task['title']}" for task in result.get("createdTasks", ()))
    if row.kind == InteractionKind.ASK_USER_QUESTIONS and row.status == InteractionStatus.ANSWERED:
        return "; ".join(_chosen(row.payload["questions"], result)) or str(
            result.get("summaryMarkdown") or ""
        )
    if result.get("outcome") == "superseded_by_comment":
        return "A comment came instead of an answer"
    if result.get("outcome") == "stale_target":
        return "What it asked about has changed"
    return str(
        result.get("rejectionReason") or result.get("reason") or result.get("cancellationReason") or ""
    )


def _chosen(questions: Sequence[Mapping[str, Any]], result: Mapping[str, Any]) -> Iterable[str]:
    chosen = {answer["questionId"]: answer["optionIds"] for answer in result.get("answers", ())}
    for question in questions:
        labels = [
            option["label"]
            for option in question["options"]
            if option["id"] in chosen.get(question["id"], ())
        ]
        if labels:
            yield f"{question['prompt']} {', '.join(labels)}"
