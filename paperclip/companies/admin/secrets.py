"""The pages of secrets: everything about them but their values, which go in and never come back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from unfold import widgets

from paperclip.companies.choices import SecretMode, SecretProvider, SecretStatus, SecretVersionStatus
from paperclip.companies.models import Secret, SecretAccess, SecretBinding
from paperclip.companies.secrets import store
from paperclip.core import clock, links
from paperclip.core.admin import BoardModelAdmin
from paperclip.core.errors import BadRequest
from paperclip.core.filters import StatusFilter
from paperclip.core.forms import BoardForm, choice, text
from paperclip.core.links import Link
from paperclip.core.lists import Heading
from paperclip.core.scope import scope_of

_EVENTS_SHOWN = 30
_USES_SHOWN = 100
_VERSIONS_SHOWN = 50


class ValueWidget(widgets.UnfoldAdminTextareaWidget):  # type: ignore[misc]  # unfold is untyped
    """A box that is empty whenever it is drawn, also when the form comes back with a mistake."""

    def format_value(self, value: Any) -> str:
        """Return nothing."""
        return ""


class SecretForm(BoardForm):
    """What a person says about a secret; the value only when it is new."""

    name = text("Name", help_text="What everybody calls it, such as GitHub token of the shop.")
    key = text("Key", required=False, help_text="Short and unique; made of the name when left empty.")
    description = text("What it is for", required=False, wide=True)
    provider = choice("Where its value lies", SecretProvider.choices)
    value = forms.CharField(
        label="Value",
        required=False,
        strip=False,
        help_text="Of a secret kept here. It is never shown again. From 8 characters on it is masked in logs.",
        widget=ValueWidget(attrs={"rows": 3, "autocomplete": "off", "spellcheck": "false"}),
    )
    external_ref = text(
        "Where it lies there",
        required=False,
        help_text="Of a secret kept elsewhere; for Vault path#field, such as shop/github#token.",
    )

    halves = ("name", "key")

    def offer(self) -> None:
        """Leave out what is decided once and for all."""
        if self.row is None:
            self.initial.setdefault("provider", SecretProvider.LOCAL)
            return
        del self.fields["provider"], self.fields["value"]
        if self.row.managed_mode == SecretMode.MANAGED:
            del self.fields["external_ref"]


@admin.register(Secret)
class SecretAdmin(BoardModelAdmin):
    """Secrets of the company: who uses them, who was given them, and when they were last changed."""

    board_name = "secret"
    icon = "key"
    row_template = "companies/secret_row.html"
    page_template = "companies/secret_page.html"
    form_class = SecretForm
    may_add = True
    empty_title = "No secrets yet"
    empty_text = (
        "Keep tokens and passwords here and name them in the environment of agents and projects. They are sealed, and"
        " given only to runs that are bound to them."
    )
    headings = (
        Heading("Secret", "name", css="grow"),
        Heading("Status", "status"),
        Heading("Version", "latest_version", css="num"),
        Heading("Used in", css="num"),
        Heading("Last given", "last_resolved_at", css="time"),
        Heading("Last rotated", "last_rotated_at", css="time"),
    )
    list_filter = (StatusFilter,)
    search_fields = ("name", "key")
    ordering = ("name",)
    deeds = {
        "rotate": "rotate",
        "enable": "enable",
        "disable": "disable",
        "archive": "archive",
        "destroy": "destroy",
        "destroy-version": "destroy_version",
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the secrets with how often each is used; deleted ones only when asked for by status."""
        rows: QuerySet[Any] = super().get_queryset(request).annotate(uses=Count("bindings"))
        return rows if request.GET.get("status") else rows.exclude(status=SecretStatus.DELETED)

    def page_rows(self, request: HttpRequest, company_ids: Sequence[UUID]) -> QuerySet[Any]:
        """Return secrets with who made them and the vault they lie in."""
        return self.rows_of(request, company_ids).select_related("provider_config", "created_by_user")

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Return where the secret is used, its versions, and who was given it."""
        uses = list(SecretBinding.objects.filter(secret=row).order_by("created_at")[:_USES_SHOWN])
        events = list(row.accesses.order_by("-created_at", "-id")[:_EVENTS_SHOWN])
        named = links.resolve(
            row.company_id,
            [
                *((use.target_type, str(use.target_id)) for use in uses),
                *((event.consumer_type, str(event.consumer_id)) for event in events),
                *(
                    ("heartbeat_run", str(event.heartbeat_run_id))
                    for event in events
                    if event.heartbeat_run_id
                ),
            ],
        )
        is_kept = row.status != SecretStatus.DELETED
        return {
            "uses": [(use, named.get((use.target_type, str(use.target_id)))) for use in uses],
            "events": [(event, *_named(event, named)) for event in events],
            "versions": list(row.versions.order_by("-version").defer("material")[:_VERSIONS_SHOWN]),
            "destroyable": (SecretVersionStatus.PREVIOUS, SecretVersionStatus.DISABLED),
            "is_managed": row.managed_mode == SecretMode.MANAGED,
            "is_kept": is_kept,
            "edit_url": reverse("admin:companies_secret_edit", args=[row.pk]),
        }

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Secret:
        """Keep a secret, or link one."""
        scope = scope_of(request)
        is_here = values["provider"] == SecretProvider.LOCAL
        fields = {
            "name": values["name"],
            "key": values["key"] or None,
            "description": values["description"] or None,
            "provider": values["provider"],
            "managed_mode": SecretMode.MANAGED if is_here else SecretMode.EXTERNAL,
            "value": values["value"] or None,
            "external_ref": values["external_ref"] or None,
        }
        return store.create(company_id=scope.chosen.pk, fields=fields, actor=scope.actor, now=clock.now())

    def update(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> Secret:
        """Change what is said about a secret."""
        fields = {"name": values["name"], "description": values["description"] or None}
        if values["key"]:
            fields["key"] = values["key"]
        if values.get("external_ref"):
            fields["external_ref"] = values["external_ref"]
        return store.update(secret=row, fields=fields, actor=scope_of(request).actor, now=clock.now())

    # Deeds.

    def rotate(self, request: HttpRequest, row: Secret) -> str:
        """Give the secret its next value."""
        is_managed = row.managed_mode == SecretMode.MANAGED
        value = request.POST.get("value", "").replace("\r\n", "\n")
        fields = {"value" if is_managed else "provider_version_ref": value or None}
        secret = store.rotate(secret=row, fields=fields, actor=scope_of(request).actor, now=clock.now())
        return f"Version {secret.latest_version} is what runs get from now on."

    def enable(self, request: HttpRequest, row: Secret) -> str:
        """Let runs have the secret."""
        self._switch(request, row, SecretStatus.ACTIVE)
        return "Runs get it again."

    def disable(self, request: HttpRequest, row: Secret) -> str:
        """Let no run have the secret for a while."""
        self._switch(request, row, SecretStatus.DISABLED)
        return "Disabled. Runs that need it fail until it is enabled."

    def archive(self, request: HttpRequest, row: Secret) -> str:
        """Put the secret away."""
        self._switch(request, row, SecretStatus.ARCHIVED)
        return "Archived. Runs that still need it fail."

    def destroy(self, request: HttpRequest, row: Secret) -> str:
        """Destroy every value of the secret; its page has said where it is used."""
        store.delete(
            secret=row,
            actor=scope_of(request).actor,
            now=clock.now(),
            even_if_used=request.POST.get("even_if_used") == "yes",
        )
        return f"Every value of {row.name} is destroyed."

    def destroy_version(self, request: HttpRequest, row: Secret) -> str:
        """Destroy one older value."""
        number = request.POST.get("version", "")
        if not number.isdecimal() or len(number) > 9:
            raise BadRequest("Choose a version")
        store.destroy_version(secret=row, version=int(number), actor=scope_of(request).actor, now=clock.now())
        return f"Version {number} is destroyed."

    def _switch(self, request: HttpRequest, row: Secret, status: SecretStatus) -> None:
        store.update(secret=row, fields={"status": status}, actor=scope_of(request).actor, now=clock.now())


def _named(event: SecretAccess, named: dict[tuple[str, str], Link]) -> tuple[Link | None, Link | None]:
    """Return who was given the secret, and for which run."""
    consumer = named.get((event.consumer_type, str(event.consumer_id)))
    return consumer, named.get(("heartbeat_run", str(event.heartbeat_run_id)))


def _links(company_id: UUID, ids: Collection[UUID]) -> dict[UUID, Link]:
    rows = Secret.objects.filter(company_id=company_id, pk__in=ids).only("id", "name", "key")
    return {
        row.pk: Link(row.name, reverse("admin:companies_secret_change", args=[row.pk]), row.key)
        for row in rows
    }


links.register("secret", _links)
