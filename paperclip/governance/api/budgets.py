"""What companies, agents and projects may spend (C-91 to C-94)."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies.api.agents import AgentOut, AgentView
from paperclip.companies.api.agents import render as render_agent
from paperclip.companies.api.base import CompanyView
from paperclip.companies.api.companies import CompanyOut
from paperclip.companies.api.companies import render as render_companies
from paperclip.core import naming
from paperclip.core.api.fields import MAX_BIG_INT, Bool, Enum, Int, Text, Uuid
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import Output
from paperclip.core.api.schema import operation
from paperclip.core.errors import NotFound
from paperclip.governance import budget_decisions, budget_figures, budgets
from paperclip.governance.choices import (
    BudgetMetric,
    BudgetScope,
    BudgetThreshold,
    BudgetWindow,
    IncidentStatus,
)


class BudgetInput(Input):
    """What may be spent in a UTC month, in cents; 0 means no limit."""

    budget_monthly_cents = Int(min_value=0, max_value=MAX_BIG_INT)


class BudgetPolicyInput(Input):
    """A budget; what is left out stays as it is, or is the default of a new one. 0 switches it off."""

    scope_type = Enum(choices=BudgetScope.choices)
    scope_id = Uuid()
    metric = Enum(choices=BudgetMetric.choices, required=False)
    window_kind = Enum(choices=BudgetWindow.choices, required=False)
    amount = Int(min_value=0, max_value=MAX_BIG_INT)
    warn_percent = Int(required=False, min_value=1, max_value=99)
    hard_stop_enabled = Bool(required=False)
    notify_enabled = Bool(required=False)
    is_active = Bool(required=False)


class ResolveInput(Input):
    """What a person decides about a budget that is used up; `amount` in cents, to raise it."""

    action = Enum(choices=[(each, each) for each in (budget_decisions.RAISE, budget_decisions.KEEP)])
    amount = Int(required=False, allow_null=True, min_value=0, max_value=MAX_BIG_INT)
    decision_note = Text(required=False, allow_null=True, max_length=20_000, multiline=True)


class BudgetPolicyOut(Output):
    """How a budget stands; money in cents."""

    policy_id = serializers.UUIDField()
    company_id = serializers.UUIDField()
    scope_type = serializers.ChoiceField(choices=BudgetScope.values)
    scope_id = serializers.UUIDField()
    scope_name = serializers.CharField()
    metric = serializers.ChoiceField(choices=BudgetMetric.values)
    window_kind = serializers.ChoiceField(choices=BudgetWindow.values)
    amount = serializers.IntegerField()
    observed_amount = serializers.IntegerField()
    remaining_amount = serializers.IntegerField()
    utilization_percent = serializers.FloatField()
    warn_percent = serializers.IntegerField()
    hard_stop_enabled = serializers.BooleanField()
    notify_enabled = serializers.BooleanField()
    is_active = serializers.BooleanField()
    status = serializers.ChoiceField(choices=["ok", "warning", "hard_stop"])
    paused = serializers.BooleanField()
    pause_reason = serializers.CharField(allow_null=True)
    window_start = serializers.DateTimeField()
    window_end = serializers.DateTimeField()


class IncidentOut(Output):
    """A budget that came near its end, or to it; money in cents."""

    id = serializers.UUIDField()
    company_id = serializers.UUIDField()
    policy_id = serializers.UUIDField()
    scope_type = serializers.ChoiceField(choices=BudgetScope.values)
    scope_id = serializers.UUIDField()
    scope_name = serializers.CharField()
    metric = serializers.ChoiceField(choices=BudgetMetric.values)
    window_kind = serializers.ChoiceField(choices=BudgetWindow.values)
    window_start = serializers.DateTimeField()
    window_end = serializers.DateTimeField()
    threshold_type = serializers.ChoiceField(choices=BudgetThreshold.values)
    amount_limit = serializers.IntegerField()
    amount_observed = serializers.IntegerField()
    status = serializers.ChoiceField(choices=IncidentStatus.values)
    approval_id = serializers.UUIDField(allow_null=True)
    approval_status = serializers.CharField(allow_null=True)
    resolved_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class OverviewOut(Output):
    """Every budget of a company, and what waits for a person."""

    company_id = serializers.UUIDField()
    policies = BudgetPolicyOut(many=True)
    active_incidents = IncidentOut(many=True)
    paused_agent_count = serializers.IntegerField()
    paused_project_count = serializers.IntegerField()
    pending_approval_count = serializers.IntegerField()


class CompanyBudget(CompanyView):
    """What a company may spend."""

    board_only = True

    @operation("Set a company's monthly budget [C-92]", reads=BudgetInput, answers=CompanyOut)
    def patch(self, request: Request, company_id: str) -> Response:
        cents = BudgetInput.read(request.data)["budget_monthly_cents"]
        company = budgets.set_company_budget(
            company=self.company, cents=cents, actor=self.actor, now=self.now
        )
        return Response(render_companies([company], self)[0])


class AgentBudget(AgentView):
    """What an agent may spend."""

    board_only = True

    @operation("Set an agent's monthly budget [C-92]", reads=BudgetInput, answers=AgentOut)
    def patch(self, request: Request, agent_ref: str) -> Response:
        agent = self.find_agent(agent_ref)
        cents = BudgetInput.read(request.data)["budget_monthly_cents"]
        agent = budgets.set_agent_budget(agent=agent, cents=cents, actor=self.actor, now=self.now)
        return Response(render_agent(agent, self))


class BudgetPolicies(CompanyView):
    """Setting budgets."""

    board_only = True

    @operation("Set a budget [C-91]", reads=BudgetPolicyInput, answers=BudgetPolicyOut)
    def post(self, request: Request, company_id: str) -> Response:
        fields = BudgetPolicyInput.read(request.data)
        policy = budgets.upsert(company=self.company, fields=fields, actor=self.actor, now=self.now)
        return Response(budget_figures.summary(policy, now=self.now))


class BudgetOverview(CompanyView):
    """How the budgets of a company stand."""

    @operation("List budgets and what waits for a decision [C-94]", answers=OverviewOut)
    def get(self, request: Request, company_id: str) -> Response:
        return Response(budget_figures.overview(self.company.id, now=self.now))


class IncidentResolve(CompanyView):
    """Deciding about a budget that is used up."""

    board_only = True

    @operation("Raise a budget, or keep its scope paused [C-93]", reads=ResolveInput, answers=IncidentOut)
    def post(self, request: Request, company_id: str, incident_id: str) -> Response:
        fields = ResolveInput.read(request.data)
        found = naming.as_uuid(incident_id)
        if found is None:
            raise NotFound("Budget incident not found")
        incident = budget_decisions.resolve(
            company=self.company,
            incident_id=found,
            action=fields["action"],
            amount=fields.get("amount"),
            note=fields.get("decision_note"),
            actor=self.actor,
            now=self.now,
        )
        return Response(budget_figures.incident(incident))
