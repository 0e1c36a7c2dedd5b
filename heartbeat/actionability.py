"""What an agent's own words say of what comes next (H-107, H-108): pure, bounded, and never more than a hint.

Prose is weighed last. A marker, a line an agent writes on purpose (`Blocked: …`, `Next action: …`), counts for
more than wording; wording is matched on word boundaries, and whatever it says only ever holds back a continuation
(beats HW-27).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum

from paperclip.core import redaction

MAX_TEXT = 8_000
MAX_SENTENCE = 500


class Actionability(StrEnum):
    """Whether an agent could go on by itself."""

    RUNNABLE = "runnable"
    APPROVAL_REQUIRED = "approval_required"
    BLOCKED_EXTERNAL = "blocked_external"
    MANAGER_REVIEW = "manager_review"
    UNKNOWN = "unknown"


WAITS = (Actionability.APPROVAL_REQUIRED, Actionability.BLOCKED_EXTERNAL)


def _words(*alternatives: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(alternatives)})\b", re.IGNORECASE)


# A few words may stand between what is wanted and what it is wanted for; more would reach into the next thought.
_GAP = r"(?:[\w'’/-]+ ){0,3}"
_NOT_BLOCKED = _words(
    r"(?:not|never|no longer|isn['’]t|aren['’]t|nothing(?: is)?) (?:currently |really |yet )?"
    r"(?:blocked|blocking|waiting)",
    r"no (?:open |remaining |known |current |external )?blockers?",
    r"without blockers?",
    r"unblocked",
)
_APPROVAL = _words(
    rf"(?:need|needs|needed|requires?|required|awaiting|awaits?|waiting (?:for|on)|wait for|pending|subject to)"
    rf" {_GAP}(?:approval|approvals|sign[- ]?off|go[- ]?ahead)",
    r"approval (?:is |was )?(?:still )?(?:needed|required|pending|outstanding)",
)
_EXTERNAL = _words(
    rf"(?:waiting (?:for|on)|blocked (?:on|by)|need(?:s|ed)? (?!to\b)|missing|lack(?:s|ing)?|requires?) ?{_GAP}"
    r"(?:access|credentials?|secrets?|keys?|tokens?|logins?|passwords?|permissions?|input|clarification)",
    r"(?:cannot|can['’]t|unable to) (?:continue|proceed|go on|move on) (?:until|without|before|unless)",
)
_MANAGER = _words(
    rf"(?:deploy(?:ing|ment)?|release|roll(?:ing)? ?out|push) {_GAP}(?:to )?production",
    rf"rotat(?:e|ing|ion of) {_GAP}(?:secrets?|keys?|credentials?|tokens?)",
    r"(?:secret|key|credential) rotation",
    r"(?:security|spend|spending|budget) (?:review|sign[- ]?off)",
)
_WORK = _words(
    r"add(?:ing)?",
    r"analy[sz](?:e|ing)",
    r"build(?:ing)?",
    r"check(?:ing)?",
    r"chang(?:e|ing)",
    r"creat(?:e|ing)",
    r"debug(?:ging)?",
    r"draft(?:ing)?",
    r"edit(?:ing)?",
    r"fix(?:ing)?",
    r"implement(?:ing)?",
    r"inspect(?:ing)?",
    r"investigat(?:e|ing)",
    r"look(?:ing)? (?:at|into)",
    r"read(?:ing)?",
    r"refactor(?:ing)?",
    r"remov(?:e|ing)",
    r"report(?:ing)?",
    r"review(?:ing)?",
    r"run(?:ning)?",
    r"start(?:ing)?",
    r"test(?:ing)?",
    r"updat(?:e|ing)",
    r"verif(?:y|ying)",
    r"writ(?:e|ing)",
)
_FUTURE = _words(
    r"I (?:will|shall|plan to|intend to|am going to|still (?:need|have) to|need to|should)",
    r"I['’](?:ll|m going to)",
    r"let me",
    r"(?:going|planning) to",
    r"next,? (?:I|we)",
    r"(?:the )?next steps? (?:is|are|will be)",
    r"to ?do",
    r"in the next (?:run|heartbeat)",
)
_MARKED_BLOCKED = re.compile(
    r"^[\s#*_>\-]{0,8}(?:status[\s*_]{0,4}:[\s*_]{0,4})?blocked(?:[ \t]+(?:by|on|until|because))?[ \t*_]{0,4}"
    r"[:—–-]+[ \t*_]{0,4}(?!(?:no|none|nothing|not|n/a|false)\b)(?=\S)",
    re.IGNORECASE | re.MULTILINE,
)
_MARKED_NEXT = re.compile(
    r"^[\s#*_>\-]{0,8}next(?:[ \t]+(?:steps?|actions?))?[ \t*_]{0,4}:[ \t*_]{0,4}(.*)$", re.IGNORECASE
)
_LIST_MARK = re.compile(r"^\s*(?:[-*+•>#]+|\d{1,3}[.)]|\[[ xX]?\])\s*")
# Lines that programs print about their tools, not an agent to people.
_NOISE = re.compile(r"^\s*(?:\[[\w:. -]{1,40}\]|[{}$>+|]|\$ |#!|at \S+:\d+|\d{2}:\d{2}:\d{2})")


def classify(text: str) -> Actionability:
    """Return whether whoever wrote `text` could go on alone, as far as its wording tells (H-107)."""
    text = excerpt(text)
    if _NOT_BLOCKED.search(text):
        return Actionability.RUNNABLE if _WORK.search(text) else Actionability.UNKNOWN
    for pattern, verdict in (
        (_APPROVAL, Actionability.APPROVAL_REQUIRED),
        (_EXTERNAL, Actionability.BLOCKED_EXTERNAL),
        (_MANAGER, Actionability.MANAGER_REVIEW),
        (_WORK, Actionability.RUNNABLE),
    ):
        if pattern.search(text):
            return verdict
    return Actionability.UNKNOWN


def is_marked_blocked(text: str) -> bool:
    """Return whether a line says `Blocked: …`, `Blocked by: …` or `Status: blocked - …`, and not by nothing."""
    return _MARKED_BLOCKED.search(excerpt(text)) is not None


def announces_work(text: str) -> bool:
    """Return whether `text` speaks of work to come."""
    return _FUTURE.search(excerpt(text)) is not None


def next_action(sources: Iterable[str]) -> str | None:
    """Return the next step the first of `sources` names that names one, at most 500 characters (H-108).

    A `Next:` line, or the line after a bare one, comes before a sentence in which somebody promises something.
    """
    texts = [excerpt(source) for source in sources]
    for find in (_marked, _promised):
        for text in texts:
            found = find(text)
            if found:
                return sentence(found)
    return None


def spoken(transcript: str) -> str:
    """Return what of a program's output reads like words to people: tool and command lines are left out."""
    lines = (line for line in excerpt(transcript).splitlines() if any(map(str.isalpha, line)))
    return "\n".join(line for line in lines if not _NOISE.match(line))


def excerpt(text: str) -> str:
    """Return `text`, or its beginning and end when it is long; what is decided from it stays cheap."""
    if len(text) <= MAX_TEXT:
        return text
    half = MAX_TEXT // 2
    return f"{text[:half]}\n{text[-half:]}"


def sentence(text: str, most: int = MAX_SENTENCE) -> str:
    """Return `text` on one line, without secrets, in at most `most` characters."""
    # Secrets go before the cut: half of one would not be known as one.
    line = redaction.text(" ".join(text.split()))
    return line if len(line) <= most else line[: most - 1] + "…"


def _marked(text: str) -> str | None:
    lines = text.splitlines()
    for number, line in enumerate(lines):
        mark = _MARKED_NEXT.match(line)
        if mark is None:
            continue
        told = _bare(mark[1]) or next((bare for after in lines[number + 1 :] if (bare := _bare(after))), "")
        if told:
            return told
    return None


def _promised(text: str) -> str | None:
    return next((_bare(line) for line in text.splitlines() if _FUTURE.search(line) and _bare(line)), None)


def _bare(line: str) -> str:
    """A line without list marks and emphasis around it; empty when no word is left."""
    bare = _LIST_MARK.sub("", line).strip(" \t*_")
    return bare if any(map(str.isalnum, bare)) else ""
