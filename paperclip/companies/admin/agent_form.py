"""What a person types about an agent, and how its configuration is shown without its secrets."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django import forms
from unfold import widgets

from paperclip.companies import queries
from paperclip.companies.admin import secret_lines
from paperclip.companies.choices import ADAPTER_TYPES, AgentRole
from paperclip.core import naming, redaction
from paperclip.core.forms import BoardForm, choice, json_field, text
from paperclip.core.templatetags.board import role_words


class AgentForm(BoardForm):
    """What a person says about an agent: fields for what a `process` agent needs, JSON for the rest."""

    name = text("Name", help_text="What everybody calls it.")
    title = text("Title", required=False, help_text="Such as Head of research.")
    role = choice("Role", [(role, role_words(role)) for role in AgentRole.values])
    reports_to = choice("Reports to", required=False)
    capabilities = text(
        "What it can do", required=False, wide=True, help_text="Others read this to choose whom to ask."
    )
    adapter_type = choice(
        "Adapter", [(name, name) for name in ADAPTER_TYPES], help_text="process starts a program."
    )
    cwd = text(
        "Folder it works in",
        required=False,
        help_text="An absolute path; left empty, it gets one of its own.",
    )
    command = text("Command", required=False, help_text="The program that is started, such as python3.")
    args = text("Arguments", required=False, wide=True, help_text="One per line.")
    more_config = json_field(
        "Other configuration", help_text='JSON, such as {"timeoutSec": 600, "env": {"NAME": "value"}}'
    )
    secrets = secret_lines.field()
    has_timer = forms.BooleanField(
        label="Wake it by a timer too", required=False, widget=widgets.UnfoldBooleanSwitchWidget()
    )
    interval_minutes = forms.IntegerField(
        label="Every … minutes",
        required=False,
        min_value=1,
        max_value=60 * 24 * 7,
        widget=widgets.UnfoldAdminIntegerFieldWidget(),
    )
    more_runtime = json_field("Other heartbeat settings", help_text='JSON, such as {"maxConcurrentRuns": 1}')

    halves = ("name", "title", "role", "reports_to", "adapter_type", "cwd", "has_timer", "interval_minutes")
    parts = {"adapter_type": "How it is run", "has_timer": "When it is woken"}

    def offer(self) -> None:
        """Offer the company's agents as managers, and its secrets."""
        self.fields["secrets"].help_text = secret_lines.help_text(self.secret_keys)
        rows = queries.agents_of(self.scope.company_id)
        if self.row is not None:
            rows = rows.exclude(pk=self.row.pk)
        managers = [(str(pk), name) for pk, name in rows.values_list("pk", "name")[:500]]
        self.set_choices("reports_to", [("", "Nobody"), *managers])
        if self.row is None:
            self.initial.setdefault("role", AgentRole.ENGINEER)
            self.initial.setdefault("adapter_type", "process")

    @cached_property
    def secret_keys(self) -> dict[str, str]:
        """The keys of the company's secrets, by id."""
        return secret_lines.keys(self.scope.company_id)

    def values_of(self, row: Any) -> dict[str, Any]:
        """Return what the form shows of an agent. Configuration that holds secrets stays on the server."""
        config = without_secrets(row.adapter_config)
        beat = dict(row.runtime_config.get("heartbeat") or {})
        interval = beat.pop("intervalSec", None)
        return {
            **super().values_of(row),
            "reports_to": str(row.reports_to_id or ""),
            "cwd": config.pop("cwd", ""),
            "command": config.pop("command", ""),
            "args": "\n".join(map(str, config.pop("args", []) or [])),
            "more_config": config,
            "secrets": secret_lines.shown(row.adapter_config.get("env"), self.secret_keys),
            "has_timer": beat.pop("enabled", False) is True,
            "interval_minutes": max(1, round(interval / 60)) if isinstance(interval, int | float) else None,
            "more_runtime": without_secrets(beat),
        }

    def clean_more_config(self) -> dict[str, Any]:
        """Return the object, or say that it is none."""
        return self._object("more_config")

    def clean_more_runtime(self) -> dict[str, Any]:
        """Return the object, or say that it is none."""
        return self._object("more_runtime")

    def clean_secrets(self) -> dict[str, Any]:
        """Return the bindings the lines stand for."""
        return secret_lines.read(self.cleaned_data["secrets"], self.secret_keys)

    def _object(self, name: str) -> dict[str, Any]:
        value = self.cleaned_data[name] or {}
        if not isinstance(value, dict):
            raise forms.ValidationError("This must be a JSON object, in braces.")
        return value


def without_secrets(config: dict[str, Any]) -> dict[str, Any]:
    """Return the keys of a configuration that hold no secret: what a form may show and send back."""
    return {
        key: value
        for key, value in config.items()
        if key != "env" and redaction.data(value, key=key) == value
    }


def shown(config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration as people may read it: names of the environment, no values."""
    return {
        key: redaction.env(value)
        if key == "env" and isinstance(value, dict)
        else redaction.data(value, key=key)
        for key, value in config.items()
    }


def with_secrets(stored: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
    """Return what was sent, with the parts of the stored configuration that the form did not show."""
    visible = without_secrets(stored)
    return {key: value for key, value in stored.items() if key not in visible} | sent


def fields(values: dict[str, Any]) -> dict[str, Any]:
    """Return the columns that the form's values stand for."""
    return {
        "name": values["name"],
        "title": values["title"] or None,
        "role": values["role"],
        "reports_to": naming.as_field_uuid(values["reports_to"]),
        "capabilities": values["capabilities"] or None,
        "adapter_type": values["adapter_type"],
        "adapter_config": _adapter_config(values),
        "runtime_config": {"heartbeat": _heartbeat(values)},
    }


def _adapter_config(values: dict[str, Any]) -> dict[str, Any]:
    own = {"command": values["command"], "cwd": values["cwd"], "args": values["args"].splitlines()}
    config = {**values["more_config"], **{key: value for key, value in own.items() if value}}
    if values["secrets"]:
        config["env"] = secret_lines.laid_over(config.get("env"), values["secrets"])
    return config


def _heartbeat(values: dict[str, Any]) -> dict[str, Any]:
    interval = values["interval_minutes"]
    timer = {"enabled": values["has_timer"]} | ({"intervalSec": interval * 60} if interval else {})
    return {**values["more_runtime"], **timer}
