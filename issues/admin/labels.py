"""The labels of a company."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold import widgets

from issues import labels
from issues.models import Issue, Label
from paperclip.core import clock
from paperclip.core.admin import BoardModelAdmin
from paperclip.core.forms import BoardForm, text
from paperclip.core.lists import Heading
from paperclip.core.scope import scope_of

_SHOWN = 50
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


class LabelForm(BoardForm):
    """What a person says about a label."""

    name = text("Name")
    color = forms.CharField(
        label="Colour",
        initial="#3b82f6",
        widget=widgets.UnfoldAdminTextInputWidget(attrs={"type": "color"}),
    )

    halves = ("name", "color")

    def clean_name(self) -> str:
        """Return the name, which is short."""
        name: str = self.cleaned_data["name"].strip()
        if not 1 <= len(name) <= 48:
            raise forms.ValidationError("A name has 1 to 48 characters.")
        return name

    def clean_color(self) -> str:
        """Return the colour as `#rrggbb`."""
        color: str = self.cleaned_data["color"]
        if not _COLOR.fullmatch(color):
            raise forms.ValidationError("Choose a colour.")
        return color


@admin.register(Label)
class LabelAdmin(BoardModelAdmin):
    """Words that group issues across projects."""

    board_name = "label"
    icon = "label"
    row_template = "issues/label_row.html"
    page_template = "issues/label_page.html"
    form_class = LabelForm
    may_add = True
    empty_title = "No labels yet"
    empty_text = "A label is a word that groups issues across projects, such as Bug or Customer."
    headings = (
        Heading("Label", "name", css="grow"),
        Heading("Issues", css="num"),
        Heading("Created", "created_at", css="time"),
    )
    search_fields = ("name",)
    ordering = ("name",)
    deeds = {"delete": "delete"}

    def prepare_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Put on each label how many issues carry it."""
        super().prepare_rows(request, rows)
        counts = Label.objects.filter(pk__in=[row.pk for row in rows]).annotate(carriers=Count("issue_links"))
        carried = dict(counts.values_list("pk", "carriers"))
        for row in rows:
            row.carriers = carried.get(row.pk, 0)

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Return the newest issues that carry the label."""
        self.prepare_rows(request, [row])
        carriers: QuerySet[Issue] = Issue.objects.filter(label_links__label=row, hidden_at__isnull=True)
        return {
            "issues": list(carriers.select_related("assignee_agent").order_by("-last_activity_at")[:_SHOWN]),
            "all_url": f"{reverse('admin:issues_issue_changelist')}?label={row.pk}",
        }

    def edit_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Lead back: a label is deleted and made anew."""
        return HttpResponseRedirect(self.row_url(self.find(request, object_id, to_write=True)))

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Label:
        """Make a label."""
        scope = scope_of(request)
        return labels.create(
            company_id=scope.chosen.pk,
            name=values["name"],
            color=values["color"],
            actor=scope.actor,
            now=clock.now(),
        )

    def delete(self, request: HttpRequest, row: Label) -> HttpResponse:
        """Delete the label; issues lose it."""
        labels.delete(label=row, actor=scope_of(request).actor, now=clock.now())
        messages.success(request, f"The label {row.name} is deleted.")
        return HttpResponseRedirect(self.list_url())
