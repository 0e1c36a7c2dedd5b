"""Issues and what hangs on them. Import from here; the modules behind are split by subject only for reading."""

from issues.models.attachment import Attachment
from issues.models.comment import Comment
from issues.models.document import Document, DocumentRevision, IssueDocument
from issues.models.feedback import FeedbackVote
from issues.models.hold import TreeHold, TreeHoldMember
from issues.models.interaction import Interaction
from issues.models.issue import (
    LIST_ORDER,
    ApprovalLink,
    InboxArchive,
    Issue,
    IssueLabel,
    Label,
    ReadState,
    Relation,
)
from issues.models.policy import Decision
from issues.models.reference import ReferenceMention, ReferenceScan
from issues.models.work_product import WorkProduct

__all__ = [
    "LIST_ORDER",
    "ApprovalLink",
    "Attachment",
    "Comment",
    "Decision",
    "Document",
    "DocumentRevision",
    "FeedbackVote",
    "InboxArchive",
    "Interaction",
    "Issue",
    "IssueDocument",
    "IssueLabel",
    "Label",
    "ReadState",
    "ReferenceMention",
    "ReferenceScan",
    "Relation",
    "TreeHold",
    "TreeHoldMember",
    "WorkProduct",
]
