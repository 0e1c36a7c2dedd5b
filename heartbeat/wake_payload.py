"""What an agent is told at the start of a run, in one bounded JSON value (H-85, H-86).

Beside what called it: how the work stands, from the issue's continuation summary, and, when the engine itself called,
what it wants.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from heartbeat.context import WakeContext
from issues.choices import SYSTEM_DOCUMENT
from issues.models import Comment, Issue, IssueDocument
from paperclip.core import clock, naming

MAX_COMMENTS = 8
MAX_COMMENT_CHARS = 4_000
MAX_TOTAL_CHARS = 12_000
MAX_SUMMARY_CHARS = 4_000
_PASSED_ON = (
    "childIssueSummaries",
    "childIssueSummaryTruncated",
    "interactionKind",
    "interactionStatus",
    "dependencyBlockedInteraction",
    "treeHoldInteraction",
    "activeTreeHold",
    "unresolvedBlockerIssueIds",
    "unresolvedBlockerSummaries",
    "executionStage",
)
_CONTINUATION = ("attempt", "maxAttempts", "sourceRunId", "state", "reason", "instruction")
_HANDOFF = (
    "handoffReason",
    "missingDisposition",
    "validDispositionOptions",
    "detectedProgressSummary",
    "handoffAttempt",
    "maxHandoffAttempts",
    "sourceRunId",
    "instruction",
)


def build(context: WakeContext, issue: Issue | None) -> dict[str, Any] | None:
    """Return the payload, None when there is no issue, comment or stage to tell of."""
    if issue is None and not context.comment_ids and "executionStage" not in context.more:
        return None
    comments, missing, truncated = _comments(context, issue)
    window = {
        "requestedCount": len(context.comment_ids),
        "includedCount": len(comments),
        "missingCount": missing,
    }
    return {
        "reason": context.wake_reason,
        "issue": _issue(issue),
        **{key: context.more[key] for key in _PASSED_ON if key in context.more},
        "livenessContinuation": _continuation(context),
        "handoff": {key: context.more.get(key) for key in _HANDOFF}
        if context.flag("handoffRequired")
        else None,
        "missingIssueComment": _missing_comment(context),
        "continuationSummary": _summary(issue),
        "checkedOutByHarness": context.flag("paperclipHarnessCheckedOut"),
        "commentIds": list(context.comment_ids),
        "latestCommentId": context.comment_ids[-1] if context.comment_ids else None,
        "comments": comments,
        "commentWindow": window,
        "truncated": truncated or missing > 0,
        "fallbackFetchNeeded": truncated or missing > 0,
    }


def flattened(payload: dict[str, Any]) -> dict[str, Any]:
    """Return the form an environment variable carries: authors and counts one level up, blank comments gone."""
    comments = [
        {
            **{
                key: value
                for key, value in comment.items()
                if key not in ("author", "presentation", "metadata")
            },
            "authorId": comment["author"]["id"],
        }
        for comment in payload["comments"]
        if comment["body"].strip()
    ]
    rest = {key: value for key, value in payload.items() if key != "commentWindow"}
    return {**rest, **payload["commentWindow"], "comments": comments}


def _issue(issue: Issue | None) -> dict[str, Any] | None:
    if issue is None:
        return None
    return {
        "id": str(issue.pk),
        "identifier": issue.identifier,
        "title": issue.title,
        "status": issue.status,
        "priority": issue.priority,
        "workMode": issue.work_mode,
    }


def _continuation(context: WakeContext) -> dict[str, Any] | None:
    """What the engine wants of a run that goes on with one that moved nothing (H-109)."""
    if not context.continuation_attempt:
        return None
    told = {key: context.more.get(f"livenessContinuation{key[0].upper()}{key[1:]}") for key in _CONTINUATION}
    return {**told, "attempt": context.continuation_attempt}


def _missing_comment(context: WakeContext) -> dict[str, Any] | None:
    """What the engine wants of a run that follows one without a word (H-104)."""
    source = context.text("missingIssueCommentForRunId")
    if source is None:
        return None
    return {"sourceRunId": source, "instruction": context.text("missingIssueCommentInstruction")}


def _summary(issue: Issue | None) -> dict[str, Any] | None:
    """How the work stood at the end of the issue's last run."""
    if issue is None:
        return None
    links = IssueDocument.objects.filter(company_id=issue.company_id, issue=issue, key=SYSTEM_DOCUMENT)
    link = links.select_related("document").first()
    if link is None:
        return None
    body = link.document.latest_body
    return {
        "key": link.key,
        "title": link.document.title,
        "body": body[:MAX_SUMMARY_CHARS],
        "bodyTruncated": len(body) > MAX_SUMMARY_CHARS,
        "updatedAt": clock.iso(link.document.updated_at),
    }


def _comments(context: WakeContext, issue: Issue | None) -> tuple[list[dict[str, Any]], int, bool]:
    """Return the newest wanted comments that fit, how many are missing, and whether any was cut."""
    if issue is None or not context.comment_ids:
        return [], 0, False
    wanted = [
        comment_id for text in context.comment_ids if (comment_id := naming.as_field_uuid(text)) is not None
    ]
    rows: dict[UUID, Comment] = Comment.objects.filter(issue=issue).in_bulk(wanted[-MAX_COMMENTS:])
    shown: list[dict[str, Any]] = []
    room, cut = MAX_TOTAL_CHARS, False
    for comment_id in wanted[-MAX_COMMENTS:]:
        row = rows.get(comment_id)
        if row is None:
            continue
        body = row.body[: min(MAX_COMMENT_CHARS, room)]
        room -= len(body)
        cut = cut or len(body) < len(row.body)
        shown.append(
            {
                "id": str(row.pk),
                "issueId": str(row.issue_id),
                "authorType": row.author_type,
                "body": body,
                "bodyTruncated": len(body) < len(row.body),
                "presentation": row.presentation,
                "metadata": row.metadata,
                "createdAt": clock.iso(row.created_at),
                "author": {"type": row.author_type, "id": _author(row)},
            }
        )
    return shown, len(context.comment_ids) - len(shown), cut


def _author(comment: Comment) -> str | None:
    author = comment.author_agent_id or comment.author_user_id
    return str(author) if author else None
