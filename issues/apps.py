from __future__ import annotations

from django.apps import AppConfig


class IssuesConfig(AppConfig):
    name = "issues"

    def ready(self) -> None:
        from issues import counts
        from issues import receivers as receivers  # connects the signals
        from paperclip.companies import dashboard

        dashboard.register("tasks", counts.by_state)
