from __future__ import annotations

from django.apps import AppConfig


class WorkspacesConfig(AppConfig):
    name = "workspaces"

    def ready(self) -> None:
        from paperclip.companies import projects
        from workspaces import receivers as receivers  # connects the signals
        from workspaces import shapes

        projects.extend(shapes.of_projects)
