"""What a run leaves on its issue besides its work: its last word as a comment, and the state of the work as a document.

The document is for whoever goes on, perhaps with a fresh memory (H-85, H-100, I-136). It is written from rows, the
issue, its newest comments, its blockers, and is rewritten after every run, so it never grows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from heartbeat import actionability
from heartbeat.endings import Ending
from issues import comments, documents, wakes
from issues.choices import SYSTEM_DOCUMENT, AuthorType, IssueStatus
from issues.models import Issue
from paperclip.companies import actors

MAX_WORD = 8_000
MAX_DOCUMENT = 8_000
_TITLE = "Continuation Summary"
_OBJECTIVE_CHARS = 1_500
_CRITERIA_CHARS = 1_500
_ACTION_CHARS = 300
_ACTIONS = 6
_NAMES = 12
_NAME_CHARS = 160
_CUT = "\n\n… (cut)"

_CRITERIA = re.compile(
    r"^#{1,6}[ \t]*(?:acceptance criteria|definition of done|done when|shown when)\b.*$",
    re.IGNORECASE | re.MULTILINE,
)
_HEADING = re.compile(r"^#{1,6}[ \t]", re.MULTILINE)
_CODE = re.compile(r"`([^`\n]{2,160})`")
_PATH = re.compile(r"(?:[\w.@~-]*/)+[\w.@*{}:~-]*|[\w-]+\.[A-Za-z]\w{0,4}")
_COMMAND = re.compile(
    r"(?:\$ |(?:npm|npx|pnpm|yarn|bun|node|python3?|pip|uv|pytest|make|cargo|go|git|docker|psql|curl|bash|sh|ruff"
    r"|mypy|tox|gradle|mvn|dotnet|bundle|rake|terraform|kubectl)\b)"
)


def post_last_word(ending: Ending) -> UUID | None:
    """Put what the run's result says on the issue, as the agent's comment, when it left none itself (H-100).

    It calls nobody. Returns the comment's id, None when nothing was posted.
    """
    issue, run = ending.issue, ending.run
    if (
        issue is None
        or not ending.succeeded
        or ending.evidence.comment_id is not None
        or not ending.last_word
    ):
        return None
    author = actors.for_agent(run.agent, run_id=run.pk)
    body = _bounded(ending.last_word, MAX_WORD)
    comment = comments.insert(issue=issue, body=body, actor=author, now=ending.now)
    comments.record(issue, comment, actor=author, now=ending.now, reopened_from=None, trace=wakes.NO_TRACE)
    return comment.pk


def refresh(ending: Ending) -> None:
    """Rewrite the issue's `continuation-summary`; two statements (I-136)."""
    issue = ending.issue
    if issue is None:
        return
    body = write(ending, issue, _history(issue.pk))
    documents.keep(
        issue=issue, key=SYSTEM_DOCUMENT, title=_TITLE, body=body, run_id=ending.run.pk, now=ending.now
    )


@dataclass(frozen=True)
class History:
    """What the issue has to tell: newest words of agents as (agent, text), and open blockers as (identifier, title)."""

    words: tuple[tuple[str, str], ...] = ()
    blockers: tuple[tuple[str, str], ...] = ()


def write(ending: Ending, issue: Issue, history: History) -> str:
    """Return the document, at most 8,000 characters; sections without content are left out."""
    sections = (
        ("Objective", _objective(issue)),
        ("Acceptance Criteria", _criteria(issue.description or "")),
        ("Recent Concrete Actions", _actions(ending, history)),
        ("Files / Routes Touched", _named(ending.said, is_command=False)),
        ("Commands Run", _named(ending.said, is_command=True)),
        ("Blockers / Decisions", _blockers(ending, issue, history)),
        ("Next Action", f"- {_next(ending, issue, history)}"),
    )
    *before, last = [f"## {title}\n\n{text}" for title, text in sections if text]
    # What comes next is what the document is for: it is never the part that is cut.
    room = MAX_DOCUMENT - len(last) - 2
    return "\n\n".join((_bounded("\n\n".join(before), room), last))


_HISTORY = """
SELECT
  (SELECT json_agg(json_build_array(word.name, word.body)) FROM
     (SELECT coalesce(agent.name, 'An agent') AS name, left(comment.body, %(chars)s) AS body
      FROM issue_comments AS comment LEFT JOIN agents AS agent ON agent.id = comment.author_agent_id
      WHERE comment.issue_id = %(issue)s AND comment.author_type = %(by)s
      ORDER BY comment.created_at DESC, comment.number DESC LIMIT %(most)s) AS word),
  (SELECT json_agg(json_build_array(waits.identifier, waits.title)) FROM
     (SELECT blocker.identifier, left(blocker.title, %(name)s) AS title
      FROM issue_relations AS link JOIN issues AS blocker ON blocker.id = link.issue_id
      WHERE link.related_issue_id = %(issue)s AND link.type = 'blocks' AND blocker.status <> %(done)s
      ORDER BY link.created_at, link.id LIMIT %(names)s) AS waits)
"""


def _history(issue_id: UUID) -> History:
    values: dict[str, Any] = {
        "issue": issue_id,
        "chars": 2 * _ACTION_CHARS,
        "by": AuthorType.AGENT.value,
        "most": _ACTIONS,
        "name": _NAME_CHARS,
        "names": _NAMES,
        "done": IssueStatus.DONE.value,
    }
    with connection.cursor() as cursor:
        cursor.execute(_HISTORY, values)
        words, blockers = cursor.fetchone()
    return History(
        tuple((name, body) for name, body in words or ()),
        tuple((identifier, title) for identifier, title in blockers or ()),
    )


def _objective(issue: Issue) -> str:
    described = _CRITERIA.split(issue.description or "", maxsplit=1)[0].strip()
    about = f"\n\n{_quoted(_bounded(described, _OBJECTIVE_CHARS))}" if described else ""
    return f"{issue.identifier}: {actionability.sentence(issue.title, 200)} ({issue.status}){about}"


def _criteria(description: str) -> str:
    mark = _CRITERIA.search(description)
    if mark is None:
        return ""
    rest = description[mark.end() :]
    heading = _HEADING.search(rest)
    wanted = rest[: heading.start()].strip() if heading else rest.strip()
    return _quoted(_bounded(wanted, _CRITERIA_CHARS)) if wanted else ""


def _actions(ending: Ending, history: History) -> str:
    run = ending.run
    traces = ending.evidence.told() if ending.succeeded else ""
    state = f", {run.liveness_state.replace('_', ' ')}" if run.liveness_state and ending.succeeded else ""
    last = f"Last run by {run.agent.name}: {run.get_status_display().lower()}{state}"
    lines = [last + (f" ({traces})" if traces else "")]
    lines += [
        f"{name}: {actionability.sentence(ending.mask(body), _ACTION_CHARS)}" for name, body in history.words
    ]
    return "\n".join(f"- {line}" for line in lines)


def _blockers(ending: Ending, issue: Issue, history: History) -> str:
    lines = [
        f"Waits for {identifier}: {actionability.sentence(title, _NAME_CHARS)}"
        for identifier, title in history.blockers
    ]
    if ending.run.liveness_state == "blocked" and issue.status != IssueStatus.BLOCKED:
        lines.append(str(ending.run.liveness_reason))
    if not ending.succeeded:
        lines.append("The last run did not come to a good end; check what it left behind before going on")
    return "\n".join(f"- {line}" for line in lines)


def _next(ending: Ending, issue: Issue, history: History) -> str:
    if ending.run.next_action:
        return ending.run.next_action
    if issue.status in (IssueStatus.DONE, IssueStatus.CANCELLED):
        return "Nothing; the issue is closed"
    if history.blockers:
        return f"Go on when {history.blockers[0][0]} is done"
    if not ending.succeeded:
        return "Take the work up again where the last run broke off"
    return "Go on with the objective, or say how the work stands"


def _named(texts: Iterable[str], *, is_command: bool) -> str:
    """List what the texts put between backticks: commands, or files and routes."""
    found = [name.strip() for text in texts for name in _CODE.findall(text)]
    wanted = [name for name in found if (_is_command(name) if is_command else _PATH.fullmatch(name))]
    return "\n".join(f"- `{name}`" for name in list(dict.fromkeys(wanted))[:_NAMES])


def _is_command(name: str) -> bool:
    return " " in name and _COMMAND.match(name) is not None


def _quoted(text: str) -> str:
    """Text of the issue stays text: its headings are not the document's."""
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def _bounded(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - len(_CUT)].rstrip() + _CUT
