"""The pages on which people teach Paperclip what a failure means, and try it on past ones before it counts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold import widgets

from heartbeat.choices import FailureCategory
from heartbeat.models import FailureRule
from heartbeat.retries import rules
from heartbeat.retries.rules import Draft
from paperclip.core import clock, links
from paperclip.core.admin import BoardModelAdmin, FormPage
from paperclip.core.errors import Refusal
from paperclip.core.forms import BoardForm, choice, text
from paperclip.core.links import Link
from paperclip.core.lists import Heading
from paperclip.core.scope import scope_of

_SHOWN = 50


class FailureRuleForm(BoardForm):
    """What a person says about failures of one kind."""

    name = text("Name", help_text="What you call this failure, such as Build cache is full.")
    pattern = text(
        "Pattern",
        help_text=(
            "A regular expression, looked for in the error with its code in front, such as"
            " adapter_failed: No space left. Letter case does not matter; \\b is the edge of a word."
        ),
    )
    category = choice("Kind of failure", FailureCategory.choices)
    position = forms.IntegerField(
        label="Position",
        min_value=1,
        max_value=rules.MAX_POSITION,
        initial=1,
        help_text="Rules are asked from the lowest on; the first that knows a failure decides.",
        widget=widgets.UnfoldAdminIntegerFieldWidget(),
    )
    is_retryable = forms.BooleanField(
        label="Try again by itself",
        required=False,
        help_text="At most twice in a row; a rate limit waits for the agent's next heartbeat.",
        widget=widgets.UnfoldBooleanSwitchWidget(),
    )
    is_enabled = forms.BooleanField(
        label="In use", required=False, initial=True, widget=widgets.UnfoldBooleanSwitchWidget()
    )
    advice = text(
        "What to do about it",
        required=False,
        wide=True,
        help_text="Shown on the run. Left empty, the advice for its kind is.",
    )

    halves = ("category", "position", "is_retryable", "is_enabled")


@admin.register(FailureRule)
class FailureRuleAdmin(BoardModelAdmin):
    """Failure rules, asked before the built-in table."""

    board_name = "failure_rule"
    icon = "rule"
    row_template = "heartbeat/failure_rule_row.html"
    page_template = "heartbeat/failure_rule_page.html"
    form_class = FailureRuleForm
    may_add = True
    intro = "What a failed run's error means, and whether it is tried again, where the built-in table does not know."
    empty_title = "No rules of your own"
    empty_text = (
        "Paperclip knows rate limits, timeouts, broken connections, missing files and the like by itself. Add a rule"
        " when a failure of yours is called unknown."
    )
    headings = (
        Heading("Rule", "name", css="grow"),
        Heading("State", "is_enabled"),
        Heading("Kind", "category"),
        Heading("Tried again", "is_retryable"),
        Heading("Position", "position", css="num"),
    )
    ordering = ("position", "created_at", "id")
    deeds = {"enable": "enable", "disable": "disable"}

    def prepare_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Put on each rule its state."""
        super().prepare_rows(request, rows)
        for row in rows:
            row.shown_state = "active" if row.is_enabled else "paused"

    def page_context(self, request: HttpRequest, row: FailureRule) -> dict[str, Any]:
        """Return the newest failures that the rule knows."""
        self.prepare_rows(request, [row])
        scope = scope_of(request)
        return {
            "edit_url": reverse("admin:heartbeat_failurerule_edit", args=[row.pk]),
            **_preview(rules.try_out(company=scope.chosen, draft=_draft_of(row), rule=row)),
        }

    def create(self, request: HttpRequest, values: dict[str, Any]) -> FailureRule:
        """Keep a new rule."""
        scope = scope_of(request)
        return rules.create(company=scope.chosen, draft=Draft(**values), actor=scope.actor, now=clock.now())

    def update(self, request: HttpRequest, row: FailureRule, values: dict[str, Any]) -> FailureRule:
        """Change a rule."""
        actor = scope_of(request).actor
        return rules.update(rule=row, draft=Draft(**values), actor=actor, now=clock.now())

    def answer_form(
        self, request: HttpRequest, row: Any | None, page: FormPage, save: Callable[[dict[str, Any]], Any]
    ) -> HttpResponse:
        """Show the form, save what was posted, or show what it would do to past failures without keeping it."""
        if request.method == "POST" and "try" in request.POST:
            return self._try(request, row, page)
        response = super().answer_form(request, row, page, save)
        if isinstance(response, TemplateResponse):
            response.template_name = "heartbeat/failure_rule_form.html"
        return response

    def _try(self, request: HttpRequest, row: FailureRule | None, page: FormPage) -> HttpResponse:
        scope = scope_of(request)
        form = FailureRuleForm(request.POST, scope=scope, row=row)
        context = {
            **self.admin_site.each_context(request),
            "title": page.title,
            "crumbs": page.crumbs,
            "page": page,
            "form": form,
            "cancel_url": self.row_url(row) if row is not None else self.list_url(),
        }
        if form.is_valid():
            try:
                tried = rules.try_out(company=scope.chosen, draft=Draft(**form.cleaned_data), rule=row)
            except Refusal as refusal:
                form.add_refusal(refusal)
            else:
                context |= _preview(tried)
        return TemplateResponse(request, "heartbeat/failure_rule_form.html", context)

    # Deeds.

    def enable(self, request: HttpRequest, row: FailureRule) -> str:
        """Let it be asked."""
        rules.switch(rule=row, is_enabled=True, actor=scope_of(request).actor, now=clock.now())
        return "The rule is asked from now on."

    def disable(self, request: HttpRequest, row: FailureRule) -> str:
        """Let it rest."""
        rules.switch(rule=row, is_enabled=False, actor=scope_of(request).actor, now=clock.now())
        return "The rule rests."


def _preview(tried: rules.Preview) -> dict[str, Any]:
    trials = tried.trials[:_SHOWN]
    return {"preview": tried, "trials": trials, "hidden": len(tried.trials) - len(trials)}


def _draft_of(rule: FailureRule) -> Draft:
    return Draft(
        name=rule.name,
        pattern=rule.pattern,
        category=rule.category,
        is_retryable=rule.is_retryable,
        advice=rule.advice,
        position=rule.position,
        is_enabled=rule.is_enabled,
    )


def _links(company_id: UUID, ids: Collection[UUID]) -> dict[UUID, Link]:
    rows = FailureRule.objects.filter(company_id=company_id, pk__in=ids).only("id", "name")
    return {
        row.pk: Link(row.name, reverse("admin:heartbeat_failurerule_change", args=[row.pk])) for row in rows
    }


links.register("failure_rule", _links)
