"""The pages of vaults: stores of secrets outside, how they are reached, and what can be linked from them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from paperclip.companies.choices import ProviderConfigStatus, SecretMode, SecretProvider, SecretStatus
from paperclip.companies.models import Secret, SecretProviderConfig
from paperclip.companies.secrets import vault_configs
from paperclip.core import clock, links
from paperclip.core.admin import BoardModelAdmin
from paperclip.core.errors import BadRequest, Refusal
from paperclip.core.filters import StatusFilter
from paperclip.core.forms import BoardForm, choice, text
from paperclip.core.links import Link
from paperclip.core.lists import Heading
from paperclip.core.scope import scope_of

_SECRETS_SHOWN = 100
_NOT_DELETED = ~Q(secrets__status=SecretStatus.DELETED)
_PROVIDERS = [pair for pair in SecretProvider.choices if pair[0] != SecretProvider.LOCAL]


class VaultForm(BoardForm):
    """How a store of secrets is reached. The token it asks for is itself a secret that is kept here."""

    display_name = text("Name", help_text="What everybody calls it, such as Vault of the shop.")
    provider = choice("What it is", _PROVIDERS)
    address = text(
        "Address", required=False, help_text="Of HashiCorp Vault, such as https://vault.example.com:8200."
    )
    token = choice("Its token", required=False, help_text="A secret kept here that holds it.")
    mount = text("Mount", required=False, help_text="Of the key-value store; secret when left empty.")
    namespace = text("Namespace", required=False, help_text="Of Vault Enterprise only.")
    region = text("Region or project", required=False, help_text="Of AWS or Google Cloud.")

    halves = ("display_name", "provider", "mount", "namespace")
    parts = {"address": "How it is reached"}

    def offer(self) -> None:
        """Offer the company's own secrets as the token; what is decided once stays away from an edit."""
        kept = Secret.objects.filter(company=self.scope.company_id, managed_mode=SecretMode.MANAGED)
        kept = kept.exclude(status=SecretStatus.DELETED).order_by("name").only("id", "name", "key")
        self.set_choices("token", [("", "None"), *((str(row.pk), f"{row.name} ({row.key})") for row in kept)])
        if self.row is not None:
            del self.fields["provider"]
            for name in ("address", "token", "mount", "namespace") if not self.is_vault else ("region",):
                del self.fields[name]
        else:
            self.initial.setdefault("provider", SecretProvider.VAULT)

    @property
    def is_vault(self) -> bool:
        """Whether the row is a HashiCorp Vault, the one kind that can be read from here."""
        return self.row is not None and self.row.provider == SecretProvider.VAULT

    def values_of(self, row: Any) -> dict[str, Any]:
        """Return what the form shows of a vault."""
        config = row.config
        return {
            "display_name": row.display_name,
            "address": config.get("address", ""),
            "token": config.get("tokenSecretId", ""),
            "mount": config.get("mount", ""),
            "namespace": config.get("namespace", ""),
            "region": config.get("region", ""),
        }

    def add_refusal(self, refusal: Refusal) -> None:
        """Show what is wrong with a setting beside its field."""
        details = refusal.details if isinstance(refusal.details, list) else []
        fields = {"address": "address", "tokenSecretId": "token", "mount": "mount", "namespace": "namespace"}
        for fault in details:
            name = fields.get(str(fault["path"][-1]), "") if fault.get("path") else ""
            self.add_error(name if name in self.fields else None, str(fault["message"]))
        if not details:
            super().add_refusal(refusal)


def _config(provider: str, values: dict[str, Any]) -> dict[str, str]:
    """Return the settings of a vault as they are kept: nothing that was left empty."""
    named = (
        {
            "address": values["address"],
            "tokenSecretId": values["token"],
            "mount": values["mount"],
            "namespace": values["namespace"],
        }
        if provider == SecretProvider.VAULT
        else {"region": values["region"]}
    )
    return {name: value.strip() for name, value in named.items() if value.strip()}


@admin.register(SecretProviderConfig)
class VaultAdmin(BoardModelAdmin):
    """The stores a company's linked secrets lie in."""

    board_name = "vault"
    icon = "shelves"
    row_template = "companies/vault_row.html"
    page_template = "companies/vault_page.html"
    form_class = VaultForm
    may_add = True
    empty_title = "No vaults yet"
    empty_text = (
        "Secrets can stay where they are kept already: name the store here, and link what lies in it. Runs are given"
        " the values as they are then."
    )
    headings = (
        Heading("Vault", "display_name", css="grow"),
        Heading("Status", "status"),
        Heading("Linked", css="num"),
        Heading("Last asked", "health_checked_at", css="time"),
    )
    list_filter = (StatusFilter,)
    ordering = ("display_name",)
    deeds = {
        "check": "try_out",
        "default": "make_default",
        "disable": "disable",
        "enable": "enable",
        "look": "look",
        "link": "link",
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the vaults with how many secrets lead there."""
        counted = Count("secrets", filter=_NOT_DELETED)
        rows: QuerySet[Any] = super().get_queryset(request).annotate(linked=counted)
        return rows

    def page_rows(self, request: HttpRequest, company_ids: Sequence[UUID]) -> QuerySet[Any]:
        """Return vaults with who set them up."""
        return self.rows_of(request, company_ids).select_related("created_by_user")

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Return what is linked from the vault, and the secret that holds its token."""
        linked = Secret.objects.filter(provider_config=row).exclude(status=SecretStatus.DELETED)
        token_id = row.config.get("tokenSecretId")
        return {
            "linked": list(linked.order_by("name")[:_SECRETS_SHOWN]),
            "token": Secret.objects.filter(company=row.company_id, pk=token_id).first() if token_id else None,
            "settings": [
                (word, row.config[key])
                for key, word in (("address", "Address"), ("mount", "Mount"), ("namespace", "Namespace"),
                                  ("region", "Region or project"))
                if row.config.get(key)
            ],
            "is_on": row.status != ProviderConfigStatus.DISABLED,
            "is_readable": row.provider == SecretProvider.VAULT,
            "edit_url": reverse("admin:companies_secretproviderconfig_edit", args=[row.pk]),
        }  # fmt: skip

    def create(self, request: HttpRequest, values: dict[str, Any]) -> SecretProviderConfig:
        """Set up a vault."""
        scope = scope_of(request)
        provider = values["provider"]
        fields = {
            "provider": provider,
            "display_name": values["display_name"],
            "config": _config(provider, values),
        }
        return vault_configs.create(company=scope.chosen, fields=fields, actor=scope.actor, now=clock.now())

    def update(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> SecretProviderConfig:
        """Change how a vault is reached."""
        fields = {"display_name": values["display_name"], "config": _config(row.provider, values)}
        return vault_configs.update(config=row, fields=fields, actor=scope_of(request).actor, now=clock.now())

    # Deeds.

    def try_out(self, request: HttpRequest, row: SecretProviderConfig) -> str:
        """Ask the vault whether it answers and takes the token."""
        row = vault_configs.check_health(config=row, actor=scope_of(request).actor, now=clock.now())
        if row.health_message:
            raise BadRequest(f"{row.display_name}: {row.health_message}.")
        return f"{row.display_name} answers and takes the token."

    def make_default(self, request: HttpRequest, row: SecretProviderConfig) -> str:
        """Let references that name no vault lead to this one."""
        vault_configs.make_default(config=row, actor=scope_of(request).actor, now=clock.now())
        return f"Secrets that name no vault are looked for in {row.display_name}."

    def disable(self, request: HttpRequest, row: SecretProviderConfig) -> str:
        """Switch the vault off."""
        vault_configs.disable(config=row, actor=scope_of(request).actor, now=clock.now())
        return "Disabled. Runs that need a secret of this vault fail until it is enabled."

    def enable(self, request: HttpRequest, row: SecretProviderConfig) -> str:
        """Switch the vault on again."""
        vault_configs.update(config=row, fields={}, actor=scope_of(request).actor, now=clock.now())
        return "Runs get the secrets of this vault again."

    def look(self, request: HttpRequest, row: SecretProviderConfig) -> HttpResponse:
        """Show what lies under a path of the vault, so that it can be linked."""
        path = request.POST.get("path", "").strip()[:1_000]
        found = vault_configs.candidates(
            config=row, path=path, actor=scope_of(request).actor, now=clock.now()
        )
        return self.show_page(request, row, found=found, path=path, has_looked=True)

    def link(self, request: HttpRequest, row: SecretProviderConfig) -> str:
        """Link what was chosen of what lies in the vault."""
        chosen = [{"external_ref": reference} for reference in request.POST.getlist("reference")]
        if not chosen:
            raise BadRequest("Choose what is to be linked")
        made, refused = vault_configs.take_over(
            config=row,
            wanted=chosen[: vault_configs.MOST_NAMES],
            actor=scope_of(request).actor,
            now=clock.now(),
        )
        if refused:
            reasons = "; ".join(f"{each['externalRef']}: {each['reason']}" for each in refused)
            raise BadRequest(f"{len(made)} linked. Not linked: {reasons}")
        return f"{len(made)} linked. Their values stay where they are."


def _links(company_id: UUID, ids: Collection[UUID]) -> dict[UUID, Link]:
    rows = SecretProviderConfig.objects.filter(company_id=company_id, pk__in=ids)
    return {
        row.pk: Link(row.display_name, reverse("admin:companies_secretproviderconfig_change", args=[row.pk]))
        for row in rows
    }


links.register("secret_provider_config", _links)
