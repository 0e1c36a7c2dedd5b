"""`/companies/:companyId/labels` and `/labels/:labelId` (I-197 to I-199)."""

from __future__ import annotations

import re

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from issues import labels
from issues.api.shapes import LabelOut
from issues.models import Label
from paperclip.companies.api import repeating
from paperclip.companies.api.base import ActorView, CompanyView
from paperclip.core.api.fields import Text
from paperclip.core.api.inputs import Input
from paperclip.core.api.schema import operation

_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


class LabelInput(Input):
    """A new label."""

    name = Text(trim_whitespace=True, min_length=1, max_length=48)
    color = Text()

    def validate_color(self, value: str) -> str:
        """Refuse anything but `#RRGGBB`."""
        if not _COLOR.fullmatch(value):
            raise serializers.ValidationError("Color must be a hex color such as #1a2b3c")
        return value


class LabelsView(CompanyView):
    """`GET` and `POST /companies/:companyId/labels`."""

    @operation("List the labels of a company [I-197]", answers=LabelOut, many=True)
    def get(self, request: Request, company_id: str) -> Response:
        """Answer the labels by name."""
        return Response(
            LabelOut.render_many(Label.objects.filter(company=self.company).order_by("name", "id"))
        )

    @operation("Create a label [I-198]", reads=LabelInput, answers=LabelOut, status=201)
    @repeating.once
    def post(self, request: Request, company_id: str) -> Response:
        """Create a label; 409 when there is one of that name."""
        values = LabelInput.read(request.data)
        label = labels.create(company_id=self.company.pk, actor=self.actor, now=self.now, **values)
        return Response(LabelOut.render(label), status=201)


class LabelView(ActorView):
    """`DELETE /labels/:labelId`."""

    @operation("Delete a label [I-199]", answers=LabelOut)
    def delete(self, request: Request, label_id: str) -> Response:
        """Delete a label and answer what it was."""
        label = self.find(Label.objects.all(), label_id, what="Label")
        labels.delete(label=label, actor=self.actor, now=self.now)
        return Response(LabelOut.render(label))
