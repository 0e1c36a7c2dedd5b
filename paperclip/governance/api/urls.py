from __future__ import annotations

from django.urls import URLPattern, path

from paperclip.governance.api import approvals, budgets, costs, finance, hires

_COMPANY = "companies/<str:company_id>"
_APPROVAL = "approvals/<str:approval_id>"

urlpatterns: list[URLPattern] = [
    path(f"{_COMPANY}/agent-hires", hires.Hire.as_view()),
    path(f"{_COMPANY}/approvals", approvals.ApprovalList.as_view()),
    path(_APPROVAL, approvals.ApprovalDetail.as_view()),
    path(f"{_APPROVAL}/approve", approvals.ApprovalApprove.as_view()),
    path(f"{_APPROVAL}/reject", approvals.ApprovalReject.as_view()),
    path(f"{_APPROVAL}/request-revision", approvals.ApprovalRequestRevision.as_view()),
    path(f"{_APPROVAL}/resubmit", approvals.ApprovalResubmit.as_view()),
    path(f"{_APPROVAL}/comments", approvals.ApprovalComments.as_view()),
    path(f"{_COMPANY}/cost-events", costs.CostEventList.as_view()),
    path(f"{_COMPANY}/costs/summary", costs.CostSummary.as_view()),
    path(f"{_COMPANY}/costs/by-agent", costs.CostByAgent.as_view()),
    path(f"{_COMPANY}/costs/by-agent-model", costs.CostByAgentModel.as_view()),
    path(f"{_COMPANY}/costs/by-provider", costs.CostByProvider.as_view()),
    path(f"{_COMPANY}/costs/by-biller", costs.CostByBiller.as_view()),
    path(f"{_COMPANY}/costs/by-project", costs.CostByProject.as_view()),
    path(f"{_COMPANY}/costs/window-spend", costs.WindowSpend.as_view()),
    path(f"{_COMPANY}/costs/quota-windows", costs.QuotaWindows.as_view()),
    path(f"{_COMPANY}/finance-events", finance.FinanceEventReport.as_view()),
    path(f"{_COMPANY}/costs/finance-summary", finance.FinanceSummary.as_view()),
    path(f"{_COMPANY}/costs/finance-by-biller", finance.FinanceByBiller.as_view()),
    path(f"{_COMPANY}/costs/finance-by-kind", finance.FinanceByKind.as_view()),
    path(f"{_COMPANY}/costs/finance-events", finance.FinanceEventList.as_view()),
    path(f"{_COMPANY}/budgets", budgets.CompanyBudget.as_view()),
    path(f"{_COMPANY}/budgets/policies", budgets.BudgetPolicies.as_view()),
    path(f"{_COMPANY}/budgets/overview", budgets.BudgetOverview.as_view()),
    path(f"{_COMPANY}/budget-incidents/<str:incident_id>/resolve", budgets.IncidentResolve.as_view()),
    path("agents/<str:agent_ref>/budgets", budgets.AgentBudget.as_view()),
]
