"""What the work costs (C-83 to C-85, C-87)."""

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
from paperclip.governance import cost_sums, costs, quotas
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
    idempotency_key = Text(required=False, allow_null=True, min_length=1, max_length=200)


class SummaryOut(Output):
    """What a company has spent."""

    company_id = serializers.UUIDField()
    spend_cents = serializers.IntegerField()
    budget_cents = serializers.IntegerField()
    utilization_percent = serializers.FloatField()


class SumsOut(Output):
    """What a part of the work used and cost."""

    cost_cents = serializers.IntegerField()
    input_tokens = serializers.IntegerField()
    cached_input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()


class RunSumsOut(SumsOut):
    """The same, with the runs behind it by how they are paid for."""

    api_run_count = serializers.IntegerField()
    subscription_run_count = serializers.IntegerField()
    subscription_cached_input_tokens = serializers.IntegerField()
    subscription_input_tokens = serializers.IntegerField()
    subscription_output_tokens = serializers.IntegerField()


class AgentCostOut(RunSumsOut):
    """What one agent has spent."""

    agent_id = serializers.UUIDField()
    agent_name = serializers.CharField()
    agent_status = serializers.CharField()


class AgentModelCostOut(SumsOut):
    """What one agent has spent on one model."""

    agent_id = serializers.UUIDField()
    agent_name = serializers.CharField()
    provider = serializers.CharField()
    biller = serializers.CharField()
    billing_type = serializers.CharField()
    model = serializers.CharField()


class ProviderCostOut(RunSumsOut):
    """What was spent on one model of a provider, by who bills it and how."""

    provider = serializers.CharField()
    biller = serializers.CharField()
    billing_type = serializers.CharField()
    model = serializers.CharField()


class BillerCostOut(RunSumsOut):
    """What one biller was owed."""

    biller = serializers.CharField()
    provider_count = serializers.IntegerField()
    model_count = serializers.IntegerField()


class ProjectCostOut(SumsOut):
    """What one project cost."""

    project_id = serializers.UUIDField()
    project_name = serializers.CharField()


class WindowSpendOut(SumsOut):
    """What was spent on a provider in the last hours; several billers read `mixed`."""

    provider = serializers.CharField()
    biller = serializers.CharField()
    window = serializers.ChoiceField(choices=list(cost_sums.WINDOWS))
    window_hours = serializers.IntegerField()


class QuotaWindowOut(Output):
    """One window of a provider's quota."""

    label = serializers.CharField()  # type: ignore[assignment]  # the stubs think of a form's label
    used_percent = serializers.FloatField(allow_null=True)
    resets_at = serializers.DateTimeField(allow_null=True)
    value_label = serializers.CharField(allow_null=True)
    detail = serializers.CharField(allow_null=True)


class QuotaOut(Output):
    """What is known of a provider's quota."""

    provider = serializers.CharField()
    ok = serializers.BooleanField()
    error = serializers.CharField(allow_null=True)
    windows = QuotaWindowOut(many=True)


class CostEventList(CompanyView):
    """Costs as they are reported."""

    @operation(
        "Report a cost; under a key it counts once [C-84]",
        reads=CostEventInput,
        answers=CostEventOut,
        status=201,
        also={200: CostEventOut},
    )
    def post(self, request: Request, company_id: str) -> Response:
        fields = CostEventInput.read(request.data)
        event = costs.record(company_id=self.company.id, fields=fields, actor=self.actor, now=self.now)
        return Response(CostEventOut.render(event), status=201 if event.created_at == self.now else 200)


class CostSummary(CompanyView):
    """What a company has spent."""

    @operation("Sum a company's costs [C-85]", answers=SummaryOut, query=RANGE)
    def get(self, request: Request, company_id: str) -> Response:
        start, end = span(request)
        return Response(cost_sums.summary(self.company, now=self.now, start=start, end=end))


class CostByAgent(CompanyView):
    """What each agent has spent."""

    @operation("Sum costs by agent, dearest first [C-85]", answers=AgentCostOut, many=True, query=RANGE)
    def get(self, request: Request, company_id: str) -> Response:
        start, end = span(request)
        return Response(cost_sums.by_agent(self.company.id, start=start, end=end))


class CostByAgentModel(CompanyView):
    """What each agent has spent on each model."""

    @operation("Sum costs by agent and model [C-85]", answers=AgentModelCostOut, many=True, query=RANGE)
    def get(self, request: Request, company_id: str) -> Response:
        start, end = span(request)
        return Response(cost_sums.by_agent_model(self.company.id, start=start, end=end))


class CostByProvider(CompanyView):
    """What was spent on each model."""

    @operation(
        "Sum costs by provider and model, dearest first [C-85]",
        answers=ProviderCostOut,
        many=True,
        query=RANGE,
    )
    def get(self, request: Request, company_id: str) -> Response:
        start, end = span(request)
        return Response(cost_sums.by_provider(self.company.id, start=start, end=end))


class CostByBiller(CompanyView):
    """What each biller was owed."""

    @operation("Sum costs by biller, dearest first [C-85]", answers=BillerCostOut, many=True, query=RANGE)
    def get(self, request: Request, company_id: str) -> Response:
        start, end = span(request)
        return Response(cost_sums.by_biller(self.company.id, start=start, end=end))


class CostByProject(CompanyView):
    """What each project cost."""

    @operation("Sum costs by project, dearest first [C-85]", answers=ProjectCostOut, many=True, query=RANGE)
    def get(self, request: Request, company_id: str) -> Response:
        start, end = span(request)
        return Response(cost_sums.by_project(self.company.id, start=start, end=end))


class WindowSpend(CompanyView):
    """What was spent in the last hours."""

    @operation("Sum the last 5 hours, day and week by provider [C-85]", answers=WindowSpendOut, many=True)
    def get(self, request: Request, company_id: str) -> Response:
        return Response(cost_sums.windows(self.company.id, now=self.now))


class QuotaWindows(CompanyView):
    """What is left of the quotas of providers."""

    board_only = True

    @operation("List what is known of the providers' quotas [C-85]", answers=QuotaOut, many=True)
    def get(self, request: Request, company_id: str) -> Response:
        return Response(QuotaOut.render_many(quotas.of_company(self.company.id, now=self.now)))


def span(request: Request) -> tuple[datetime | None, datetime | None]:
    """Return the range a query asks for, either end open. Raises BadRequest."""
    return moment(request, "from"), moment(request, "to")


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
