"""The coming week of a company's schedules on one page."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from paperclip.core import clock
from paperclip.core.scope import scope_of
from routines import previews, schedule, week, words
from routines.admin.trigger_forms import zone_choices, zones
from routines.week import Day

_SHOWN = 40


class CalendarPage:
    """For the list of routines."""

    def get_custom_urls(self: Any) -> tuple[tuple[str, str, Any], ...]:
        """Return the address of the calendar beside those every page has."""
        return (
            *super().get_custom_urls(),  # type: ignore[misc]
            ("calendar/", "routines_routine_calendar", self.calendar_view),
        )

    def calendar_view(self: Any, request: HttpRequest, model_admin: Any = None) -> HttpResponse:
        """Show what will be set off in the next seven days, by the clock of a zone that the reader may choose."""
        scope = scope_of(request)
        if scope.company is None:
            return redirect("admin:index")
        asked = request.GET.get("zone", "")
        name = asked if asked in zones() else settings.TIME_ZONE
        now = clock.now()
        told = previews.of_company(scope.company.pk, now=now)
        found = week.arrange(told, zone=ZoneInfo(name), now=now)
        context = {
            **self.admin_site.each_context(request),
            "title": "Calendar",
            "crumbs": self.crumbs(),
            "week": found,
            "days": [_day(day) for day in found.days],
            "often": [(row, schedule.reading(row.trigger.cron_expression or "")) for row in found.often],
            "late": [(row, words.of_missed(row)) for row in found.late],
            "zone": name,
            "zone_choices": zone_choices(name),
            "may_add": self.has_add_permission(request),
        }
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        return TemplateResponse(request, "routines/calendar.html", context)


def _day(day: Day) -> dict[str, Any]:
    return {
        "name": f"{day.day:%A}",
        "date": f"{day.day.day} {day.day:%b}",
        "entries": [(entry, f"{entry.first:%H:%M}", f"{entry.last:%H:%M}") for entry in day.entries[:_SHOWN]],
        "hidden": max(0, len(day.entries) - _SHOWN),
    }
