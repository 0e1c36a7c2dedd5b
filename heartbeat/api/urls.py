from __future__ import annotations

from django.urls import path

from heartbeat.api import (
    adapters,
    agents,
    callbacks,
    costs,
    issues,
    operations,
    retries,
    runs,
    wakeups,
    watchdog,
)

urlpatterns = [
    path("agents/<str:agent_id>/wakeup", wakeups.WakeupView.as_view()),
    path("agents/<str:agent_id>/heartbeat/invoke", wakeups.InvokeView.as_view()),
    path("agents/<str:agent_id>/runtime-state", agents.RuntimeStateView.as_view()),
    path("agents/<str:agent_id>/runtime-state/reset-session", agents.ResetSessionView.as_view()),
    path("agents/<str:agent_id>/task-sessions", agents.TaskSessionsView.as_view()),
    path("instance/scheduler-heartbeats", agents.SchedulerHeartbeatsView.as_view()),
    path("companies/<str:company_id>/adapters/<str:kind>/models", adapters.ModelsView.as_view()),
    path("companies/<str:company_id>/adapters/<str:kind>/model-profiles", adapters.ProfilesView.as_view()),
    path("companies/<str:company_id>/adapters/<str:kind>/detect-model", adapters.DetectModelView.as_view()),
    path(
        "companies/<str:company_id>/adapters/<str:kind>/test-environment",
        adapters.TestEnvironmentView.as_view(),
    ),
    path("companies/<str:company_id>/heartbeat-runs", runs.CompanyRunsView.as_view()),
    path("companies/<str:company_id>/live-runs", runs.LiveRunsView.as_view()),
    path("heartbeat-runs/<str:run_id>", runs.RunDetailView.as_view()),
    path("heartbeat-runs/<str:run_id>/callback", callbacks.RunCallbackView.as_view()),
    path("heartbeat-runs/<str:run_id>/cancel", runs.CancelRunView.as_view()),
    path("heartbeat-runs/<str:run_id>/events", runs.RunEventsView.as_view()),
    path("heartbeat-runs/<str:run_id>/log", runs.RunLogView.as_view()),
    path("heartbeat-runs/<str:run_id>/issues", runs.RunIssuesView.as_view()),
    path("heartbeat-runs/<str:run_id>/workspace-operations", operations.RunOperationsView.as_view()),
    path("heartbeat-runs/<str:run_id>/watchdog-decisions", watchdog.WatchdogDecisionsView.as_view()),
    path("issues/<str:issue_id>/runs", issues.IssueRunsView.as_view()),
    path("issues/<str:issue_id>/cost-summary", costs.IssueCostSummaryView.as_view()),
    path("issues/<str:issue_id>/live-runs", issues.IssueLiveRunsView.as_view()),
    path("issues/<str:issue_id>/active-run", issues.ActiveRunView.as_view()),
    path("issues/<str:issue_id>/scheduled-retry/retry-now", retries.RetryNowView.as_view()),
]
