"""What a person says about an export or an import."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold import widgets

from paperclip.core.forms import BoardForm, choice, text
from paperclip.portability.choices import Collision, Part

NEW = "new"
_PARTS = (
    (Part.COMPANY.value, "The company: name, look, limits, goals"),
    (Part.AGENTS.value, "Agents, with their instructions"),
    (Part.PROJECTS.value, "Projects"),
    (Part.ISSUES.value, "Issues and routines"),
    (Part.SKILLS.value, "Names of the skills they use"),
)
_COLLISIONS = (
    (Collision.RENAME.value, "Give what comes in another name"),
    (Collision.SKIP.value, "Keep what is there, leave out what comes in"),
    (Collision.REPLACE.value, "Replace what is there"),
)


def _parts(label: str) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        label=label,
        choices=_PARTS,
        initial=[value for value, _ in _PARTS],
        widget=widgets.UnfoldAdminCheckboxSelectMultipleWidget(),
    )


class ExportForm(BoardForm):
    """What of a company is taken along."""

    parts_wanted = _parts("What to take along")
    expand_skills = forms.BooleanField(
        label="With the texts of Paperclip's own skills",
        required=False,
        widget=widgets.UnfoldBooleanSwitchWidget(),
    )


class ImportForm(BoardForm):
    """A package, and how it comes in."""

    kept = forms.CharField(required=False, widget=forms.HiddenInput())
    file = forms.FileField(
        label="Zip file",
        required=False,
        help_text="At most 10 MB; larger ones are for manage.py import_company.",
        widget=widgets.UnfoldAdminFileFieldWidget(attrs={"accept": ".zip,application/zip"}),
    )
    url = text(
        "Or a repository on GitHub", required=False, help_text="Such as https://github.com/owner/name."
    )
    target = choice("Where to")
    new_name = text(
        "Name of the new company", required=False, help_text="Empty takes the name in the package."
    )
    parts_wanted = _parts("What to bring in")
    collision = choice("Where a name is taken", _COLLISIONS)

    halves = ("target", "new_name")
    parts = {"file": "The package", "target": "How it comes in"}

    def offer(self) -> None:
        """Offer a new company to whoever may found one, and the companies the person may change."""
        mine = [company for company in self.scope.companies if company.pk in self.scope.writable]
        chosen = [company for company in mine if company == self.scope.company]
        rest = [company for company in mine if company != self.scope.company]
        new = [(NEW, "A new company")] if self.scope.is_instance_admin else []
        self.set_choices("target", new + [(str(row.pk), f"Into {row.name}") for row in (*chosen, *rest)])

    def clean(self) -> dict[str, Any]:
        """Refuse a form without a package, or with two."""
        values: dict[str, Any] = super().clean() or {}
        given = [name for name in ("file", "url") if values.get(name)]
        if len(given) > 1:
            self.add_error("url", "Give a file or an address, not both.")
        if not given and not values.get("kept") and "file" not in self.errors:
            self.add_error("file", "Choose a zip file, or give an address below.")
        return values
