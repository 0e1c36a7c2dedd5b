"""Find things by words: issues with their comments and documents, agents, projects (I-146, I-154, I-155).

PostgreSQL finds a bounded number of candidates by plain containment; the points are given in `scoring`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Case, Exists, IntegerField, OuterRef, Q, QuerySet, Value, When

from issues import scoring
from issues.models import Comment, Issue
from issues.scoring import Match, Query
from paperclip.companies.models import Agent, Company, Project
from paperclip.core import throttle

SCOPES = ("all", "issues", "comments", "documents", "agents", "projects")
LIMIT_PER_WINDOW = 60
WINDOW = timedelta(seconds=60)
_CANDIDATES = 400
_FUZZY_TITLES = 2000


# --- Lists -----------------------------------------------------------------------------------------------


def ranked(rows: QuerySet[Issue], term: str, *, then: Sequence[Any]) -> QuerySet[Issue]:
    """Return those of `rows` that hold `term`, by the place of the best hit and `then` by what is given
    (I-146).
    """
    in_comment = Exists(Comment.objects.filter(issue=OuterRef("pk"), body__icontains=term))
    hits = (
        Q(title__istartswith=term),
        Q(title__icontains=term),
        Q(identifier__istartswith=term),
        Q(identifier__icontains=term),
        Q(in_comment),
        Q(description__icontains=term),
    )
    rank = Case(
        *(When(hit, then=Value(place)) for place, hit in enumerate(hits)), output_field=IntegerField()
    )
    return rows.alias(rank=rank).filter(rank__isnull=False).order_by("rank", *then)


def matching(rows: QuerySet[Any], term: str) -> QuerySet[Any]:
    """Return those of `rows` that hold `term`, in their own order."""
    in_comment = Exists(Comment.objects.filter(issue=OuterRef("pk"), body__icontains=term))
    return rows.filter(
        Q(title__icontains=term)
        | Q(identifier__icontains=term)
        | Q(description__icontains=term)
        | Q(in_comment)
    )


# --- Company search --------------------------------------------------------------------------------------


def spend(*, company_id: UUID, actor_id: str, now: datetime) -> throttle.Allowance:
    """Count one search of a caller and return what is left of sixty a minute (I-154)."""
    return throttle.spend(f"search:{company_id}:{actor_id}", limit=LIMIT_PER_WINDOW, window=WINDOW, now=now)


@dataclass(frozen=True)
class Hit:
    """One thing found."""

    kind: str
    points: int
    updated_at: datetime
    match: Match | None = None
    row: Agent | Project | None = None


@dataclass(frozen=True)
class Found:
    """A page of what was found, best first, and how much there is of each kind."""

    query: Query
    hits: Sequence[Hit]
    counts: dict[str, int]
    has_more: bool


def company(*, company_id: UUID, text: str, scope: str, limit: int, offset: int) -> Found:
    """Return the page `offset`..`offset+limit` of what answers `text` in a company."""
    query = scoring.parse(text)
    counts = {"issue": 0, "agent": 0, "project": 0}
    if query.is_empty:
        return Found(query, [], counts, False)
    hits: list[Hit] = []
    if scope not in ("agents", "projects"):
        hits += _issues(company_id, query, scope, enough=offset + limit + 1)
    if scope in ("all", "agents"):
        hits += _agents(company_id, query)
    if scope in ("all", "projects"):
        hits += _projects(company_id, query)
    for hit in hits:
        counts[hit.kind] += 1
    hits.sort(key=lambda hit: (hit.points, hit.updated_at), reverse=True)
    page = hits[offset : offset + limit]
    return Found(query, page, counts, len(hits) > offset + limit)


def results(found: Found, *, place: Company) -> list[dict[str, Any]]:
    """Return the objects of a page (I-154). An issue deleted in between is left out."""
    page = _page([hit.match for hit in found.hits if hit.match is not None], found.query)
    return [
        _issue_result(hit, hit.match, page, found.query, place)
        if hit.match is not None
        else _other_result(hit, found.query, place)
        for hit in found.hits
        if hit.match is None or hit.match.issue_id in page.facts
    ]


def _like(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


_MATCHES = """
SELECT issue.id::text, issue.identifier, issue.title, issue.status, issue.updated_at,
       ARRAY(SELECT token FROM unnest(%(tokens)s::text[], %(token_likes)s::text[]) AS wanted (token, pattern)
             WHERE issue.title ILIKE pattern OR issue.identifier ILIKE pattern
                   OR issue.description ILIKE pattern),
       COALESCE(issue.description ILIKE %(like)s, false)
FROM issues AS issue
WHERE issue.company_id = %(company)s AND issue.hidden_at IS NULL
  AND (issue.id = ANY(%(others)s::uuid[]) OR (%(texts)s AND (
       issue.title ILIKE ANY(%(likes)s::text[]) OR issue.identifier ILIKE ANY(%(likes)s::text[])
       OR issue.description ILIKE ANY(%(likes)s::text[]))))
ORDER BY issue.identifier ILIKE %(phrase)s DESC, issue.title ILIKE %(like)s DESC,
         issue.identifier ILIKE %(like)s DESC,
         issue.id = ANY(%(others)s::uuid[]) DESC, issue.updated_at DESC
LIMIT %(limit)s
"""

_COMMENTS = """
SELECT DISTINCT ON (issue_id) issue_id::text, id::text FROM (
  SELECT issue_id, id, number FROM issue_comments
  WHERE company_id = %(company)s AND body ILIKE %(like)s ORDER BY number DESC LIMIT %(limit)s
) AS found ORDER BY issue_id, number DESC
"""

_DOCUMENTS = """
SELECT DISTINCT ON (link.issue_id) link.issue_id::text, link.key
FROM issue_documents AS link JOIN documents AS document ON document.id = link.document_id
WHERE link.company_id = %(company)s AND link.key <> 'continuation-summary'
  AND (document.title ILIKE %(like)s OR document.latest_body ILIKE %(like)s)
ORDER BY link.issue_id, document.updated_at DESC LIMIT %(limit)s
"""


def _issues(company_id: UUID, query: Query, scope: str, *, enough: int) -> list[Hit]:
    with_texts = scope in ("all", "issues")
    params: dict[str, Any] = {"company": company_id, "like": _like(query.phrase), "limit": _CANDIDATES}
    comments = _pairs(_COMMENTS, params) if scope in ("all", "comments") else {}
    documents = _pairs(_DOCUMENTS, params) if scope in ("all", "documents") else {}
    params |= {
        "texts": with_texts,
        "tokens": list(query.tokens),
        "token_likes": [_like(token) for token in query.tokens],
        "likes": [_like(text) for text in dict.fromkeys((query.phrase, *query.tokens))],
        "phrase": _like(query.phrase)[1:-1],
        "others": [*comments, *documents],
    }
    matches = []
    for issue_id, identifier, title, status, updated_at, covered, described in _rows(_MATCHES, params):
        match = Match(issue_id, identifier, title, status, updated_at, set(covered), described)
        match.comment_id, match.document_key = comments.get(issue_id), documents.get(issue_id)
        if match.comment_id or match.document_key:  # they hold the whole phrase, so every word of it
            match.covered |= set(query.tokens)
        matches.append(match)
    if with_texts and query.may_be_fuzzy and len(matches) < enough:
        matches += _misspelt(company_id, query, known={match.issue_id for match in matches})
    return [Hit("issue", scoring.issue_points(match, query), match.updated_at, match) for match in matches]


def _misspelt(company_id: UUID, query: Query, *, known: set[str]) -> list[Match]:
    """Return the issues among the newest whose title means the query although it spells otherwise."""
    rows = _rows(
        "SELECT id::text, identifier, title, status, updated_at FROM issues"
        " WHERE company_id = %(company)s AND hidden_at IS NULL"
        " ORDER BY last_activity_at DESC LIMIT %(limit)s",
        {"company": company_id, "limit": _FUZZY_TITLES},
    )
    unknown = {row[0]: row for row in rows if row[0] not in known}
    meant = scoring.misspelt(query, ((row[0], row[1], row[2]) for row in unknown.values()))
    matches = [Match(*unknown[issue_id]) for issue_id in meant]
    for match in matches:
        match.is_fuzzy = True
    return matches


def _agents(company_id: UUID, query: Query) -> list[Hit]:
    hits = []
    for agent in (
        Agent.objects.filter(company_id=company_id)
        .exclude(status="terminated")
        .only("id", "name", "title", "role", "capabilities", "updated_at")
    ):
        points = scoring.other_points(agent.name, (agent.title, agent.role, agent.capabilities), query)
        if points:
            hits.append(Hit("agent", points, agent.updated_at, row=agent))
    return hits


def _projects(company_id: UUID, query: Query) -> list[Hit]:
    hits = []
    for project in Project.objects.filter(company_id=company_id, archived_at__isnull=True).only(
        "id", "name", "description", "updated_at"
    ):
        points = scoring.other_points(project.name, (project.description,), query)
        if points:
            hits.append(Hit("project", points, project.updated_at, row=project))
    return hits


# --- What is shown of a hit ------------------------------------------------------------------------------

_AROUND = "substring({0} from greatest(position(%(phrase)s in lower({0})) - 80, 1) for 400)"
_FACTS = f"""
SELECT issue.id::text, issue.priority, issue.assignee_agent_id, issue.assignee_user_id, issue.project_id,
       {_AROUND.format("issue.description")}
FROM issues AS issue WHERE issue.id = ANY(%(ids)s::uuid[])
"""  # noqa: S608
_SAID = f"""
SELECT comment.id::text, {_AROUND.format("comment.body")}
FROM issue_comments AS comment WHERE comment.id = ANY(%(comments)s::uuid[])
UNION ALL
SELECT link.issue_id::text || '/' || link.key, {_AROUND.format("document.latest_body")}
FROM issue_documents AS link JOIN documents AS document ON document.id = link.document_id
WHERE link.issue_id::text || '/' || link.key = ANY(%(documents)s)
  AND link.issue_id = ANY(%(ids)s::uuid[])
"""  # noqa: S608


@dataclass(frozen=True)
class _Page:
    """What the issues of a page need beside their scores, by issue, comment or document."""

    facts: dict[str, tuple[Any, ...]]
    said: dict[str, str]


def _page(matches: Sequence[Match], query: Query) -> _Page:
    if not matches:
        return _Page({}, {})
    ids = [match.issue_id for match in matches]
    params: dict[str, Any] = {"ids": ids, "phrase": query.phrase}
    facts = {row[0]: tuple(row[1:]) for row in _rows(_FACTS, params)}
    params["comments"] = [match.comment_id for match in matches if match.comment_id]
    params["documents"] = [
        f"{match.issue_id}/{match.document_key}" for match in matches if match.document_key
    ]
    said = dict(_rows(_SAID, params)) if params["comments"] or params["documents"] else {}
    return _Page(facts, said)


def _issue_result(hit: Hit, match: Match, page: _Page, query: Query, place: Company) -> dict[str, Any]:
    priority, agent_id, user_id, project_id, description = page.facts[match.issue_id]
    fields = scoring.matched_fields(match, query)
    snippets = []
    if match.comment_id is not None:
        snippets.append(_snippet("comment", page.said.get(match.comment_id, ""), query))
    if match.document_key is not None:
        snippets.append(
            _snippet("document", page.said.get(f"{match.issue_id}/{match.document_key}", ""), query)
        )
    if description and (match.in_description or not snippets):
        snippets.append(_snippet("description", description, query))
    anchor = ""
    if not {"identifier", "title", "description"} & set(fields):
        anchor = f"#comment-{match.comment_id}" if match.comment_id else f"#document-{match.document_key}"
    return {
        "id": match.issue_id,
        "type": "issue",
        "score": hit.points,
        "title": match.title,
        "href": f"/{place.issue_prefix}/issues/{match.identifier}{anchor}",
        "matchedFields": fields,
        "sourceLabel": fields[0].capitalize(),
        "snippet": snippets[0]["text"] if snippets else None,
        "snippets": snippets[:2],
        "issue": {
            "id": match.issue_id,
            "identifier": match.identifier,
            "title": match.title,
            "status": match.status,
            "priority": priority,
            "assigneeAgentId": agent_id,
            "assigneeUserId": user_id,
            "projectId": project_id,
            "updatedAt": match.updated_at,
        },
        "updatedAt": match.updated_at,
        "previewImageUrl": None,
    }


def _snippet(field: str, text: str, query: Query) -> dict[str, Any]:
    shown, highlights = scoring.snippet(text or "", query)
    return {"field": field, "label": field.capitalize(), "text": shown, "highlights": highlights}


def _other_result(hit: Hit, query: Query, place: Company) -> dict[str, Any]:
    row = hit.row
    assert row is not None
    text = row.capabilities or row.title if isinstance(row, Agent) else row.description
    snippets = [_snippet("description", text, query)] if text else []
    return {
        "id": row.id,
        "type": hit.kind,
        "score": hit.points,
        "title": row.name,
        "href": f"/{place.issue_prefix}/{hit.kind}s/{row.url_key}",
        "matchedFields": ["name"] if query.phrase in row.name.lower() else ["description"],
        "sourceLabel": hit.kind.capitalize(),
        "snippet": snippets[0]["text"] if snippets else None,
        "snippets": snippets,
        "updatedAt": row.updated_at,
        "previewImageUrl": None,
    }


def _pairs(sql: str, params: dict[str, Any]) -> dict[str, str]:
    return {row[0]: row[1] for row in _rows(sql, params)}


def _rows(sql: str, params: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())
