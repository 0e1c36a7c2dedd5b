from __future__ import annotations

from django.urls import path

from workspaces.api.project_workspaces import WorkspacesView, WorkspaceView

urlpatterns = [
    path("projects/<str:project_ref>/workspaces", WorkspacesView.as_view()),
    path("projects/<str:project_ref>/workspaces/<str:workspace_id>", WorkspaceView.as_view()),
]
