from __future__ import annotations

from django.apps import AppConfig


class WorkspacesConfig(AppConfig):
    name = "workspaces"

    def ready(self) -> None:
        from issues import workspace_links
        from paperclip.companies import projects
        from workspaces import execution_shapes, shapes
        from workspaces import receivers as receivers  # connects the signals

        projects.extend(shapes.of_projects)
        workspace_links.register(execution_shapes.current)
