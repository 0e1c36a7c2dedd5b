"""Triggers on the board: how they stand on their routine's page, the forms that make and change them, and the preview
of a schedule while it is typed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.response import TemplateResponse

from paperclip.core import clock, naming
from paperclip.core.admin import Crumb, FormPage
from paperclip.core.errors import BadRequest, Refusal
from paperclip.core.scope import scope_of
from routines import curl, previews, schedule, triggers, webhook_secrets, words
from routines.admin.trigger_forms import FORMS, PRESETS, ScheduleForm, TriggerForm
from routines.choices import RoutineStatus, TriggerKind
from routines.models import Routine, Trigger
from routines.previews import Preview, Time
from routines.triggers import Made
from routines.webhook_secrets import Material


@dataclass(frozen=True)
class ShownTime:
    """One time to come as it is drawn: the wall's words, the offset, and what a change of the clock does to it."""

    at: datetime
    wall: str
    offset: str
    note: str = ""


@dataclass(frozen=True)
class ShownTrigger:
    """A trigger as it is drawn on its routine's page."""

    row: Trigger
    kind: str
    reading: str = ""
    told: Preview | None = None
    missed: str = ""
    times: Sequence[ShownTime] = ()
    downtimes: Sequence[tuple[str, str]] = ()
    url: str = ""
    example: str = ""
    signing: str = ""


def shown(routine: Routine, *, now: datetime) -> list[ShownTrigger]:
    """Return a routine's triggers in the order they were made: one query, and one more for its schedules."""
    told = {preview.trigger.pk: preview for preview in previews.of_routine(routine.pk, now=now)}
    rows = Trigger.objects.filter(routine=routine).order_by("created_at", "id")
    return [_shown(trigger, routine, told.get(trigger.pk), now) for trigger in rows]


def times(told: Sequence[Time]) -> list[ShownTime]:
    """Return times to come as they are drawn."""
    return [ShownTime(time.at, _wall(time.local), _offset(time.local), _note(time)) for time in told]


def _shown(trigger: Trigger, routine: Routine, told: Preview | None, now: datetime) -> ShownTrigger:
    kind = words.KINDS[trigger.kind]
    if trigger.kind == TriggerKind.WEBHOOK:
        url = webhook_secrets.url(trigger)
        mode = trigger.signing_mode
        return ShownTrigger(
            trigger, kind, url=url, example=curl.example(url, mode), signing=words.SIGNING.get(mode or "", "")
        )
    if told is None or told.fault is not None:
        return ShownTrigger(trigger, kind, told=told)
    trigger.routine = routine
    return ShownTrigger(
        trigger,
        kind,
        reading=schedule.reading(trigger.cron_expression or ""),
        told=told,
        missed=words.of_missed(told),
        times=times(told.times),
        downtimes=_downtimes(trigger, now),
    )


def _downtimes(trigger: Trigger, now: datetime) -> list[tuple[str, str]]:
    """Return what would be made of a downtime of each length, as words."""
    lengths = ("an hour", "8 hours", "a day", "a week")
    told = previews.after_downtime(trigger, now=now)
    return [(length, words.of_downtime(each)) for length, each in zip(lengths, told, strict=True)]


def _wall(local: datetime) -> str:
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M}"


def _offset(local: datetime) -> str:
    zone = f"{local:%z}"
    return f"UTC{zone[:3]}:{zone[3:5]}"


def _note(time: Time) -> str:
    if not time.is_clock_change:
        return ""
    return "put off: the clock skips its time" if time.is_moved else "the clock was changed before it"


class TriggerPages:
    """For the routine's page."""

    def get_custom_urls(self: Any) -> tuple[tuple[str, str, Any], ...]:
        """Return the addresses of triggers beside those every page has."""
        return (
            *super().get_custom_urls(),  # type: ignore[misc]
            (
                "<str:object_id>/trigger/add/<slug:kind>/",
                "routines_routine_add_trigger",
                self.add_trigger_view,
            ),
            ("<str:object_id>/trigger/<str:trigger_id>/", "routines_routine_trigger", self.trigger_view),
            ("<str:object_id>/preview/", "routines_routine_preview", self.preview_view),
        )

    # Forms.

    def add_trigger_view(
        self: Any, request: HttpRequest, object_id: str, kind: str, model_admin: Any = None
    ) -> HttpResponse:
        """Show the form that adds a trigger, and add it. The secret of a webhook is shown this once."""
        routine = self.find(request, object_id, to_write=True)
        if kind not in FORMS:
            raise Http404("There is no such kind of trigger.")
        name = words.KINDS[kind].lower()
        page = FormPage(f"New {name}", f"Add {name}", crumbs=self.trigger_crumbs(routine))

        def save(fields: dict[str, Any]) -> Made:
            actor = scope_of(request).actor
            return triggers.create(
                routine_id=routine.pk, fields={"kind": kind, **fields}, actor=actor, now=clock.now()
            )

        answer: HttpResponse = self.answer_trigger(request, routine, None, kind, page, save)
        return answer

    def trigger_view(
        self: Any, request: HttpRequest, object_id: str, trigger_id: str, model_admin: Any = None
    ) -> HttpResponse:
        """Show the form that changes a trigger, and change it."""
        routine = self.find(request, object_id, to_write=True)
        trigger = find_trigger(routine, trigger_id)
        if trigger is None:
            raise Http404("There is no such trigger.")
        page = FormPage(
            f"Edit {words.KINDS[trigger.kind].lower()}", "Save", crumbs=self.trigger_crumbs(routine)
        )

        def save(fields: dict[str, Any]) -> Made:
            actor = scope_of(request).actor
            changed = triggers.update(trigger_id=trigger.pk, fields=fields, actor=actor, now=clock.now())
            return Made(changed, routine.latest_revision)

        answer: HttpResponse = self.answer_trigger(request, routine, trigger, trigger.kind, page, save)
        return answer

    def trigger_crumbs(self: Any, routine: Routine) -> list[Crumb]:
        """Return the way back to a routine."""
        return [*self.crumbs(), Crumb(self.title_of(routine), self.row_url(routine))]

    def answer_trigger(
        self: Any,
        request: HttpRequest,
        routine: Routine,
        trigger: Trigger | None,
        kind: str,
        page: FormPage,
        save: Callable[[dict[str, Any]], Made],
    ) -> HttpResponse:
        """Show a trigger's form, or save what was posted. Refusals appear beside their fields."""
        form = FORMS[kind](request.POST or None, scope=scope_of(request), row=trigger)
        if request.method == "POST" and form.is_valid():
            try:
                made = save(form.columns())
            except Refusal as refusal:
                form.add_refusal(refusal)
            else:
                if made.material is not None:
                    shown_once: HttpResponse = self.show_secrets(request, routine, [made.material])
                    return shown_once
                return HttpResponseRedirect(self.row_url(routine))
        context = {
            **self.admin_site.each_context(request),
            "title": page.title,
            "crumbs": page.crumbs,
            "page": page,
            "form": form,
            "routine": routine,
            "cancel_url": self.row_url(routine),
            "is_schedule": kind == TriggerKind.SCHEDULE,
            "presets": PRESETS,
            "preview_url": self.preview_url(routine),
            **preview_of(form, routine, now=clock.now()),
        }
        return TemplateResponse(request, "routines/trigger_form.html", context)

    def show_secrets(
        self: Any, request: HttpRequest, routine: Routine, materials: Sequence[Material]
    ) -> HttpResponse:
        """Return the page on which the secrets of webhooks stand this once."""
        modes = {
            str(trigger.pk): trigger
            for trigger in Trigger.objects.filter(
                routine=routine, pk__in=[each.trigger_id for each in materials]
            )
        }
        made = [
            {
                "trigger": modes[each.trigger_id],
                "secret": each.secret,
                "url": each.url,
                "example": curl.example(each.url, modes[each.trigger_id].signing_mode, secret=each.secret),
            }
            for each in materials
        ]
        context = {
            **self.admin_site.each_context(request),
            "title": "The webhook's secret" if len(made) == 1 else "The webhooks' secrets",
            "crumbs": self.trigger_crumbs(routine),
            "made": made,
            "back_url": self.row_url(routine),
        }
        response = TemplateResponse(request, "routines/secrets.html", context)
        response["Cache-Control"] = "no-store"
        return response

    # The preview.

    def preview_url(self: Any, routine: Routine) -> str:
        """Return the address that draws what a schedule would do."""
        url: str = self.row_url(routine)
        return url.replace("/change/", "/preview/")

    def preview_view(
        self: Any, request: HttpRequest, object_id: str, model_admin: Any = None
    ) -> HttpResponse:
        """Return what a schedule that is being typed would do: a reading, its next times, a downtime's end."""
        routine = self.find(request, object_id)
        form = ScheduleForm(request.GET, scope=scope_of(request))
        response = render(request, "routines/parts/preview.html", preview_of(form, routine, now=clock.now()))
        response["Cache-Control"] = "private, no-store"
        return response

    # Deeds.

    def switch_on(self, request: HttpRequest, row: Routine) -> str:
        """Let a trigger set the routine off."""
        self._switch(request, row, is_on=True)
        return "Switched on. What was missed meanwhile is over."

    def switch_off(self, request: HttpRequest, row: Routine) -> str:
        """Let a trigger rest."""
        self._switch(request, row, is_on=False)
        return "Switched off."

    def _switch(self, request: HttpRequest, row: Routine, *, is_on: bool) -> None:
        triggers.update(
            trigger_id=_named(request, row).pk,
            fields={"enabled": is_on},
            actor=scope_of(request).actor,
            now=clock.now(),
        )

    def delete_trigger(self, request: HttpRequest, row: Routine) -> str:
        """Take a trigger away."""
        trigger = _named(request, row)
        triggers.delete(trigger_id=trigger.pk, actor=scope_of(request).actor, now=clock.now())
        return f"{words.KINDS[trigger.kind]} {trigger} is deleted. Restore a revision to have it back."

    def rotate(self: Any, request: HttpRequest, row: Routine) -> HttpResponse:
        """Replace the secret of a webhook, and show the new one this once."""
        made = triggers.rotate_secret(
            trigger_id=_named(request, row).pk, actor=scope_of(request).actor, now=clock.now()
        )
        assert made.material is not None  # rotating makes one
        answer: HttpResponse = self.show_secrets(request, row, [made.material])
        return answer


def preview_of(form: TriggerForm, routine: Routine, *, now: datetime) -> dict[str, Any]:
    """Return what the preview draws of a schedule's form, sent or not; nothing of other forms."""
    if not isinstance(form, ScheduleForm):
        return {}
    if not form.is_bound:
        form = ScheduleForm(
            {name: value for name, value in form.initial.items() if value is not None},
            scope=form.scope,
            row=form.row,
        )
    if not form.is_valid():
        faults = [str(fault) for name in form.errors for fault in form.errors[name]]
        return {"preview": {"fault": " ".join(faults)}}
    trigger = form.draft(routine)
    expression, zone = triggers.written(trigger)
    coming = previews.of_expression(expression, zone, now=now, as_shown=triggers.fires_as_shown(trigger))
    return {
        "preview": {
            "reading": schedule.reading(expression),
            "zone": zone,
            "times": times(coming),
            "downtimes": _downtimes(trigger, now),
            "is_paused": routine.status != RoutineStatus.ACTIVE,
        }
    }


def find_trigger(routine: Routine, reference: str) -> Trigger | None:
    """Return the trigger of a routine that an id names, or None."""
    trigger_id = naming.as_field_uuid(reference)
    return None if trigger_id is None else Trigger.objects.filter(routine=routine, pk=trigger_id).first()


def _named(request: HttpRequest, row: Routine) -> Trigger:
    trigger = find_trigger(row, request.POST.get("trigger", ""))
    if trigger is None:
        raise BadRequest("Choose a trigger")
    return trigger
