"""Forms of the board: they read what a person typed and leave every rule to the verb that is called."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from unfold import widgets

from paperclip.core.api import parsing
from paperclip.core.errors import BadRequest, Invalid, Refusal


class BoardForm(forms.Form):
    """A form drawn with the theme's fields, filled from a row when one is edited."""

    # Fields that share a line with their neighbour, and headings drawn above the fields they are named by.
    halves: ClassVar[Collection[str]] = ()
    parts: ClassVar[Mapping[str, str]] = {}

    def __init__(self, *args: Any, scope: Any, row: Any | None = None, **kwargs: Any) -> None:
        self.scope = scope
        self.row = row
        if row is not None:
            kwargs.setdefault("initial", self.values_of(row))
        super().__init__(*args, **kwargs)
        self.offer()

    def offer(self) -> None:
        """Fill the choices that depend on the company; called once the fields exist."""

    def set_choices(self, name: str, choices: list[tuple[str, str]]) -> None:
        """Offer `choices` in the field `name`."""
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    def values_of(self, row: Any) -> dict[str, Any]:
        """Return what the form shows of a row that is edited."""
        return {name: getattr(row, name) for name in self.base_fields if hasattr(row, name)}

    def add_refusal(self, refusal: Refusal) -> None:
        """Show what a verb refused: beside the field it names, or above the form."""
        if not isinstance(refusal, Invalid):
            self.add_error(None, refusal.message)
            return
        for fault in _faults(refusal):
            name = snake(str(fault["path"][0])) if fault.get("path") else ""
            self.add_error(name if name in self.fields else None, str(fault["message"]))


def text(label: str, *, required: bool = True, help_text: str = "", wide: bool = False) -> forms.CharField:
    """Return a field for one line of text, or for several when `wide`."""
    widget = area() if wide else widgets.UnfoldAdminTextInputWidget()
    return forms.CharField(label=label, required=required, help_text=help_text, widget=widget)


def area(rows: int = 5) -> forms.Textarea:
    """Return a box for several lines of text."""
    box: forms.Textarea = widgets.UnfoldAdminTextareaWidget(attrs={"rows": rows})
    return box


def json_field(label: str, *, help_text: str = "") -> forms.JSONField:
    """Return a field for an object in JSON, which may be left empty."""
    return _JsonField(label=label, required=False, help_text=help_text, widget=area(), encoder=_Indented)


class _JsonField(forms.JSONField):
    """Reads JSON as strictly as the API does, and shows an empty object as an empty box."""

    def to_python(self, value: Any) -> Any:
        """Return the value of the JSON text. Raises ValidationError for what the API would refuse."""
        if value in self.empty_values or not isinstance(value, str):
            return None
        try:
            return parsing.loads(value.encode())
        except BadRequest as error:
            raise forms.ValidationError(error.message.replace("Request body", "This")) from error

    def prepare_value(self, value: Any) -> Any:
        """Return the text shown for `value`."""
        return super().prepare_value(value) if value else ""


class _Indented(json.JSONEncoder):
    """Writes JSON as people read it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "indent": 2, "ensure_ascii": False})


def choice(label: str, choices: Any = (), *, required: bool = True, help_text: str = "") -> forms.ChoiceField:
    """Return a field that offers `choices`."""
    return forms.ChoiceField(
        label=label,
        choices=choices,
        required=required,
        help_text=help_text,
        widget=widgets.UnfoldAdminSelectWidget(),
    )


def sentence(refusal: Refusal) -> str:
    """Return what a refusal says, with the faults of single fields named."""
    if isinstance(refusal, Invalid):
        faults = [f"{'.'.join(map(str, fault['path']))}: {fault['message']}" for fault in _faults(refusal)]
        return "; ".join(faults) or refusal.message
    return refusal.message


def _faults(refusal: Invalid) -> Sequence[Mapping[str, Any]]:
    details = refusal.details or []
    assert not isinstance(details, Mapping)
    return details


def snake(name: str) -> str:
    """Return `startedAt` as `started_at`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
