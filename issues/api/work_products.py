"""Work products of issues (I-185 to I-187)."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import urlsplit

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from issues import work_products
from issues.api.base import IssueView
from issues.choices import HealthStatus, ReviewState, WorkProductStatus, WorkProductType
from issues.models import WorkProduct
from paperclip.companies.api import repeating
from paperclip.companies.api.base import ActorView
from paperclip.core.api.fields import Bool, Enum, Object, Text, Uuid
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import ModelOutput
from paperclip.core.api.schema import operation

_SCRIPTS = ("javascript", "data", "vbscript")


class Url(Text):
    """An absolute address that is no script."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        try:
            parts = urlsplit(text.strip())
        except ValueError:
            parts = None
        if parts is None or not parts.scheme or not (parts.netloc or parts.path):
            raise serializers.ValidationError("Invalid url")
        if parts.scheme.lower() in _SCRIPTS:
            raise serializers.ValidationError("A url may not be a script")
        return text


class WorkProductInput(Input):
    """What came of the work on an issue (I-21)."""

    type = Enum(choices=WorkProductType.choices)
    provider = Text(min_length=1)
    title = Text(min_length=1)
    project_id = Uuid(required=False, allow_null=True)
    execution_workspace_id = Uuid(required=False, allow_null=True)
    runtime_service_id = Uuid(required=False, allow_null=True)
    external_id = Text(required=False, allow_null=True)
    url = Url(required=False, allow_null=True, min_length=1)
    status = Enum(choices=WorkProductStatus.choices, required=False)
    review_state = Enum(choices=ReviewState.choices, required=False)
    is_primary = Bool(required=False)
    health_status = Enum(choices=HealthStatus.choices, required=False)
    summary = Text(required=False, allow_null=True)
    metadata = Object(required=False, allow_null=True)
    created_by_run_id = Uuid(required=False, allow_null=True)


class WorkProductOut(ModelOutput):
    """What came of the work on an issue (I-21)."""

    metadata = serializers.DictField(allow_null=True)

    class Meta:
        model = WorkProduct
        fields: ClassVar = [
            "id", "company_id", "project_id", "issue_id", "execution_workspace_id", "runtime_service_id",
            "type", "provider", "external_id", "title", "url", "status", "review_state", "is_primary",
            "health_status", "summary", "metadata", "created_by_run_id", "created_at", "updated_at",
        ]  # fmt: skip


class WorkProductsView(IssueView):
    """`GET` and `POST /issues/:id/work-products`."""

    @operation("List the work products of an issue [I-185]", answers=WorkProductOut, many=True)
    def get(self, request: Request, issue_id: str) -> Response:
        """Answer the primary ones first, then by their last change."""
        return Response(WorkProductOut.render_many(work_products.of(self.locate(issue_id))))

    @operation(
        "Add a work product to an issue [I-186]", reads=WorkProductInput, answers=WorkProductOut, status=201
    )
    @repeating.once
    def post(self, request: Request, issue_id: str) -> Response:
        """Add a work product."""
        target = self.locate(issue_id)
        fields = WorkProductInput.read(request.data)
        row = work_products.add(issue_id=target, fields=fields, actor=self.actor, now=self.now)
        return Response(WorkProductOut.render(row), status=201)


class WorkProductView(ActorView):
    """`PATCH` and `DELETE /work-products/:id`."""

    @operation("Change a work product [I-187]", reads=WorkProductInput, answers=WorkProductOut)
    def patch(self, request: Request, product_id: str) -> Response:
        """Change what was sent and leave the rest."""
        row = self._found(product_id)
        fields = WorkProductInput.read(request.data, partial=True)
        changed = work_products.update(product_id=row.pk, fields=fields, actor=self.actor, now=self.now)
        return Response(WorkProductOut.render(changed))

    @operation("Delete a work product [I-187]", answers=WorkProductOut)
    def delete(self, request: Request, product_id: str) -> Response:
        """Delete it and answer what it was."""
        row = work_products.remove(product_id=self._found(product_id).pk, actor=self.actor, now=self.now)
        return Response(WorkProductOut.render(row))

    def _found(self, product_id: str) -> WorkProduct:
        return self.find(WorkProduct.objects.all(), product_id, what="Work product")
