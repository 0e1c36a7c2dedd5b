"""The prompt of a run: its sections, in the order its program wants them (A-24 to A-27, A-32)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from heartbeat.adapters import quoting, task_text, templates, wake_text
from heartbeat.adapters.base import Assignment, text

HANDOFF_KEY = "paperclipSessionHandoffMarkdown"
HEARTBEAT = """\
You are agent {{agent.id}} ({{agent.name}}) of a company that is run with Paperclip. This is one heartbeat: a short run
in which you move one piece of work on.

- Start real work now. Do not end with a plan, unless a plan is what was asked for.
- Use the `paperclip` skill for how to find your task, take it and report on it over the API.
- Leave traces that last: files, commits and documents for the work, a comment on the issue for how it stands. A comment
  or a document alone moves nothing on; the state of the issue does.
- Before you stop, leave the issue in one of these: `done`, when it is finished and you have checked it by the
  smallest test that proves it; `in_review`, when a named person or agent must judge it; `blocked`, naming what is
  missing and who can give it; handed to child issues, when others do the parts; `in_progress`, only when something will
  wake you for the next step.
- Make child issues for work that others do, and end the run. Do not poll, and do not wait for them: you are woken.
- Answer comments of people, on blocked issues too, without taking the block away. To open a closed issue again, send
  `resume: true` with your comment.
- Ask by an interaction on the issue: `suggest_tasks`, `ask_user_questions` or `request_confirmation`, with
  `continuationPolicy: wake_assignee`. For the approval of a plan use the key
  `confirmation:{issueId}:plan:{revisionId}`.
- Stay within your budget and your company. Respect pauses and approvals; never work around them.
"""


@dataclass(frozen=True)
class Prompt:
    """What is put before the program, and how many characters each section has (A-32)."""

    text: str
    metrics: dict[str, int] = field(default_factory=dict)


def build(assignment: Assignment, *, resumes: bool, instructions: str = "") -> Prompt:
    """Return the prompt of a run; `instructions` go first, for programs that take them nowhere else.

    A session that is gone on with and has news to hear is told those only (A-27).
    """
    wake = wake_text.render(assignment.wake, resumes=resumes)
    is_delta = resumes and bool(wake)
    sections = {
        "instructionsChars": "" if is_delta else instructions,
        "bootstrapPromptChars": "" if resumes else _template(assignment, "bootstrapPromptTemplate", ""),
        "wakePromptChars": _joined([wake, _failure(assignment)]),
        "sessionHandoffChars": assignment.context.text(HANDOFF_KEY) or "",
        "taskContextChars": task_text.render(assignment.task, assignment.wake),
        "heartbeatPromptChars": "" if is_delta else _template(assignment, "promptTemplate", HEARTBEAT),
    }
    whole = _joined(list(sections.values()))
    metrics = {name: len(section.strip()) for name, section in sections.items()}
    return Prompt(whole, {"promptChars": len(whole), **metrics})


def _template(assignment: Assignment, key: str, default: str) -> str:
    template = text(assignment.config, key) or default
    return templates.fill(template, templates.data_of(assignment))


def _failure(assignment: Assignment) -> str:
    """Return what the run before failed with, where this one tries again because of it (H-117)."""
    said = assignment.context.text("originalError")
    if said is None:
        return ""
    return f"The run before this one failed. It ended with:\n\n{quoting.fenced(said)}"


def _joined(sections: Sequence[str]) -> str:
    return "\n\n".join(section.strip() for section in sections if section.strip())
