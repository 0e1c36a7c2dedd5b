"""The pages on which people say where they want to hear of what needs them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold import widgets

from paperclip.core import clock, links
from paperclip.core.admin import BoardModelAdmin
from paperclip.core.forms import BoardForm, choice, text
from paperclip.core.links import Link
from paperclip.core.lists import Heading
from paperclip.core.scope import scope_of
from paperclip.governance import couriers, targets
from paperclip.governance.choices import Channel, DeliveryState, NoticeKind
from paperclip.governance.models import NoticeDelivery, NotificationTarget

_DELIVERIES_SHOWN = 50


class TargetForm(BoardForm):
    """Where to tell, and what of."""

    channel = choice("How", Channel.choices, help_text="Cannot be changed later.")
    address = text("Address", help_text="A URL for a webhook, an address for e-mail.")
    kinds = forms.MultipleChoiceField(
        label="What of",
        choices=NoticeKind.choices,
        initial=NoticeKind.values,
        widget=widgets.UnfoldAdminCheckboxSelectMultipleWidget(),
        required=False,
    )
    hears_installation = forms.BooleanField(
        label="Also what concerns the whole installation",
        required=False,
        help_text="Hosts that are lost, disks that fill up.",
        widget=widgets.UnfoldBooleanSwitchWidget(),
    )

    def offer(self) -> None:
        """Leave out what may not be changed, and what only the operator may choose."""
        if self.row is not None:
            del self.fields["channel"]
        if not self.scope.is_instance_admin:
            del self.fields["hears_installation"]
        if not settings.EMAIL_URL and self.row is None:
            self.fields[
                "channel"
            ].help_text = "Mail needs EMAIL_URL, which is not set. Cannot be changed later."


@admin.register(NotificationTarget)
class NotificationTargetAdmin(BoardModelAdmin):
    """Notifications, for those who may change the company: an address can itself be a secret."""

    board_name = "notification"
    icon = "notifications"
    row_template = "governance/target_row.html"
    page_template = "governance/target_page.html"
    form_class = TargetForm
    may_add = True
    empty_title = "Nobody is told yet"
    empty_text = (
        "Set up a webhook or an e-mail address, and hear of a run that failed for good, a question that waits or a"
        " budget that was reached without looking here."
    )
    headings = (
        Heading("Notification", "address", css="grow"),
        Heading("State", "is_enabled"),
        Heading("On its way", css="num"),
        Heading("Last try", "last_outcome_at", css="time"),
    )
    deeds = {
        "test": "test",
        "enable": "enable",
        "disable": "disable",
        "secret": "secret",
    }

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the person may change the company."""
        return self.has_change_permission(request, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the targets with how much is on its way to each."""
        rows: QuerySet[Any] = super().get_queryset(request).annotate(waiting=_WAITING)
        return rows

    def page_rows(self, request: HttpRequest, company_ids: Sequence[UUID]) -> QuerySet[Any]:
        """Return the targets of companies the person may change."""
        mine = [company_id for company_id in company_ids if company_id in scope_of(request).writable]
        rows: QuerySet[Any] = self.rows_of(request, mine).select_related("company").annotate(waiting=_WAITING)
        return rows

    def prepare_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Put on each target where it leads, in short, and its state."""
        super().prepare_rows(request, rows)
        for row in rows:
            row.shown_address = targets.shown_address(row)
            row.shown_state = "active" if row.is_enabled else "paused"

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Return what the target hears, and what it was told of late."""
        self.prepare_rows(request, [row])
        told = NoticeDelivery.objects.filter(target=row).select_related("notice").order_by("-created_at")
        deliveries = list(told[:_DELIVERIES_SHOWN])
        for delivery in deliveries:
            waits = delivery.state == DeliveryState.PENDING
            delivery.shown_state = "queued" if waits else delivery.state  # type: ignore[attr-defined]
        return {
            "title": f"{row.get_channel_display()} to {row.shown_address}",
            "kinds": [NoticeKind(kind).label for kind in row.kinds],
            "deliveries": deliveries,
            "edit_url": reverse("admin:governance_notificationtarget_edit", args=[row.pk]),
        }

    def create(self, request: HttpRequest, values: dict[str, Any]) -> NotificationTarget:
        """Set up a target."""
        scope = scope_of(request)
        return targets.create(
            company=scope.chosen,
            channel=values["channel"],
            address=values["address"].strip(),
            kinds=values["kinds"],
            hears_installation=values.get("hears_installation", False),
            actor=scope.actor,
            now=clock.now(),
        )

    def after_create(self, request: HttpRequest, row: Any) -> HttpResponse:
        """Show the secret of a webhook once; lead to the page of anything else."""
        if row.channel == Channel.WEBHOOK:
            return self._show_secret(request, row, couriers.signing_key(row))
        return super().after_create(request, row)

    def update(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> NotificationTarget:
        """Change a target."""
        return targets.update(
            target=row,
            address=values["address"].strip(),
            kinds=values["kinds"],
            hears_installation=values.get("hears_installation", row.hears_installation),
            actor=scope_of(request).actor,
            now=clock.now(),
        )

    # Deeds.

    def test(self, request: HttpRequest, row: NotificationTarget) -> str:
        """Send a test and wait for how it is taken."""
        taken = targets.try_out(target=row, actor=scope_of(request).actor, now=clock.now())
        return f"The test was {taken}." if row.channel == Channel.EMAIL else f"The test arrived; it {taken}."

    def enable(self, request: HttpRequest, row: NotificationTarget) -> str:
        """Let it hear."""
        targets.switch(target=row, is_enabled=True, actor=scope_of(request).actor, now=clock.now())
        return "Switched on."

    def disable(self, request: HttpRequest, row: NotificationTarget) -> str:
        """Let it rest."""
        targets.switch(target=row, is_enabled=False, actor=scope_of(request).actor, now=clock.now())
        return "Switched off. What was on its way stays here."

    def secret(self, request: HttpRequest, row: NotificationTarget) -> HttpResponse:
        """Replace the secret and show the new one once."""
        renewed = targets.renew_secret(target=row, actor=scope_of(request).actor, now=clock.now())
        return self._show_secret(request, row, renewed)

    def _show_secret(self, request: HttpRequest, row: NotificationTarget, secret: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "The secret of the webhook",
            "crumbs": self.crumbs(),
            "row": row,
            "host": targets.shown_address(row),
            "secret": secret,
            "back_url": self.row_url(row),
        }
        return TemplateResponse(request, "governance/target_secret.html", context)


_WAITING = Count("deliveries", filter=Q(deliveries__state=DeliveryState.PENDING))


def _links(company_id: UUID, ids: Collection[UUID]) -> dict[UUID, Link]:
    rows = NotificationTarget.objects.filter(company_id=company_id, pk__in=ids)
    return {
        row.pk: Link(
            f"{row.get_channel_display()} to {targets.shown_address(row)}",
            reverse("admin:governance_notificationtarget_change", args=[row.pk]),
        )
        for row in rows
    }


links.register("notification_target", _links)
