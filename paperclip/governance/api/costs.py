"""What the work costs (C-83 to C-85)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies.api.base import CompanyView
from paperclip.core.api.fields import Enum, Int, Moment, Text, Uuid
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import ModelOutput, Output
from paperclip.core.api.schema import operation, query
from paperclip.core.errors import BadRequest
from paperclip.governance import costs
from paperclip.governance.choices import BillingType
from paperclip.governance.models import CostEvent

# Of cents or tokens in one event: sums of any number of them that can be stored stay within 64 bits.
MOST = 2**40
RANGE = [query("from", text="First moment."), query("to", text="Last moment, included.")]


class CostEventOut(ModelOutput):
    """One cost."""

    class Meta:
        model = CostEvent
        fields: ClassVar = [
            "id", "company_id", "agent_id", "issue_id", "project_id", "goal_id", "heartbeat_run_id",
            "billing_code", "provider", "biller", "billing_type", "model", "input_tokens",
            "cached_input_tokens", "output_tokens", "cost_cents", "occurred_at", "created_at",
        ]  # fmt: skip


class CostEventInput(Input):
    """A cost to report."""

    agent_id = Uuid()
    issue_id = Uuid(required=False, allow_null=True)
    project_id = Uuid(required=False, allow_null=True)
    goal_id = Uuid(required=False, allow_null=True)
    heartbeat_run_id = Uuid(required=False, allow_null=True)
    billing_code = Text(required=False, allow_null=True, max_length=500)
    provider = Text(min_length=1, max_length=200)
    biller = Text(min_length=1, max_length=200, required=False)
    billing_type = Enum(choices=BillingType.choices, required=False)
    model = Text(min_length=1, max_length=200)
    input_tokens = Int(required=False, min_value=0, max_value=MOST)
    cached_input_tokens = Int(required=False, min_value=0, max_value=MOST)
    output_tokens = Int(required=False, min_value=0, max_value=MOST)
    cost_cents = Int(min_value=0, max_value=MOST)
    occurred_at = Moment()


class SummaryOut(Output):
    """What a company has spent."""

    company_id = serializers.UUIDField()
    spend_cents = serializers.IntegerField()
    budget_cents = serializers.IntegerField()
    utilization_percent = serializers.FloatField()


class AgentCostOut(Output):
    """What one agent has spent."""

    agent_id = serializers.UUIDField()
    agent_name = serializers.CharField()
    agent_status = serializers.CharField()
    cost_cents = serializers.IntegerField()
    input_tokens = serializers.IntegerField()
    cached_input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    api_run_count = serializers.IntegerField()
    subscription_run_count = serializers.IntegerField()
    subscription_cached_input_tokens = serializers.IntegerField()
    subscription_input_tokens = serializers.IntegerField()
    subscription_output_tokens = serializers.IntegerField()


class CostEventList(CompanyView):
    """Costs as they are reported."""

    @operation("Report a cost [C-84]", reads=CostEventInput, answers=CostEventOut, status=201)
    def post(self, request: Request, company_id: str) -> Response:
        fields = CostEventInput.read(request.data)
        event = costs.record(company_id=self.company.id, fields=fields, actor=self.actor, now=self.now)
        return Response(CostEventOut.render(event), status=201)


class CostSummary(CompanyView):
    """What a company has spent."""

    @operation("Sum a company's costs [C-85]", answers=SummaryOut, query=RANGE)
    def get(self, request: Request, company_id: str) -> Response:
        start, end = moment(request, "from"), moment(request, "to")
        return Response(costs.summary(self.company, start=start, end=end))


class CostByAgent(CompanyView):
    """What each agent has spent."""

    @operation("Sum costs by agent, dearest first [C-85]", answers=AgentCostOut, many=True, query=RANGE)
    def get(self, request: Request, company_id: str) -> Response:
        start, end = moment(request, "from"), moment(request, "to")
        return Response(costs.by_agent(self.company.id, start=start, end=end))


def moment(request: Request, name: str) -> datetime | None:
    """Return a moment from the query: ISO 8601 with any offset (UTC when none), or a date.

    Raises BadRequest.
    """
    text = request.query_params.get(name)
    if not text:
        return None
    try:
        # In a query an unescaped plus arrives as a space.
        found = datetime.fromisoformat(
            text.strip().replace(" ", "+") if text.count(":") > 2 else text.strip()
        )
        if len(text.strip()) == len("2026-01-31"):
            found = datetime.combine(date.fromisoformat(text.strip()), time.min)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise BadRequest(f"invalid '{name}' date") from error
