"""Charges, fees and credits (C-87)."""

from __future__ import annotations

from typing import ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies.api import repeating
from paperclip.companies.api.base import CompanyView
from paperclip.core.api.fields import MAX_BIG_INT, Bool, Enum, Int, Moment, Object, Text, Uuid
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import ModelOutput, Output
from paperclip.core.api.schema import operation, query
from paperclip.core.errors import BadRequest
from paperclip.governance import finance
from paperclip.governance.api.costs import MOST, RANGE, span
from paperclip.governance.choices import FinanceDirection, FinanceKind, FinanceUnit
from paperclip.governance.models import FinanceEvent

_DEFAULT_LIMIT, _MAX_LIMIT = 100, 500


class Currency(Text):
    """Three letters, as ISO 4217 has them; small ones are taken for large."""

    def to_internal_value(self, data: object) -> str:
        text = super().to_internal_value(data)
        if len(text) != 3 or not (text.isascii() and text.isalpha()):
            raise serializers.ValidationError("Expected a currency of three letters")
        return text.upper()


class FinanceEventOut(ModelOutput):
    """One charge, fee or credit."""

    class Meta:
        model = FinanceEvent
        fields: ClassVar = [
            "id", "company_id", "agent_id", "issue_id", "project_id", "goal_id", "heartbeat_run_id",
            "cost_event_id", "billing_code", "description", "event_kind", "direction", "biller", "provider",
            "execution_adapter_type", "pricing_tier", "region", "model", "quantity", "unit", "amount_cents",
            "currency", "estimated", "external_invoice_id", "metadata_json", "occurred_at", "created_at",
        ]  # fmt: skip


class FinanceEventInput(Input):
    """A charge, fee or credit to report."""

    agent_id = Uuid(required=False, allow_null=True)
    issue_id = Uuid(required=False, allow_null=True)
    project_id = Uuid(required=False, allow_null=True)
    goal_id = Uuid(required=False, allow_null=True)
    heartbeat_run_id = Uuid(required=False, allow_null=True)
    cost_event_id = Uuid(required=False, allow_null=True)
    billing_code = Text(required=False, allow_null=True, max_length=500)
    description = Text(required=False, allow_null=True, max_length=500)
    event_kind = Enum(choices=FinanceKind.choices)
    direction = Enum(choices=FinanceDirection.choices, required=False)
    biller = Text(min_length=1, max_length=200)
    provider = Text(required=False, allow_null=True, min_length=1, max_length=200)
    execution_adapter_type = Text(required=False, allow_null=True, min_length=1, max_length=200)
    pricing_tier = Text(required=False, allow_null=True, min_length=1, max_length=200)
    region = Text(required=False, allow_null=True, min_length=1, max_length=200)
    model = Text(required=False, allow_null=True, min_length=1, max_length=200)
    quantity = Int(required=False, allow_null=True, min_value=0, max_value=MAX_BIG_INT)
    unit = Enum(choices=FinanceUnit.choices, required=False, allow_null=True)
    amount_cents = Int(min_value=0, max_value=MOST)
    currency = Currency(required=False, min_length=3, max_length=3)
    estimated = Bool(required=False)
    external_invoice_id = Text(required=False, allow_null=True, max_length=500)
    metadata_json = Object(required=False, allow_null=True)
    occurred_at = Moment()


class FinanceSumsOut(Output):
    """What was charged, what was given back, and the difference."""

    debit_cents = serializers.IntegerField()
    credit_cents = serializers.IntegerField()
    net_cents = serializers.IntegerField()
    estimated_debit_cents = serializers.IntegerField()
    event_count = serializers.IntegerField()


class FinanceSummaryOut(FinanceSumsOut):
    """The sums of a company."""

    company_id = serializers.UUIDField()


class BillerFinanceOut(FinanceSumsOut):
    """The sums of one biller."""

    biller = serializers.CharField()
    kind_count = serializers.IntegerField()


class KindFinanceOut(FinanceSumsOut):
    """The sums of one kind of event."""

    event_kind = serializers.CharField()
    biller_count = serializers.IntegerField()


class FinanceEventReport(CompanyView):
    """Reporting charges, fees and credits."""

    board_only = True

    @operation(
        "Report a charge or credit [C-87]", reads=FinanceEventInput, answers=FinanceEventOut, status=201
    )
    @repeating.once
    def post(self, request: Request, company_id: str) -> Response:
        fields = FinanceEventInput.read(request.data)
        event = finance.record(company=self.company, fields=fields, actor=self.actor, now=self.now)
        return Response(FinanceEventOut.render(event), status=201)


class FinanceEventList(CompanyView):
    """Charges, fees and credits as they were reported."""

    @operation(
        "List charges and credits, newest first [C-87]",
        answers=FinanceEventOut,
        many=True,
        query=[*RANGE, query("limit", int, text="1 to 500; 100 when left out.")],
    )
    def get(self, request: Request, company_id: str) -> Response:
        start, end = span(request)
        rows = finance.newest(self.company.id, limit=_limit(request), start=start, end=end)
        return Response(FinanceEventOut.render_many(rows))


class FinanceSummary(CompanyView):
    """The sums of a company."""

    @operation("Sum charges and credits [C-87]", answers=FinanceSummaryOut, query=RANGE)
    def get(self, request: Request, company_id: str) -> Response:
        start, end = span(request)
        return Response(finance.summary(self.company.id, start=start, end=end))


class FinanceByBiller(CompanyView):
    """The sums of each biller."""

    @operation(
        "Sum charges by biller, dearest first [C-87]", answers=BillerFinanceOut, many=True, query=RANGE
    )
    def get(self, request: Request, company_id: str) -> Response:
        start, end = span(request)
        return Response(finance.by_biller(self.company.id, start=start, end=end))


class FinanceByKind(CompanyView):
    """The sums of each kind of event."""

    @operation("Sum charges by kind, dearest first [C-87]", answers=KindFinanceOut, many=True, query=RANGE)
    def get(self, request: Request, company_id: str) -> Response:
        start, end = span(request)
        return Response(finance.by_kind(self.company.id, start=start, end=end))


def _limit(request: Request) -> int:
    text = request.query_params.get("limit")
    if text is None:
        return _DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(_MAX_LIMIT)):
        raise BadRequest("invalid 'limit' value")
    if not 1 <= int(text) <= _MAX_LIMIT:
        raise BadRequest("invalid 'limit' value")
    return int(text)
