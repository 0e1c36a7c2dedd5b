"""How well a thing answers a search (I-155): words, distances and points. Pure; reads nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

MAX_QUERY = 200
MAX_TOKENS = 8
SNIPPET = 240
_LEAD = 60

IDENTIFIER_EXACT = 1200
TITLE_EXACT = 900
IDENTIFIER_PREFIX = 700
TITLE_PREFIX = 550
TITLE_CONTAINS = 350
IDENTIFIER_CONTAINS = 320
ALL_TOKENS = 260
COMMENT = 180
DOCUMENT = 170
DESCRIPTION = 120
FUZZY = 110
TOKEN = 70
OPEN_BONUS = 20
CANCELLED_MALUS = -30
# Agents and projects.
OTHER_PHRASE = 90
OTHER_PREFIX = 80
OTHER_TOKEN = 20

_FUZZY_LEAST = 4
_WORD = re.compile(r"\w+")
_QUOTED_OR_WORD = re.compile(r'"([^"]+)"|(\S+)')


@dataclass(frozen=True)
class Query:
    """What is looked for: the phrase as it was typed and its tokens, in lower case."""

    text: str
    phrase: str
    tokens: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is looked for."""
        return not self.phrase

    @property
    def may_be_fuzzy(self) -> bool:
        """Whether misspelt words are worth a look."""
        return len(self.phrase) >= _FUZZY_LEAST and not set(self.phrase) & set("%_\\")


def parse(text: str) -> Query:
    """Return the query in `text`, of which 200 characters count; quoted phrases are one token."""
    text = " ".join(text[:MAX_QUERY].split())
    tokens = [(quoted or word).strip('"').lower().strip() for quoted, word in _QUOTED_OR_WORD.findall(text)]
    kept = dict.fromkeys(token for token in tokens if len(token) >= 2)
    return Query(text, text.replace('"', "").strip().lower(), tuple(kept)[:MAX_TOKENS])


@dataclass
class Match:
    """What is known about an issue that was found."""

    issue_id: str
    identifier: str
    title: str
    status: str
    updated_at: datetime
    covered: set[str] = field(default_factory=set)
    in_description: bool = False
    comment_id: str | None = None
    document_key: str | None = None
    is_fuzzy: bool = False


def issue_points(match: Match, query: Query) -> int:
    """Return the points of an issue; all that applies is added up."""
    title, identifier, phrase = match.title.lower(), match.identifier.lower(), query.phrase
    points = 0
    points += IDENTIFIER_EXACT * (identifier == phrase) + IDENTIFIER_PREFIX * identifier.startswith(phrase)
    points += IDENTIFIER_CONTAINS * (phrase in identifier)
    points += (
        TITLE_EXACT * (title == phrase)
        + TITLE_PREFIX * title.startswith(phrase)
        + TITLE_CONTAINS * (phrase in title)
    )
    points += COMMENT * (match.comment_id is not None) + DOCUMENT * (match.document_key is not None)
    points += DESCRIPTION * match.in_description + FUZZY * match.is_fuzzy
    points += TOKEN * len(match.covered)
    if query.tokens and len(match.covered) == len(query.tokens):
        points += ALL_TOKENS
    return points + {"done": 0, "cancelled": CANCELLED_MALUS}.get(match.status, OPEN_BONUS)


def other_points(name: str, texts: Iterable[str | None], query: Query) -> int:
    """Return the points of an agent or a project; 0 when it does not match."""
    everything = "\n".join(text.lower() for text in (name, *texts) if text)
    points = OTHER_PHRASE * (query.phrase in everything)
    points += sum(OTHER_TOKEN for token in query.tokens if token in everything)
    return points + OTHER_PREFIX * name.lower().startswith(query.phrase) if points else 0


def matched_fields(match: Match, query: Query) -> list[str]:
    """Return where the issue answers the query, strongest first."""
    found = {
        "identifier": query.phrase in match.identifier.lower(),
        "title": query.phrase in match.title.lower()
        or any(token in match.title.lower() for token in query.tokens),
        "comment": match.comment_id is not None,
        "document": match.document_key is not None,
        "description": match.in_description,
    }
    names = [name for name, is_found in found.items() if is_found]
    return names or (["title"] if match.is_fuzzy else ["description"])


# --- Misspelt words --------------------------------------------------------------------------------------


def misspelt(query: Query, titles: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    """Yield the ids of those `(id, identifier, title)` that the query means although it spells otherwise.

    Every token of four characters or more must be near a word of the title, or the query near the identifier.
    """
    wanted = [token for token in query.tokens if len(token) >= _FUZZY_LEAST]
    grams = _trigrams(query.phrase)
    nearby: dict[str, frozenset[str]] = {}
    for issue_id, identifier, title in titles:
        words = _WORD.findall(title.lower())
        if (
            wanted
            and _all_near(wanted, words, nearby)
            or _similarity(grams, _trigrams(identifier.lower())) >= 0.45
        ):
            yield issue_id


def _all_near(wanted: Sequence[str], words: Sequence[str], nearby: dict[str, frozenset[str]]) -> bool:
    covered: set[str] = set()
    for word in words:
        near = nearby.get(word)
        if near is None:
            near = nearby[word] = frozenset(token for token in wanted if within(token, word))
        covered |= near
    return len(covered) == len(wanted)


def within(token: str, word: str) -> bool:
    """Whether two words are near: 2 edits if both have six letters, 1 if both have five, else the same."""
    shorter = min(len(token), len(word))
    limit = 2 if shorter >= 6 else 1 if shorter >= 5 else 0
    if limit == 0 or token == word:
        return token == word
    if abs(len(token) - len(word)) > limit:
        return False
    # Each edit brings in at most one letter that the other word lacks.
    if len(set(token) - set(word)) > limit or len(set(word) - set(token)) > limit:
        return False
    return _distance(token, word) <= limit


def _distance(one: str, other: str) -> int:
    """Return the edit distance, neighbours that changed places counted as one edit."""
    before_last: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, start=1):
        current = [row]
        for column, against in enumerate(other, start=1):
            cost = min(last[column] + 1, current[column - 1] + 1, last[column - 1] + (letter != against))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == against:
                cost = min(cost, before_last[column - 2] + 1)
            current.append(cost)
        before_last, last = last, current
    return last[-1]


def _trigrams(text: str) -> set[str]:
    padded = f"  {text} "
    return {padded[start : start + 3] for start in range(len(padded) - 2)}


def _similarity(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other)


# --- What is shown ---------------------------------------------------------------------------------------


def snippet(text: str, query: Query) -> tuple[str, list[dict[str, int]]]:
    """Return a piece of `text` around the first hit, and where the hits are in it, counted in code points."""
    flat = " ".join(text.split())
    lowered = flat.lower()
    needles = [query.phrase, *query.tokens]
    first = next((at for needle in needles if (at := lowered.find(needle)) >= 0), 0)
    start = max(first - _LEAD, 0)
    piece = flat[start : start + SNIPPET]
    shown = ("…" if start else "") + piece + ("…" if start + SNIPPET < len(flat) else "")
    return shown, highlights(shown, needles)


def highlights(text: str, needles: Sequence[str]) -> list[dict[str, int]]:
    """Return the places of `needles` in `text`, in order and without overlap."""
    pattern = "|".join(re.escape(needle) for needle in sorted(set(needles), key=len, reverse=True) if needle)
    if not pattern:
        return []
    return [{"start": hit.start(), "end": hit.end()} for hit in re.finditer(pattern, text, re.IGNORECASE)]
