"""Pictures of a company, its logo among them (C-104)."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpResponseBase
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies import assets, logos
from paperclip.companies.api.base import ActorView, CompanyView
from paperclip.companies.models import Asset
from paperclip.core.api import downloads
from paperclip.core.api.fields import Text
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import ModelOutput
from paperclip.core.api.schema import operation
from paperclip.core.api.uploads import FilePart, UploadView

_NAMESPACE = r"^[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*$"
_DEFAULT_NAMESPACE = "general"


class AssetOut(ModelOutput):
    """A file of a company."""

    asset_id = serializers.UUIDField(source="id")
    content_path = serializers.CharField()

    class Meta:
        model = Asset
        fields: ClassVar = [
            "asset_id", "company_id", "provider", "object_key", "content_type", "byte_size", "sha256",
            "original_filename", "created_by_agent_id", "created_by_user_id", "created_at", "updated_at",
            "content_path",
        ]  # fmt: skip


class Namespace(Text, serializers.RegexField):
    """Words of letters, digits, `-` and `_`, with `/` between them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(regex=_NAMESPACE, min_length=1, max_length=120, **options)


class ImageFields(Input):
    """What may stand beside a picture."""

    namespace = Namespace(required=False)


class ImageInput(ImageFields):
    """A picture in a multipart body."""

    file = FilePart()


class LogoInput(Input):
    """A logo in a multipart body."""

    file = FilePart()


class _PictureView(UploadView, CompanyView):
    what = "Image"

    def answer(self, request: Request, namespace: str | None) -> Response:
        """Keep the picture in the body and answer its row; without a namespace, the body may name one."""
        upload, fields = self.receive(request, limit=assets.limit(self.company), what=self.what)
        namespace = namespace or ImageFields.read(fields).get("namespace", _DEFAULT_NAMESPACE)
        asset = assets.add_image(
            company=self.company, upload=upload, namespace=namespace, actor=self.actor, now=self.now
        )
        return Response(AssetOut.render(asset, contentPath=assets.content_path(asset.pk)), status=201)


class CompanyImages(_PictureView):
    """`POST /companies/:companyId/assets/images`."""

    @operation(
        "Upload a picture [C-104]", reads={"multipart/form-data": ImageInput}, answers=AssetOut, status=201
    )
    def post(self, request: Request, company_id: str) -> Response:
        """Keep a picture."""
        return self.answer(request, None)


class CompanyLogoUpload(_PictureView):
    """`POST /companies/:companyId/logo`."""

    what = "Logo"

    @operation(
        "Upload a logo, to be set by a change of the company [C-104]",
        reads={"multipart/form-data": LogoInput},
        answers=AssetOut,
        status=201,
    )
    def post(self, request: Request, company_id: str) -> Response:
        """Keep a picture that is to be the logo."""
        return self.answer(request, logos.NAMESPACE)


class AssetContent(ActorView):
    """`GET /assets/:assetId/content`."""

    @operation(
        "Read the file of an asset [C-104]",
        answers=downloads.CONTENT,
        media_type="*/*",
        also={304: downloads.UNCHANGED},
    )
    def get(self, request: Request, asset_id: str) -> HttpResponseBase:
        """Answer the file."""
        asset = self.find(Asset.objects.all(), asset_id, what="Asset")
        return downloads.answer(
            request, sha256=asset.sha256, content_type=asset.content_type, name=asset.original_filename
        )
