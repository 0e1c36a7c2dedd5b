"""What a person types about a trigger."""

from __future__ import annotations

from functools import cache
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from unfold import widgets

from paperclip.core.errors import Refusal
from paperclip.core.forms import BoardForm, choice, text
from routines import schedule, words
from routines.choices import (
    GRACE_MAX_SEC,
    LABEL_MAX,
    REPLAY_WINDOW_MAX_SEC,
    REPLAY_WINDOW_MIN_SEC,
    REPLAY_WINDOW_SEC,
    ClockChanges,
    SigningMode,
    TriggerKind,
)
from routines.models import Routine, Trigger

_MINUTE = 60
# Written into the field with one click.
PRESETS = (
    ("Every hour", "0 * * * *"),
    ("Every day at 9", "0 9 * * *"),
    ("Working days at 9", "0 9 * * 1-5"),
    ("Mondays at 9", "0 9 * * 1"),
    ("First of the month", "0 9 1 * *"),
)


@cache
def zones() -> list[str]:
    """Return the names of time zones that people choose from."""
    return sorted(name for name in available_timezones() if "/" in name or name in ("UTC", "GMT"))


def zone_choices(chosen: str | None) -> list[tuple[str, str]]:
    """Return the zones on offer; one that was chosen under an older name stays."""
    names = zones()
    others = [chosen] if chosen and chosen not in names else []
    return [(name, name.replace("_", " ")) for name in [*others, *names]]


class TriggerForm(BoardForm):
    """What every trigger has."""

    label = text("Name", required=False, help_text="Told apart by it in the history.")
    enabled = forms.BooleanField(
        label="Switched on", required=False, initial=True, widget=widgets.UnfoldBooleanSwitchWidget()
    )

    def offer(self) -> None:
        """Bound what is typed."""
        self.fields["label"].widget.attrs["maxlength"] = LABEL_MAX

    def clean_label(self) -> str | None:
        """Return the name, or None."""
        label: str = self.cleaned_data["label"].strip()
        if len(label) > LABEL_MAX:
            raise forms.ValidationError(f"At most {LABEL_MAX} characters.")
        return label or None

    def values_of(self, row: Any) -> dict[str, Any]:
        """Return what the form shows of a trigger."""
        return {**super().values_of(row), "label": row.label or ""}

    def columns(self) -> dict[str, Any]:
        """Return the columns of a valid form."""
        return dict(self.cleaned_data)


class ScheduleForm(TriggerForm):
    """When a schedule is due, and what it does on days the clock is changed and after a downtime."""

    cron_expression = text(
        "When", help_text="Five fields: minute, hour, day of month, month, day of week, as in crontab."
    )
    timezone = choice("In the time of")
    clock_changes = choice("On days the clock is changed", words.CLOCK_CHANGES.items())
    grace_minutes = forms.IntegerField(
        label="At most so late, in minutes",
        required=False,
        min_value=0,
        max_value=GRACE_MAX_SEC // _MINUTE,
        help_text="Empty: however late.",
        widget=widgets.UnfoldAdminIntegerFieldWidget(),
    )
    field_order = ("cron_expression", "timezone", "label", "clock_changes", "grace_minutes", "enabled")

    halves = ("timezone", "label", "clock_changes", "grace_minutes")

    def offer(self) -> None:
        """Offer the zones, the installation's own first chosen."""
        super().offer()
        self.fields["cron_expression"].widget.attrs |= {
            "maxlength": schedule.MAX_EXPRESSION,
            "autocomplete": "off",
            "spellcheck": "false",
        }
        self.set_choices("timezone", zone_choices(self.row and self.row.timezone))
        self.initial = {
            "timezone": settings.TIME_ZONE,
            "clock_changes": ClockChanges.ONCE,
            "cron_expression": PRESETS[1][1],
            **self.initial,
        }

    def values_of(self, row: Any) -> dict[str, Any]:
        """Return what the form shows of a schedule; grace in whole minutes."""
        grace = row.grace_sec
        return {
            **super().values_of(row),
            "grace_minutes": None if grace is None else -(-grace // _MINUTE),
        }

    def clean_cron_expression(self) -> str:
        """Return the expression in one line."""
        return " ".join(self.cleaned_data["cron_expression"].split())

    def clean(self) -> dict[str, Any]:
        """Say beside the field what is wrong with an expression."""
        given = self.cleaned_data
        if "cron_expression" in given and "timezone" in given:
            try:
                schedule.require_valid(given["cron_expression"], given["timezone"])
            except Refusal as refusal:
                self.add_error("cron_expression", refusal.message)
        return given

    def columns(self) -> dict[str, Any]:
        """Return the columns; grace that nobody touched keeps its seconds."""
        columns = super().columns()
        minutes = columns.pop("grace_minutes")
        if "grace_minutes" in self.changed_data or self.row is None:
            columns["grace_sec"] = None if minutes is None else minutes * _MINUTE
        return columns

    def draft(self, routine: Routine) -> Trigger:
        """Return the schedule as it would be, not stored. The form is valid."""
        columns = {"grace_sec": self.row.grace_sec if self.row is not None else None} | self.columns()
        return Trigger(kind=TriggerKind.SCHEDULE, routine=routine, **columns)


class WebhookForm(TriggerForm):
    """How the sender of a webhook proves to know its secret."""

    signing_mode = choice("The sender must", words.SIGNING.items())
    replay_window_sec = forms.IntegerField(
        label="A signature counts for, in seconds",
        min_value=REPLAY_WINDOW_MIN_SEC,
        max_value=REPLAY_WINDOW_MAX_SEC,
        initial=REPLAY_WINDOW_SEC,
        help_text="Within it the same signature is not taken twice.",
        widget=widgets.UnfoldAdminIntegerFieldWidget(),
    )
    field_order = ("label", "signing_mode", "replay_window_sec", "enabled")

    halves = ("signing_mode", "replay_window_sec")

    def values_of(self, row: Any) -> dict[str, Any]:
        """Return what the form shows of a webhook; one without a mode signs with the time (R-43)."""
        return {
            **super().values_of(row),
            "signing_mode": row.signing_mode or SigningMode.HMAC_SHA256,
            "replay_window_sec": row.replay_window_sec or REPLAY_WINDOW_SEC,
        }


FORMS: dict[str, type[TriggerForm]] = {
    TriggerKind.SCHEDULE: ScheduleForm,
    TriggerKind.WEBHOOK: WebhookForm,
    TriggerKind.API: TriggerForm,
}
