"""Companies (C-29 to C-31)."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies import assets, auth, lifecycle, queries, removal, rights
from paperclip.companies.api import repeating
from paperclip.companies.api.base import ActorView, CompanyView
from paperclip.companies.choices import CompanyStatus
from paperclip.companies.models import Company
from paperclip.core.api.fields import MAX_BIG_INT, Bool, Enum, Int, Text, Uuid
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import ModelOutput
from paperclip.core.api.schema import Ok, operation
from paperclip.core.api.views import ApiView
from paperclip.core.errors import BadRequest, Forbidden, Invalid

MAX_ATTACHMENT_BYTES = 1_073_741_824
MAX_CONCURRENT_RUNS = 10_000
_COLOR = r"^#[0-9a-fA-F]{6}$"


class Color(Text, serializers.RegexField):
    """A colour as `#rrggbb`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(regex=_COLOR, **options)


class CompanyOut(ModelOutput):
    """A company; what it has spent is the sum of this UTC month."""

    spent_monthly_cents = serializers.IntegerField()
    logo_asset_id = serializers.UUIDField(allow_null=True)
    logo_url = serializers.CharField(allow_null=True)

    class Meta:
        model = Company
        fields: ClassVar = [
            "id", "name", "description", "status", "pause_reason", "paused_at", "issue_prefix",
            "issue_counter", "budget_monthly_cents", "spent_monthly_cents", "attachment_max_bytes",
            "max_concurrent_runs", "draining_since",
            "require_board_approval_for_new_agents", "feedback_data_sharing_enabled",
            "feedback_data_sharing_consent_at", "feedback_data_sharing_consent_by_user_id",
            "feedback_data_sharing_terms_version", "brand_color", "logo_asset_id", "logo_url", "created_at",
            "updated_at",
        ]  # fmt: skip


class CompanyInput(Input):
    """A company to found."""

    name = Text(min_length=1, max_length=200)
    description = Text(required=False, allow_null=True, max_length=100_000)
    budget_monthly_cents = Int(required=False, min_value=0, max_value=MAX_BIG_INT)
    attachment_max_bytes = Int(required=False, min_value=1, max_value=MAX_ATTACHMENT_BYTES)


class CompanyPatch(CompanyInput):
    """Changes of a company by the board."""

    status = Enum(choices=CompanyStatus.choices, required=False)
    max_concurrent_runs = Int(required=False, allow_null=True, min_value=1, max_value=MAX_CONCURRENT_RUNS)
    spent_monthly_cents = Int(required=False, min_value=0, max_value=MAX_BIG_INT)
    require_board_approval_for_new_agents = Bool(required=False)
    feedback_data_sharing_enabled = Bool(required=False)
    brand_color = Color(required=False, allow_null=True)
    logo_asset_id = Uuid(required=False, allow_null=True)


class BrandingPatch(Input):
    """How a company looks."""

    strict = True

    name = Text(min_length=1, max_length=200, required=False)
    description = Text(required=False, allow_null=True, max_length=100_000)
    brand_color = Color(required=False, allow_null=True)
    logo_asset_id = Uuid(required=False, allow_null=True)


def render(companies: list[Company], view: ActorView) -> list[dict[str, Any]]:
    """Return the answers for companies, with one query each for what they have spent and for their logos."""
    ids = [company.id for company in companies]
    spent, logos = queries.company_spend(ids, now=view.now), assets.logos(ids)
    return [
        CompanyOut.render(
            company,
            spentMonthlyCents=spent.get(company.id, 0),
            logoAssetId=logos.get(company.id),
            logoUrl=assets.content_path(logos[company.id]) if company.id in logos else None,
        )
        for company in companies
    ]


class CompanyList(ActorView):
    """The caller's companies."""

    board_only = True

    @operation("List companies [C-30]", answers=CompanyOut, many=True)
    def get(self, request: Request) -> Response:
        return Response(render(list(queries.companies_of(self.actor)), self))

    @operation("Create a company [C-30]", reads=CompanyInput, answers=CompanyOut, status=201)
    @repeating.once
    def post(self, request: Request) -> Response:
        rights.require_instance_admin(self.actor)
        fields = CompanyInput.read(request.data)
        company = lifecycle.create(fields=fields, actor=self.actor, now=self.now)
        return Response(render([company], self)[0], status=201)


class CompanyStats(ActorView):
    """How much there is in each company."""

    board_only = True

    @operation("Count agents and issues by company [C-30]", answers=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        return Response(queries.company_stats(self.actor.company_ids))


class MissingCompany(ApiView):
    """A common slip: the issues of no company."""

    @operation("Answer that the company is missing from the path [C-30]", status=400)
    def get(self, request: Request) -> Response:
        raise BadRequest("Missing companyId in path. Use /api/companies/{companyId}/issues.")


class CompanyDetail(CompanyView):
    """One company."""

    board_methods = ("DELETE",)
    archived_methods = ("PATCH", "DELETE")

    @operation("Get a company [C-30]", answers=CompanyOut)
    def get(self, request: Request, company_id: str) -> Response:
        return Response(render([self.company], self)[0])

    @operation("Change a company [C-30]", reads=CompanyPatch, answers=CompanyOut)
    def patch(self, request: Request, company_id: str) -> Response:
        if self.actor.is_agent and not rights.is_ceo(self.actor):
            raise Forbidden("Only CEO agents or board users may update company settings")
        schema: type[Input] = BrandingPatch if self.actor.is_agent else CompanyPatch
        fields = schema.read(request.data, partial=True)
        company = lifecycle.update(company=self.company, fields=fields, actor=self.actor, now=self.now)
        return Response(render([company], self)[0])

    @operation("Delete a company with everything in it [C-30]", answers=Ok)
    def delete(self, request: Request, company_id: str) -> Response:
        removal.remove(company=self.company, actor=self.actor, now=self.now)
        return Response({"ok": True})


class CompanyBranding(CompanyView):
    """How one company looks."""

    @operation("Change a company's branding [C-30]", reads=BrandingPatch, answers=CompanyOut)
    def patch(self, request: Request, company_id: str) -> Response:
        if self.actor.is_agent and not rights.is_ceo(self.actor):
            raise Forbidden("Only CEO agents can update company branding")
        fields = BrandingPatch.read(request.data, partial=True)
        if not fields:
            raise Invalid.at(message="At least one branding field must be provided")
        company = lifecycle.update(
            company=self.company,
            fields=fields,
            actor=self.actor,
            now=self.now,
            action="company.branding_updated",
        )
        return Response(render([company], self)[0])


class CompanyArchive(CompanyView):
    """Putting a company away."""

    archived_methods = ("POST",)

    @operation("Archive a company [C-30]", answers=CompanyOut)
    def post(self, request: Request, company_id: str) -> Response:
        auth.require_board(self.actor)
        company = lifecycle.archive(company=self.company, actor=self.actor, now=self.now)
        return Response(render([company], self)[0])


class CompanyDrain(CompanyView):
    """Letting a company's runs come to their end, and starting none."""

    @operation("Let nothing new start in a company", answers=CompanyOut)
    def post(self, request: Request, company_id: str) -> Response:
        auth.require_board(self.actor)
        company = lifecycle.drain(company=self.company, actor=self.actor, now=self.now)
        return Response(render([company], self)[0])


class CompanyUndrain(CompanyView):
    """Letting the runs start that waited through a drain."""

    @operation("Let a company's runs start again", answers=CompanyOut)
    def post(self, request: Request, company_id: str) -> Response:
        auth.require_board(self.actor)
        company = lifecycle.undrain(company=self.company, actor=self.actor, now=self.now)
        return Response(render([company], self)[0])
