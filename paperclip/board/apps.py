from __future__ import annotations

from django.contrib.admin.apps import AdminConfig


class BoardConfig(AdminConfig):
    """Makes our site the admin of the product."""

    default_site = "paperclip.board.site.BoardSite"
