"""Secrets of a company: everything but their values (C-101, C-102)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies.api.base import ActorView, CompanyView
from paperclip.companies.choices import SecretMode, SecretProvider, SecretStatus
from paperclip.companies.models import Secret, SecretAccess, SecretBinding
from paperclip.companies.secrets import store, usage
from paperclip.core import redaction
from paperclip.core.api.fields import Enum, Object, Text, Uuid
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import ModelOutput, Output
from paperclip.core.api.schema import Ok, operation, query
from paperclip.core.api.views import flag, whole_number
from paperclip.core.errors import NotFound

_EVENTS, _MOST_EVENTS = 100, 500


class SecretPatchInput(Input):
    """What can be said of a secret at any time."""

    name = Text(min_length=1, max_length=200, trim_whitespace=True)
    key = Text(required=False, min_length=1)
    status = Enum(choices=SecretStatus.choices, required=False)
    description = Text(required=False, allow_null=True, max_length=10_000)
    external_ref = Text(required=False, allow_null=True, min_length=1, max_length=2_000)
    provider_config_id = Uuid(required=False, allow_null=True)
    provider_metadata = Object(required=False, allow_null=True)


class SecretInput(Input):
    """A secret to keep, or to link."""

    name = Text(min_length=1, max_length=200, trim_whitespace=True)
    key = Text(required=False, min_length=1)
    provider = Enum(choices=SecretProvider.choices, required=False)
    managed_mode = Enum(choices=SecretMode.choices, required=False)
    value = Text(required=False, allow_null=True)
    description = Text(required=False, allow_null=True, max_length=10_000)
    external_ref = Text(required=False, allow_null=True, min_length=1, max_length=2_000)
    provider_config_id = Uuid(required=False, allow_null=True)
    provider_metadata = Object(required=False, allow_null=True)
    provider_version_ref = Text(required=False, allow_null=True, min_length=1, max_length=200)


class SecretRotateInput(Input):
    """The next value of a secret, or where it lies from now on."""

    value = Text(required=False, allow_null=True)
    external_ref = Text(required=False, allow_null=True, min_length=1, max_length=2_000)
    provider_config_id = Uuid(required=False, allow_null=True)
    provider_version_ref = Text(required=False, allow_null=True, min_length=1, max_length=200)


class SecretOut(ModelOutput):
    """A secret without its value."""

    provider_metadata = serializers.DictField(allow_null=True)

    class Meta:
        model = Secret
        fields: ClassVar = [
            "id", "company_id", "key", "name", "provider", "status", "managed_mode", "external_ref",
            "provider_config_id", "provider_metadata", "latest_version", "description", "last_resolved_at",
            "last_rotated_at", "deleted_at", "created_by_agent_id", "created_by_user_id", "created_at", "updated_at",
        ]  # fmt: skip


class ListedSecretOut(SecretOut):
    """A secret with the number of places it is used in."""

    reference_count = serializers.IntegerField()

    class Meta(SecretOut.Meta):
        fields: ClassVar = [*SecretOut.Meta.fields, "reference_count"]


class SecretBindingOut(ModelOutput):
    """One place that uses a secret."""

    class Meta:
        model = SecretBinding
        fields: ClassVar = [
            "id", "company_id", "secret_id", "target_type", "target_id", "config_path", "version_selector",
            "required", "label", "created_at", "updated_at",
        ]  # fmt: skip


class SecretUsageOut(Output):
    """Where a secret is used."""

    secret_id = serializers.UUIDField()
    bindings = SecretBindingOut(many=True)


class SecretAccessOut(ModelOutput):
    """One resolution of a secret."""

    class Meta:
        model = SecretAccess
        fields: ClassVar = [
            "id", "company_id", "secret_id", "version", "provider", "actor_type", "actor_id", "consumer_type",
            "consumer_id", "config_path", "issue_id", "heartbeat_run_id", "outcome", "error_code", "created_at",
        ]  # fmt: skip


def render(secret: Secret) -> dict[str, Any]:
    """Return a secret as everybody of the board may see it."""
    return SecretOut.render(secret, providerMetadata=redaction.data(secret.provider_metadata))


class SecretView(ActorView):
    """A view of one secret, for the board only."""

    board_only = True

    def find_secret(self, reference: str) -> Secret:
        """Return a secret, a deleted one among them: its record stays."""
        return self.find(Secret.objects.all(), reference, what="Secret")

    def find_kept(self, reference: str) -> Secret:
        """Return a secret that was not deleted."""
        secret = self.find_secret(reference)
        if secret.status == SecretStatus.DELETED:
            raise NotFound("Secret not found")
        return secret


class SecretList(CompanyView):
    """The secrets of a company."""

    board_only = True

    @operation("List secrets, never a value [C-102]", answers=ListedSecretOut, many=True)
    def get(self, request: Request, company_id: str) -> Response:
        rows = Secret.objects.filter(company=self.company).exclude(status=SecretStatus.DELETED)
        return Response(_with_counts(list(rows.order_by("name", "id"))))

    @operation("Keep or link a secret [C-102]", reads=SecretInput, answers=SecretOut, status=201)
    def post(self, request: Request, company_id: str) -> Response:
        fields = SecretInput.read(request.data)
        secret = store.create(company_id=self.company.pk, fields=fields, actor=self.actor, now=self.now)
        return Response(render(secret), status=201)


class SecretDetail(SecretView):
    """One secret."""

    @operation("Change what is said about a secret [C-102]", reads=SecretPatchInput, answers=SecretOut)
    def patch(self, request: Request, secret_id: str) -> Response:
        secret = self.find_kept(secret_id)
        fields = SecretPatchInput.read(request.data, partial=True)
        return Response(render(store.update(secret=secret, fields=fields, actor=self.actor, now=self.now)))

    @operation(
        "Destroy a secret; one in use only with `force` [C-102]",
        answers=Ok,
        query=[query("force", bool, "Delete it although something still uses it.")],
    )
    def delete(self, request: Request, secret_id: str) -> Response:
        secret = self.find_kept(secret_id)
        store.delete(secret=secret, actor=self.actor, now=self.now, even_if_used=flag(request, "force"))
        return Response({"ok": True})


class SecretRotate(SecretView):
    """The next value of a secret."""

    @operation("Give a secret its next value [C-102]", reads=SecretRotateInput, answers=SecretOut)
    def post(self, request: Request, secret_id: str) -> Response:
        secret = self.find_kept(secret_id)
        fields = SecretRotateInput.read(request.data)
        return Response(render(store.rotate(secret=secret, fields=fields, actor=self.actor, now=self.now)))


class SecretUsage(SecretView):
    """Where a secret is used."""

    @operation("List where a secret is used [C-102]", answers=SecretUsageOut)
    def get(self, request: Request, secret_id: str) -> Response:
        secret = self.find_secret(secret_id)
        rows = secret.bindings.order_by("created_at", "id")
        return Response({"secretId": secret.pk, "bindings": SecretBindingOut.render_many(rows)})


class SecretAccessList(SecretView):
    """Who was given a secret."""

    @operation(
        "List resolutions of a secret, newest first [C-102]",
        answers=SecretAccessOut,
        many=True,
        query=[query("limit", int, f"1 to {_MOST_EVENTS}, by default {_EVENTS}.")],
    )
    def get(self, request: Request, secret_id: str) -> Response:
        secret = self.find_secret(secret_id)
        limit = whole_number(request, "limit", default=_EVENTS, least=1, most=_MOST_EVENTS)
        return Response(SecretAccessOut.render_many(secret.accesses.order_by("-created_at", "-id")[:limit]))


def _with_counts(secrets: Sequence[Secret]) -> list[dict[str, Any]]:
    ids: list[UUID] = [secret.pk for secret in secrets]
    counts = usage.counts(ids)
    return [render(secret) | {"referenceCount": counts.get(secret.pk, 0)} for secret in secrets]
