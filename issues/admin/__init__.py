"""The pages of issues, and what issues add to other pages."""

from issues.admin import added, pages

__all__ = ["added", "pages"]
