from __future__ import annotations

from django.urls import URLPattern, path

from routines.api import routines, runs, triggers

urlpatterns: list[URLPattern] = [
    path("companies/<str:company_id>/routines", routines.RoutineList.as_view()),
    path("routines/<str:routine_id>", routines.RoutineDetail.as_view()),
    path("routines/<str:routine_id>/triggers", triggers.TriggerList.as_view()),
    path("routines/<str:routine_id>/runs", runs.RoutineRuns.as_view()),
    path("routines/<str:routine_id>/run", runs.RunNow.as_view()),
    path("routine-triggers/<str:trigger_id>", triggers.TriggerDetail.as_view()),
]
