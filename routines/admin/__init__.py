"""The pages of routines, and what routines add to other pages."""

from routines.admin import added, history, pages

__all__ = ["added", "history", "pages"]
