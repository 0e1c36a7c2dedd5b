"""Which issues an issue's texts name (I-26, I-143).

Kept up in the transaction of every change of a text, so that reads never look through texts. Only issues of the
same company count; the product's own documents are not looked at.
"""

# ruff: noqa: S608  (these strings are made of constants; what a caller sends goes in as parameters)

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

import orjson
from django.db.models import Count, Q

from issues import wire
from issues.choices import SYSTEM_DOCUMENT, ReferenceKind
from issues.models import Comment, Document, Issue, ReferenceMention
from paperclip.core import naming

# Of one text so many characters are looked at, so many words that could name an issue, and so many issues kept.
MAX_CHARS = 524_288
MAX_NAMES = 1000
MAX_TARGETS = 100
_LONGEST_MATCH = 200
# Of an issue so many others are shown, with so many places each.
_MOST_ITEMS = 100
_MOST_SOURCES = 20
_AT_ONCE = 1000

_NAME = r"[A-Za-z][A-Za-z0-9]{0,63}-\d{1,10}"
_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_URL = re.compile(r"https?://[^\s<>\"'`]+", re.IGNORECASE)
_PATH = re.compile(rf"(/issues/({_UUID}|{_NAME}))(?![\w-])(?:#[\w-]*)?")
_IDENTIFIER = re.compile(rf"(?<![\w-]){_NAME}(?!\w)")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_TICKS = re.compile(r"`+")


# --- Texts -----------------------------------------------------------------------------------------------


def named(text: str) -> dict[str, str]:
    """Return the issues that Markdown `text` names: upper-cased identifier or lower-cased id, and the text as found.

    An identifier counts where it stands as a word, `/issues/<id>` as a path or within an address; code never does.
    Each is returned once, in order. One pass over the text, whatever is in it.
    """
    found: dict[str, str] = {}
    for piece in _prose(text[:MAX_CHARS]):
        rest = piece
        if "://" in piece:
            addresses = [match[0] for match in _URL.finditer(piece)]
            for address in addresses:
                _add(found, ((match[2], address) for match in _PATH.finditer(address)))
            rest = _URL.sub(" ", piece)
        _add(found, ((match[2], match[1]) for match in _PATH.finditer(rest)))
        _add(found, ((match[0], match[0]) for match in _IDENTIFIER.finditer(_PATH.sub(" ", rest))))
        if len(found) >= MAX_NAMES:
            break
    return dict(islice(found.items(), MAX_NAMES))


def _add(found: dict[str, str], matches: Iterable[tuple[str, str]]) -> None:
    for name, words in matches:
        key = name.lower() if naming.as_field_uuid(name) else name.upper()
        found.setdefault(key, words.rstrip(".,;:!?)]}")[:_LONGEST_MATCH])


def _prose(text: str) -> Iterator[str]:
    """Yield the paragraphs of Markdown without its code."""
    lines: list[str] = []
    fence = ""
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if fence:
            closes = mark is not None and mark[1].startswith(fence) and not mark[2].strip()
            fence = "" if closes else fence
            continue
        if mark is not None and not (mark[1][0] == "`" and "`" in mark[2]):
            fence = mark[1]
        elif line.strip():
            lines.append(line)
            continue
        yield _without_spans("\n".join(lines))
        lines = []
    yield _without_spans("\n".join(lines))


def _without_spans(paragraph: str) -> str:
    """Return a paragraph without its code spans: runs of as many backticks open and close one."""
    if "`" not in paragraph:
        return paragraph
    runs = list(_TICKS.finditer(paragraph))
    closers: dict[int, list[int]] = {}
    for place, run in enumerate(runs):
        closers.setdefault(len(run[0]), []).append(place)
    kept, at, place = [], 0, 0
    for places in closers.values():
        places.reverse()
    while place < len(runs):
        later = closers[len(runs[place][0])]
        while later and later[-1] <= place:
            later.pop()
        if later:
            end = later[-1]
            kept.append(paragraph[at : runs[place].start()])
            at, place = runs[end].end(), end + 1
        else:
            place += 1
    return " ".join([*kept, paragraph[at:]])


# --- Keeping them up -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """A text of an issue: its kind, and the comment or document when it is not the issue's own."""

    kind: str
    record_id: UUID | None = None
    key: str | None = None


@dataclass(frozen=True)
class Peer:
    """An issue that is named."""

    id: UUID
    identifier: str
    title: str


_OWN_TEXTS = {"title": Place(ReferenceKind.TITLE), "description": Place(ReferenceKind.DESCRIPTION)}


def note_new(issue: Issue, *, now: datetime) -> dict[str, Any]:
    """Look at the texts of an issue that was just made; see `note`."""
    texts = {place: getattr(issue, name) or "" for name, place in _OWN_TEXTS.items()}
    return note(issue, texts, now=now) if any(named(text) for text in texts.values()) else {}


def note_all_new(issues: Sequence[Issue], *, now: datetime) -> dict[UUID, dict[str, Any]]:
    """Look at the texts of issues of one company that were just made together; see `note`, by the issue's id."""
    names = {
        issue.pk: {place: named(getattr(issue, name) or "") for name, place in _OWN_TEXTS.items()}
        for issue in issues
    }
    said = {name for places in names.values() for found in places.values() for name in found}
    peers = _resolve(issues[0].company_id, said) if said else {}
    wanted: dict[UUID, dict[Place, dict[Peer, str]]] = {}
    for issue in issues:
        meant = {place: _meant(found, peers) for place, found in names[issue.pk].items()}
        wanted[issue.pk] = {
            place: {peer: words for peer, words in found.items() if peer.id != issue.pk}
            for place, found in meant.items()
        }
    ReferenceMention.objects.bulk_create(
        (
            _mention(issue, place, peer, words, now)
            for issue in issues
            for place, found in wanted[issue.pk].items()
            for peer, words in found.items()
        ),
        batch_size=_AT_ONCE,
    )
    return {
        issue_id: _told({}, {peer.id: peer for found in places.values() for peer in found})
        for issue_id, places in wanted.items()
    }


def note_issue(issue: Issue, columns: Collection[str], *, now: datetime) -> dict[str, Any]:
    """Look at those of the issue's own texts that are among the changed `columns`; see `note`."""
    texts = {place: getattr(issue, name) or "" for name, place in _OWN_TEXTS.items() if name in columns}
    return note(issue, texts, now=now) if texts else {}


def note_comment(issue: Issue, comment: Comment, *, now: datetime) -> dict[str, Any]:
    """Look at a new comment on the issue; see `note`."""
    return note(issue, {Place(ReferenceKind.COMMENT, comment.pk): comment.body}, now=now)


def note_document(issue: Issue, document: Document, key: str, *, now: datetime) -> dict[str, Any]:
    """Look at what a document of the issue says now; see `note`. The product's own is passed over."""
    if key == SYSTEM_DOCUMENT:
        return {}
    return note(issue, {Place(ReferenceKind.DOCUMENT, document.pk, key): document.latest_body}, now=now)


def forget(issue: Issue, kind: ReferenceKind, record_id: UUID, *, now: datetime) -> dict[str, Any]:
    """Forget what a comment or document named that is being removed; see `note`."""
    return note(issue, {Place(kind, record_id): ""}, now=now)


def note(issue: Issue, texts: Mapping[Place, str], *, now: datetime) -> dict[str, Any]:
    """Keep which issues `texts` name, in place of what stood under their places. The issue is locked.

    Returns what the log tells of it (I-157): `addedReferencedIssues`, `removedReferencedIssues` and
    `currentReferencedIssues` of the whole issue, each only when there is something in it.
    """
    names = {place: named(text) for place, text in texts.items()}
    said = {name for found in names.values() for name in found}
    peers = _resolve(issue.company_id, said, but=issue.pk)
    wanted = {place: _meant(found, peers) for place, found in names.items()}
    here, elsewhere = _stored(issue, texts)
    if here or peers:
        _replace(issue, wanted, now)
    before = here | elsewhere
    after = {peer.id: peer for found in wanted.values() for peer in found} | elsewhere
    return _told(before, after)


def _told(before: Mapping[UUID, Peer], after: Mapping[UUID, Peer]) -> dict[str, Any]:
    return {
        name: [{"id": peer.id, "identifier": peer.identifier, "title": peer.title} for peer in listed]
        for name, listed in (
            ("addedReferencedIssues", _sorted(after, without=before)),
            ("removedReferencedIssues", _sorted(before, without=after)),
            ("currentReferencedIssues", _sorted(after, without={})),
        )
        if listed
    }


def _resolve(company_id: UUID, names: Collection[str], *, but: UUID | None = None) -> dict[str, Peer]:
    """Return the issues of the company that `names` mean, under the names that were used; `but` is left out."""
    if not names:
        return {}
    peers: list[Peer] = []
    listed = list(names)
    for some in (listed[start : start + _AT_ONCE] for start in range(0, len(listed), _AT_ONCE)):
        ids = [found for name in some if (found := naming.as_field_uuid(name))]
        rows = Issue.objects.filter(Q(identifier__in=some) | Q(pk__in=ids), company_id=company_id)
        peers += [Peer(*row) for row in rows.values_list("pk", "identifier", "title") if row[0] != but]
    return {name: peer for peer in peers for name in (peer.identifier, str(peer.id)) if name in names}


def _meant(names: Mapping[str, str], peers: Mapping[str, Peer]) -> dict[Peer, str]:
    """Return the issues that a text means, each with the first words that name it."""
    found: dict[Peer, str] = {}
    for name, words in names.items():
        if name in peers and len(found) < MAX_TARGETS:
            found.setdefault(peers[name], words)
    return found


def _stored(issue: Issue, places: Iterable[Place]) -> tuple[dict[UUID, Peer], dict[UUID, Peer]]:
    """Return the issues named under `places`, and those named anywhere else in the issue."""
    here = _under(places)
    rows = (
        ReferenceMention.objects.filter(source_issue=issue)
        .values("target_issue_id", "target_issue__identifier", "target_issue__title")
        .annotate(inside=Count("pk", filter=here), outside=Count("pk", filter=~here))
    )
    found = [
        (
            Peer(row["target_issue_id"], row["target_issue__identifier"], row["target_issue__title"]),
            row["inside"],
            row["outside"],
        )
        for row in rows
    ]
    return (
        {peer.id: peer for peer, inside, _ in found if inside},
        {peer.id: peer for peer, _, outside in found if outside},
    )


def _replace(issue: Issue, wanted: Mapping[Place, Mapping[Peer, str]], now: datetime) -> None:
    ReferenceMention.objects.filter(_under(wanted), source_issue=issue).delete()
    ReferenceMention.objects.bulk_create(
        _mention(issue, place, peer, words, now)
        for place, found in wanted.items()
        for peer, words in found.items()
    )


def _mention(issue: Issue, place: Place, peer: Peer, words: str, now: datetime) -> ReferenceMention:
    return ReferenceMention(
        company_id=issue.company_id,
        source_issue=issue,
        target_issue_id=peer.id,
        source_kind=place.kind,
        source_record_id=place.record_id,
        document_key=place.key,
        matched_text=words,
        created_at=now,
    )


def _under(places: Iterable[Place]) -> Q:
    found = Q()
    for place in places:
        found |= Q(source_record_id=place.record_id) if place.record_id else Q(source_kind=place.kind)
    return found


def _sorted(peers: Mapping[UUID, Peer], *, without: Mapping[UUID, Peer]) -> list[Peer]:
    rest = [peer for peer_id, peer in peers.items() if peer_id not in without]
    return sorted(rest, key=lambda peer: peer.identifier)[:MAX_TARGETS]


# --- Reading ---------------------------------------------------------------------------------------------

_ISSUE = {
    "id": "peer.id",
    "identifier": "peer.identifier",
    "title": "peer.title",
    "status": "peer.status",
    "priority": "peer.priority",
    "assigneeAgentId": "peer.assignee_agent_id",
    "assigneeUserId": "peer.assignee_user_id",
}
_SOURCE = {
    "kind": "place.source_kind",
    "sourceRecordId": "place.source_record_id",
    "label": "COALESCE(place.document_key, place.source_kind)",
    "matchedText": "place.matched_text",
}
_KINDS = "ARRAY[" + ", ".join(f"'{kind}'" for kind in ReferenceKind.values) + "]::text[]"


def _related(own: str, other: str) -> str:
    """Return SQL for the issues at the `other` end of the mentions whose `own` end is the issue (I-143)."""
    return f"""(
  SELECT json_agg(json_build_object('issue', {wire.json_object(_ISSUE)}, 'mentionCount', grouped.mentions,
                                    'sources', grouped.sources)
                  ORDER BY grouped.mentions DESC, peer.identifier)
  FROM (
    SELECT place.{other} AS peer_id, count(*) AS mentions,
      json_agg({wire.json_object(_SOURCE)} ORDER BY place.rank) FILTER (WHERE place.rank <= {_MOST_SOURCES}) AS sources
    FROM (
      SELECT mention.*, row_number() OVER (
        PARTITION BY mention.{other}
        ORDER BY array_position({_KINDS}, mention.source_kind::text), mention.created_at, mention.id) AS rank
      FROM issue_reference_mentions AS mention WHERE mention.{own} = issue.id
    ) AS place
    GROUP BY place.{other} ORDER BY mentions DESC LIMIT {_MOST_ITEMS}
  ) AS grouped JOIN issues AS peer ON peer.id = grouped.peer_id)::text"""


OUTBOUND = _related("source_issue_id", "target_issue_id")
INBOUND = _related("target_issue_id", "source_issue_id")
_READ = f"SELECT {OUTBOUND}, {INBOUND} FROM issues AS issue WHERE issue.id = %(id)s"


def related(issue_id: UUID) -> dict[str, Any]:
    """Return `relatedWork` and `referencedIssueIdentifiers` of an issue, in one query."""
    ((outbound, inbound),) = wire.rows(_READ, {"id": issue_id})
    return shown(outbound, inbound)


def shown(outbound: str | None, inbound: str | None) -> dict[str, Any]:
    """Return `relatedWork` and `referencedIssueIdentifiers` from the JSON of `OUTBOUND` and `INBOUND`."""
    items = orjson.loads(outbound) if outbound else []
    return {
        "relatedWork": {"outbound": items, "inbound": wire.fragment(inbound or "[]")},
        "referencedIssueIdentifiers": [item["issue"]["identifier"] for item in items],
    }
