from __future__ import annotations

from django.urls import URLPattern, path

from routines.api import revisions, routines, runs, triggers, webhooks

urlpatterns: list[URLPattern] = [
    path("companies/<str:company_id>/routines", routines.RoutineList.as_view()),
    path("companies/<str:company_id>/routines/upcoming", routines.CompanyUpcoming.as_view()),
    path("routines/<str:routine_id>", routines.RoutineDetail.as_view()),
    path("routines/<str:routine_id>/upcoming", routines.RoutineUpcoming.as_view()),
    path("routines/<str:routine_id>/revisions", revisions.RevisionList.as_view()),
    path(
        "routines/<str:routine_id>/revisions/<str:revision_id>/restore", revisions.RevisionRestore.as_view()
    ),
    path("routines/<str:routine_id>/triggers", triggers.TriggerList.as_view()),
    path("routines/<str:routine_id>/runs", runs.RoutineRuns.as_view()),
    path("routines/<str:routine_id>/run", runs.RunNow.as_view()),
    path("routine-triggers/<str:trigger_id>", triggers.TriggerDetail.as_view()),
    path("routine-triggers/<str:trigger_id>/rotate-secret", triggers.TriggerSecret.as_view()),
    path("routine-triggers/public/<str:public_id>/fire", webhooks.FireWebhook.as_view()),
]
