"""Where secrets can lie, and the vaults of a company (C-102, K-38)."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies.api.base import ActorView, CompanyView
from paperclip.companies.api.secrets import SecretOut
from paperclip.companies.api.secrets import render as render_secret
from paperclip.companies.choices import SecretProvider
from paperclip.companies.models import SecretProviderConfig
from paperclip.companies.secrets import providers, vault_configs
from paperclip.core import redaction
from paperclip.core.api.fields import Bool, Enum, Items, Object, Text, Uuid
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import ModelOutput, Output
from paperclip.core.api.schema import operation
from paperclip.core.errors import NotFound
from paperclip.core.rows import one


class SecretProviderOut(Output):
    """A place for secrets."""

    id = serializers.ChoiceField(choices=SecretProvider.choices)
    label = serializers.CharField()  # type: ignore[assignment]  # fields have an attribute of that name
    requires_external_ref = serializers.BooleanField()
    supports_managed_values = serializers.BooleanField()
    supports_external_references = serializers.BooleanField()
    is_readable = serializers.BooleanField()
    configured = serializers.BooleanField()


class SecretHealthOut(Output):
    """How one place stands."""

    provider = serializers.ChoiceField(choices=SecretProvider.choices)
    status = serializers.ChoiceField(choices=["ok", "warn", "error"])
    message = serializers.CharField()


class SecretHealthListOut(Output):
    """How every place stands."""

    providers = SecretHealthOut(many=True)


class VaultInput(Input):
    """A vault to set up."""

    provider = Enum(choices=SecretProvider.choices)
    display_name = Text(min_length=1, max_length=200, trim_whitespace=True)
    config = Object(required=False)
    is_default = Bool(required=False)


class VaultPatchInput(Input):
    """Changes of a vault."""

    display_name = Text(min_length=1, max_length=200, trim_whitespace=True)
    config = Object()


class VaultOut(ModelOutput):
    """A vault; what unlocks it is a secret of its own."""

    config = serializers.DictField()

    class Meta:
        model = SecretProviderConfig
        fields: ClassVar = [
            "id", "company_id", "provider", "display_name", "status", "is_default", "config", "health_message",
            "health_checked_at", "disabled_at", "created_by_agent_id", "created_by_user_id", "created_at",
            "updated_at",
        ]  # fmt: skip


class RemotePreviewInput(Input):
    """Where in a vault to look."""

    provider_config_id = Uuid()
    path = Text(default="", max_length=1_000)


class RemoteCandidateOut(Output):
    """A value outside that can be linked."""

    external_ref = serializers.CharField()
    key = serializers.CharField()
    name = serializers.CharField()
    existing_secret_id = serializers.UUIDField(allow_null=True)


class RemotePreviewOut(Output):
    """What lies under a path."""

    candidates = RemoteCandidateOut(many=True)


class RemoteItemInput(Input):
    """One value to link."""

    external_ref = Text(min_length=1, max_length=2_000)
    key = Text(required=False, min_length=1)
    name = Text(required=False, min_length=1, max_length=200)


class RemoteImportInput(Input):
    """Values to link."""

    provider_config_id = Uuid()
    secrets = Items(child=RemoteItemInput(), min_length=1, max_length=vault_configs.MOST_NAMES)


class RemoteSkippedOut(Output):
    """A value that was not linked, and why."""

    external_ref = serializers.CharField()
    reason = serializers.CharField()


class RemoteImportOut(Output):
    """What came of linking."""

    imported = SecretOut(many=True)
    skipped = RemoteSkippedOut(many=True)


def render(config: SecretProviderConfig) -> dict[str, Any]:
    """Return a vault as the board may see it."""
    return VaultOut.render(config, config=redaction.data(config.config))


class ProviderList(CompanyView):
    """Where secrets can lie."""

    board_only = True

    @operation("List places for secrets [C-102]", answers=SecretProviderOut, many=True)
    def get(self, request: Request, company_id: str) -> Response:
        return Response(SecretProviderOut.render_many(providers.known(self.company.pk)))


class ProviderHealth(CompanyView):
    """Whether secrets can be had from there."""

    board_only = True

    @operation("Tell how each place for secrets stands [C-102]", answers=SecretHealthListOut)
    def get(self, request: Request, company_id: str) -> Response:
        return Response({"providers": SecretHealthOut.render_many(providers.health(self.company.pk))})


class VaultList(CompanyView):
    """The vaults of a company."""

    board_only = True

    @operation("List vaults [C-102]", answers=VaultOut, many=True)
    def get(self, request: Request, company_id: str) -> Response:
        rows = SecretProviderConfig.objects.filter(company=self.company).order_by("created_at", "id")
        return Response([render(row) for row in rows])

    @operation("Set up a vault [C-102]", reads=VaultInput, answers=VaultOut, status=201)
    def post(self, request: Request, company_id: str) -> Response:
        fields = VaultInput.read(request.data)
        config = vault_configs.create(company=self.company, fields=fields, actor=self.actor, now=self.now)
        return Response(render(config), status=201)


class _VaultView(ActorView):
    board_only = True

    def find_config(self, config_id: str) -> SecretProviderConfig:
        return self.find(SecretProviderConfig.objects.all(), config_id, what="Secret provider config")


class VaultDetail(_VaultView):
    """One vault."""

    @operation("Get a vault [C-102]", answers=VaultOut)
    def get(self, request: Request, config_id: str) -> Response:
        return Response(render(self.find_config(config_id)))

    @operation("Change a vault [C-102]", reads=VaultPatchInput, answers=VaultOut)
    def patch(self, request: Request, config_id: str) -> Response:
        config = self.find_config(config_id)
        fields = VaultPatchInput.read(request.data, partial=True)
        return Response(
            render(vault_configs.update(config=config, fields=fields, actor=self.actor, now=self.now))
        )

    @operation("Switch a vault off [C-102]", answers=VaultOut)
    def delete(self, request: Request, config_id: str) -> Response:
        config = self.find_config(config_id)
        return Response(render(vault_configs.disable(config=config, actor=self.actor, now=self.now)))


class VaultDefault(_VaultView):
    """Which vault references lead to."""

    @operation("Make a vault the default of its kind [C-102]", answers=VaultOut)
    def post(self, request: Request, config_id: str) -> Response:
        config = self.find_config(config_id)
        return Response(render(vault_configs.make_default(config=config, actor=self.actor, now=self.now)))


class VaultHealth(_VaultView):
    """Whether a vault answers."""

    @operation("Ask a vault whether it answers [C-102]", answers=VaultOut)
    def post(self, request: Request, config_id: str) -> Response:
        config = self.find_config(config_id)
        return Response(render(vault_configs.check_health(config=config, actor=self.actor, now=self.now)))


class _RemoteView(CompanyView):
    board_only = True

    def config_of(self, fields: dict[str, Any]) -> SecretProviderConfig:
        rows = SecretProviderConfig.objects.filter(company=self.company, pk=fields["provider_config_id"])
        config = one(rows)
        if config is None:
            raise NotFound("Secret provider config not found")
        return config


class RemotePreview(_RemoteView):
    """What could be linked."""

    @operation(
        "List what a vault has under a path [C-102]", reads=RemotePreviewInput, answers=RemotePreviewOut
    )
    def post(self, request: Request, company_id: str) -> Response:
        fields = RemotePreviewInput.read(request.data)
        found = vault_configs.candidates(
            config=self.config_of(fields), path=fields["path"], actor=self.actor, now=self.now
        )
        return Response({"candidates": RemoteCandidateOut.render_many(found)})


class RemoteImport(_RemoteView):
    """Linking what lies in a vault."""

    @operation("Link values of a vault [C-102]", reads=RemoteImportInput, answers=RemoteImportOut, status=201)
    def post(self, request: Request, company_id: str) -> Response:
        fields = RemoteImportInput.read(request.data)
        made, refused = vault_configs.take_over(
            config=self.config_of(fields), wanted=fields["secrets"], actor=self.actor, now=self.now
        )
        answer = {"imported": [render_secret(secret) for secret in made], "skipped": refused}
        return Response(answer, status=201)
