from __future__ import annotations

from django.apps import AppConfig


class CompaniesConfig(AppConfig):
    name = "paperclip.companies"
    label = "companies"

    def ready(self) -> None:
        from paperclip.companies import dashboard

        dashboard.register("agents", dashboard.agents_piece)
