"""Orders over an issue and everything below it: how it stands on its page, and what an order would stop (I-126)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import Exists, OuterRef
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from unfold import widgets

from issues import holds, tree_control, tree_plan
from issues.choices import CLOSED, HoldMode, HoldStatus, ReleaseStrategy, SkipReason
from issues.models import Issue, TreeHold
from issues.tree_plan import Plan
from paperclip.companies.models import Agent
from paperclip.core import clock
from paperclip.core.admin import Crumb, FormPage
from paperclip.core.errors import Refusal
from paperclip.core.forms import BoardForm, area, choice
from paperclip.core.scope import scope_of

_SHOWN = 50
_TITLES = {
    HoldMode.PAUSE: ("Pause", "Pause the work"),
    HoldMode.RESUME: ("Let go on", "Let the work go on"),
    HoldMode.CANCEL: ("Cancel", "Cancel the work"),
    HoldMode.RESTORE: ("Bring back", "Bring the work back"),
}
_INTROS = {
    HoldMode.PAUSE: "Runs of these issues are stopped, and none starts until the pause is over. Nothing is lost:"
    " whoever was stopped is called again then. Somebody's comment still reaches its agent.",
    HoldMode.RESUME: "The pauses of these issues end.",
    HoldMode.CANCEL: "Runs of these issues are stopped and what is open is called off. It can be brought back.",
    HoldMode.RESTORE: "What was called off comes back as it was; work that was in progress starts over.",
}
_LEFT_ALONE = {
    SkipReason.TERMINAL_STATUS: "is closed",
    SkipReason.ALREADY_HELD: "is paused already",
    SkipReason.NOT_HELD: "is not paused",
    SkipReason.CHANGED_AFTER_CANCEL: "was changed since",
    SkipReason.NOT_CANCELLED: "is not cancelled",
    SkipReason.NOT_CANCELLED_BY_TREE_CONTROL: "was cancelled by itself",
}


class OrderForm(BoardForm):
    """What a person may say with an order; what an order does not know is not asked."""

    reason = forms.CharField(
        label="Why",
        required=False,
        max_length=1000,
        widget=area(2),
        help_text="Shown on the issues and to the agents that are stopped.",
    )
    ends = choice(
        "It ends",
        [
            (ReleaseStrategy.MANUAL, "when I let the work go on"),
            (ReleaseStrategy.AFTER_ACTIVE_RUNS_FINISH, "by itself, once nothing runs there any more"),
        ],
    )
    wake = forms.BooleanField(
        label="Call the agents",
        required=False,
        initial=True,
        help_text="Those who were stopped, and the owners of what comes back.",
        widget=widgets.UnfoldBooleanSwitchWidget(),
    )

    def __init__(self, *args: Any, mode: HoldMode, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if mode != HoldMode.PAUSE:
            del self.fields["ends"]
        if mode not in (HoldMode.RESUME, HoldMode.RESTORE):
            del self.fields["wake"]


@dataclass(frozen=True)
class Standing:
    """What orders say of an issue now. `pause` holds it, given over it or further up; `root` is where."""

    pause: TreeHold | None
    root: Issue | None
    is_own: bool
    may_restore: bool
    may_stop: bool


def has_cancelled_tree() -> Exists:
    """Return the expression of whether an issue's tree was cancelled by an order that still stands."""
    return Exists(
        TreeHold.objects.filter(root_issue=OuterRef("pk"), mode=HoldMode.CANCEL, status=HoldStatus.ACTIVE)
    )


def context(issue: Any) -> Standing:
    """Return how orders stand over an issue read with `has_cancelled_tree`: one query, two while it is held."""
    gate = holds.gate(issue.pk)
    pause = None
    if gate is not None:
        rows = TreeHold.objects.select_related("root_issue", "created_by_user", "created_by_agent")
        pause = rows.get(pk=gate.hold_id)
    return Standing(
        pause=pause,
        root=pause.root_issue if pause is not None else None,
        is_own=pause is not None and pause.root_issue_id == issue.pk,
        may_restore=issue.has_cancelled_tree,
        may_stop=issue.status not in CLOSED,
    )


class OrderPages:
    """The pages on which an order is looked at and given. Mixed into the page of issues."""

    def get_custom_urls(self) -> tuple[tuple[str, str, Any], ...]:
        """Return the addresses beside those every page has."""
        return (("<str:object_id>/order/<slug:mode>/", "issues_issue_order", self.order_view),)

    def order_view(
        self: Any, request: HttpRequest, object_id: str, mode: str, model_admin: Any = None
    ) -> HttpResponse:
        """Show what an order would come to, and give it."""
        if mode not in HoldMode.values:
            raise Http404("There is no such order.")
        order = HoldMode(mode)
        issue: Issue = self.find(request, object_id, to_write=True)
        form = OrderForm(request.POST or None, scope=scope_of(request), mode=order)
        if request.method == "POST" and form.is_valid():
            try:
                said = _give(request, issue, order, form.cleaned_data)
            except Refusal as refusal:
                form.add_refusal(refusal)
            else:
                messages.success(request, said)
                return HttpResponseRedirect(self.row_url(issue))
        button, title = _TITLES[order]
        page = FormPage(
            title=f"{title} of {issue.identifier} and everything below",
            submit=button,
            intro=_INTROS[order],
            crumbs=[*self.crumbs(), Crumb(issue.identifier, self.row_url(issue))],
        )
        shown = {
            **self.admin_site.each_context(request),
            "title": page.title,
            "crumbs": page.crumbs,
            "page": page,
            "form": form,
            "cancel_url": self.row_url(issue),
            **_preview(issue, order),
        }
        return TemplateResponse(request, "issues/order_page.html", shown)


def _give(request: HttpRequest, issue: Issue, mode: HoldMode, values: Mapping[str, Any]) -> str:
    done = tree_control.give(
        root_id=issue.pk,
        mode=mode,
        actor=scope_of(request).actor,
        now=clock.now(),
        reason=values["reason"] or None,
        release_policy={"strategy": values["ends"]} if "ends" in values else None,
        metadata={"wakeAgents": values["wake"]} if "wake" in values else None,
    )
    count = len(done.plan.affected)
    what = f"{count} issue{'' if count == 1 else 's'}"
    return {
        HoldMode.PAUSE: f"{what} paused.",
        HoldMode.RESUME: f"{what} may go on.",
        HoldMode.CANCEL: f"{what} cancelled.",
        HoldMode.RESTORE: f"{what} brought back.",
    }[mode]


@dataclass(frozen=True)
class _Line:
    """An issue of the tree as the preview shows it."""

    id: UUID
    identifier: str
    title: str
    status: str
    note: str


def _preview(issue: Issue, mode: HoldMode) -> dict[str, Any]:
    """What the order would come to; nothing is written."""
    policy = tree_control.MANUAL
    plan = tree_plan.make(root=issue, mode=mode, release_policy=policy, now=clock.now())
    names = dict(
        Agent.objects.filter(pk__in=[one.agent_id for one in plan.affected_agents]).values_list("pk", "name")
    )
    affected, skipped = plan.affected, plan.skipped_issues
    return {
        "plan": plan,
        "affected": _lines(plan, names)[:_SHOWN],
        "hidden": max(len(affected) - _SHOWN, 0),
        "agents": [(names.get(one.agent_id, "An agent"), one) for one in plan.affected_agents],
        "skipped": [
            _Line(
                one.id, one.identifier, one.title, one.status, _LEFT_ALONE[SkipReason(str(one.skip_reason))]
            )
            for one in skipped[:_SHOWN]
        ],
    }


def _lines(plan: Plan, names: Mapping[UUID, str]) -> Sequence[_Line]:
    return [_Line(one.id, one.identifier, one.title, one.status, _note(one, names)) for one in plan.affected]


def _note(one: tree_plan.Member, names: Mapping[UUID, str]) -> str:
    if one.restored_status is not None:
        return f"comes back as {one.restored_status.replace('_', ' ')}"
    if one.active_run is None:
        return ""
    name = names.get(one.active_run.agent_id, "An agent")
    return f"{name} is at work on it" if one.active_run.status == "running" else f"{name} is called for it"
