"""Setting a routine off by hand: with a click, or with a form where it asks for variables."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from paperclip.core import clock
from paperclip.core.admin import Crumb, FormPage
from paperclip.core.errors import Refusal
from paperclip.core.scope import scope_of
from routines import starts
from routines.admin.forms import StartForm
from routines.choices import RunSource, RunStatus
from routines.models import Routine, RoutineRun


class StartPages:
    """For the routine's page."""

    def get_custom_urls(self: Any) -> tuple[tuple[str, str, Any], ...]:
        """Return the address of the form beside those every page has."""
        return (
            *super().get_custom_urls(),  # type: ignore[misc]
            ("<str:object_id>/run/", "routines_routine_run", self.run_view),
        )

    def run_view(self: Any, request: HttpRequest, object_id: str, model_admin: Any = None) -> HttpResponse:
        """Show the form that sets the routine off, and set it off. What is refused appears beside its field."""
        routine = self.find(request, object_id, to_write=True)
        form = StartForm(request.POST or None, scope=scope_of(request), row=routine)
        if request.method == "POST" and form.is_valid():
            try:
                run = _start(request, routine, form.columns())
            except Refusal as refusal:
                form.add_refusal(refusal)
            else:
                _say(request, run)
                return HttpResponseRedirect(self.row_url(routine))
        title = self.title_of(routine)
        page = FormPage(
            f"Run {title}",
            "Run now",
            intro="It runs once, whatever its triggers do." if not routine.variables else "",
            crumbs=[*self.crumbs(), Crumb(title, self.row_url(routine))],
        )
        context = {
            **self.admin_site.each_context(request),
            "title": page.title,
            "crumbs": page.crumbs,
            "page": page,
            "form": form,
            "cancel_url": self.row_url(routine),
        }
        return TemplateResponse(request, "board/form.html", context)

    def run(self: Any, request: HttpRequest, row: Routine) -> HttpResponse:
        """Set the routine off as it always is."""
        _say(request, _start(request, row, {}))
        back: HttpResponse = self.way_back(request, row)
        return back


def _start(request: HttpRequest, routine: Routine, fields: dict[str, Any]) -> RoutineRun:
    return starts.run_now(
        routine_id=routine.pk,
        fields={"source": RunSource.MANUAL, **fields},
        actor=scope_of(request).actor,
        now=clock.now(),
    )


def _say(request: HttpRequest, run: RoutineRun) -> None:
    """Say what became of a start; a failed one is no success, and says why."""
    if run.status == RunStatus.FAILED:
        messages.error(request, f"Failed: {run.reason}")
    elif run.reason is not None:
        messages.warning(request, run.reason)
    else:
        assert run.linked_issue is not None  # what is not explained made an issue
        messages.success(request, f"Created {run.linked_issue.identifier}.")
