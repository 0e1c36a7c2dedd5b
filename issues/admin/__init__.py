"""The pages of issues, and what issues add to other pages."""

from issues.admin import added, documents, feedback, holds, labels, pages

__all__ = ["added", "documents", "feedback", "holds", "labels", "pages"]
