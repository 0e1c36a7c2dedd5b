"""A run that worked on an issue without a word is called once more, to say what it did (H-104)."""

from __future__ import annotations

from heartbeat.choices import CommentPolicy, Mechanism
from heartbeat.comment_policy import MISSING_COMMENT
from heartbeat.endings import Ending
from heartbeat.retries.decisions import Decision, Requeue

_INSTRUCTION = (
    "The run before ended well without a comment on the issue. Say there, in a comment, what was done and what "
    "comes next; do not do the work again."
)


def propose(ending: Ending) -> Decision | None:
    """Return the call for the comment that the policy found missing; None when it is satisfied or not asked."""
    run = ending.run
    if run.issue_comment_status == CommentPolicy.RETRY_EXHAUSTED:
        return Decision(Mechanism.COMMENT_RETRY, "The run left no comment on the issue")
    if run.issue_comment_status != CommentPolicy.RETRY_QUEUED:
        return None
    attempt = run.comment_retry_count + 1
    told = {"modelProfile": "cheap", "missingIssueCommentForRunId": run.pk}
    requeue = Requeue(
        wake_reason=MISSING_COMMENT,
        retry_reason=MISSING_COMMENT,
        counters={"comment_retry_count": attempt},
        context={**told, "missingIssueCommentInstruction": _INSTRUCTION},
        payload=told,
    )
    reason = "The run left no comment on the issue; it is asked for one"
    return Decision(Mechanism.COMMENT_RETRY, reason, attempt, requeue=requeue)
