from __future__ import annotations

from django.urls import path

from workspaces.api import execution_workspaces, runtime
from workspaces.api.project_workspaces import WorkspacesView, WorkspaceView

urlpatterns = [
    path("projects/<str:project_ref>/workspaces", WorkspacesView.as_view()),
    path("projects/<str:project_ref>/workspaces/<str:workspace_id>", WorkspaceView.as_view()),
    path(
        "companies/<str:company_id>/execution-workspaces",
        execution_workspaces.CompanyExecutionWorkspacesView.as_view(),
    ),
    path("execution-workspaces/<str:workspace_id>", execution_workspaces.ExecutionWorkspaceView.as_view()),
    path(
        "execution-workspaces/<str:workspace_id>/close-readiness",
        execution_workspaces.CloseReadinessView.as_view(),
    ),
    path(
        "execution-workspaces/<str:workspace_id>/workspace-operations",
        execution_workspaces.WorkspaceOperationsView.as_view(),
    ),
    *(
        path(
            f"execution-workspaces/<str:workspace_id>/{word}/<str:action>",
            runtime.ExecutionRuntimeView.as_view(),
        )
        for word in ("runtime-services", "runtime-commands")
    ),
    *(
        path(
            f"projects/<str:project_ref>/workspaces/<str:workspace_id>/{word}/<str:action>",
            runtime.ProjectRuntimeView.as_view(),
        )
        for word in ("runtime-services", "runtime-commands")
    ),
    path("workspace-operations/<str:operation_id>/log", execution_workspaces.OperationLogView.as_view()),
]
