"""The board: Django's admin, as the place a company is run from."""

from __future__ import annotations

from unfold.sites import UnfoldAdminSite


class BoardSite(UnfoldAdminSite):
    """The admin site of the product."""
