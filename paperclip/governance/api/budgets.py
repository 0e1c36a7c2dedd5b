"""What companies and agents may spend (C-92)."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies.api.agents import AgentOut, AgentView
from paperclip.companies.api.agents import render as render_agent
from paperclip.companies.api.base import CompanyView
from paperclip.companies.api.companies import CompanyOut
from paperclip.companies.api.companies import render as render_companies
from paperclip.core.api.fields import MAX_BIG_INT, Int
from paperclip.core.api.inputs import Input
from paperclip.core.api.schema import operation
from paperclip.governance import budgets


class BudgetInput(Input):
    """What may be spent in a UTC month, in cents; 0 means no limit."""

    budget_monthly_cents = Int(min_value=0, max_value=MAX_BIG_INT)


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
