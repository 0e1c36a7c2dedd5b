"""What is put to a person and what they choose of it, checked and ordered. Pure (I-114, I-119, I-122)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paperclip.core.errors import Unprocessable

Task = Mapping[str, Any]


@dataclass(frozen=True)
class Choice:
    """Which of the suggested tasks are made, parents first, and which are left out."""

    tasks: tuple[Task, ...]
    skipped: tuple[str, ...]


def require_sound(tasks: Sequence[Task]) -> None:
    """Raise Unprocessable for suggested tasks whose parents are unknown or form a circle (IW-2)."""
    _in_order(tasks)


def choose(tasks: Sequence[Task], selected: Sequence[str] | None) -> Choice:
    """Return the tasks to make of a suggestion; all of them when nothing is selected (I-119).

    Raises Unprocessable for an unknown key, or a task without the one above it.
    """
    ordered = _in_order(tasks)
    if selected is None:
        return Choice(tuple(ordered), ())
    wanted = set(selected)
    unknown = sorted(wanted - {task["clientKey"] for task in tasks})
    if unknown:
        raise Unprocessable("Unknown suggested task", details={"clientKeys": unknown})
    orphans = [
        task["clientKey"]
        for task in ordered
        if task["clientKey"] in wanted and (task.get("parentClientKey") or task["clientKey"]) not in wanted
    ]
    if orphans:
        raise Unprocessable(
            "A suggested task can only be selected together with its parent", details={"clientKeys": orphans}
        )
    return Choice(
        tuple(task for task in ordered if task["clientKey"] in wanted),
        tuple(task["clientKey"] for task in tasks if task["clientKey"] not in wanted),
    )


def settle(
    questions: Sequence[Mapping[str, Any]], given: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the answers as they are kept: in the order of the questions, no option twice (I-122).

    Raises Unprocessable for an unknown question or option, a question answered twice, several options where one is
    asked for, and a required question without any.
    """
    known = {question["id"]: question for question in questions}
    chosen: dict[str, list[str]] = {}
    for answer in given:
        name = answer["questionId"]
        if name not in known:
            raise Unprocessable("Unknown question", details={"questionId": name})
        if name in chosen:
            raise Unprocessable("A question can only be answered once", details={"questionId": name})
        chosen[name] = _options(known[name], answer["optionIds"])
    for name, question in known.items():
        if question.get("required") and not chosen.get(name):
            raise Unprocessable("A required question has no answer", details={"questionId": name})
    return [{"questionId": name, "optionIds": chosen[name]} for name in known if name in chosen]


def _options(question: Mapping[str, Any], option_ids: Sequence[str]) -> list[str]:
    wanted = list(dict.fromkeys(option_ids))
    offered = {option["id"] for option in question["options"]}
    unknown = [option_id for option_id in wanted if option_id not in offered]
    if unknown:
        details = {"questionId": question["id"], "optionIds": unknown}
        raise Unprocessable("Unknown option", details=details)
    if question["selectionMode"] == "single" and len(wanted) > 1:
        raise Unprocessable("Only one option can be chosen", details={"questionId": question["id"]})
    return wanted


def _in_order(tasks: Sequence[Task]) -> list[Task]:
    """Return the tasks with parents before their children, else in the order they were put in."""
    known = {task["clientKey"]: task for task in tasks}
    placed: dict[str, Task] = {}
    for task in tasks:
        line: dict[str, Task] = {}
        each: Task | None = task
        while each is not None and each["clientKey"] not in placed:
            if each["clientKey"] in line:
                raise Unprocessable(
                    "Suggested tasks cannot form a circle of parents", details={"clientKeys": list(line)}
                )
            line[each["clientKey"]] = each
            above = each.get("parentClientKey")
            if above is not None and above not in known:
                raise Unprocessable("Unknown parent of a suggested task", details={"parentClientKey": above})
            each = known[above] if above is not None else None
        for key in reversed(line):
            placed[key] = line[key]
    return list(placed.values())
