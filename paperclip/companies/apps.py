from __future__ import annotations

from django.apps import AppConfig


class CompaniesConfig(AppConfig):
    name = "paperclip.companies"
    label = "companies"

    def ready(self) -> None:
        from paperclip.companies import checks as checks  # registers the system checks
        from paperclip.companies import dashboard, joins

        dashboard.register("agents", dashboard.agents_piece)
        dashboard.register_badge("joinRequests", joins.pending_count)
        dashboard.register_dismissed("joinRequests", "join", joins.dismissed_count)
