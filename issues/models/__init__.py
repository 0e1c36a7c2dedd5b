"""Issues and what hangs on them. Import from here; the modules behind are split by subject only for reading."""

from issues.models.comment import Comment
from issues.models.document import Document, DocumentRevision, IssueDocument
from issues.models.issue import ApprovalLink, InboxArchive, Issue, IssueLabel, Label, ReadState, Relation

__all__ = [
    "ApprovalLink",
    "Comment",
    "Document",
    "DocumentRevision",
    "InboxArchive",
    "Issue",
    "IssueDocument",
    "IssueLabel",
    "Label",
    "ReadState",
    "Relation",
]
